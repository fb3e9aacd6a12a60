//! The layout of the messages between a pool and its workers.
//!
//! A call: the payload, and its number. An answer: the bytes, and a trailer of three words (the worker's seat and the kind of the answer; how
//! long the call ran, in nanoseconds; the number of the call).

/// The length of the number behind the payload of a call.
pub(super) const NUMBER: usize = 8;

/// The length of the trailer behind the bytes of an answer.
pub(super) const TRAILER: usize = 24;

/// The kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The call returned.
    Returned,
    /// The call failed.
    Failed,
    /// The worker is ready for calls.
    Ready,
    /// The worker will take no calls.
    Refuses,
    /// The worker will take no more calls, and end.
    Leaves,
}

impl Kind {
    fn of(number: u32) -> Self {
        match number {
            0 => Kind::Returned,
            1 => Kind::Failed,
            2 => Kind::Ready,
            4 => Kind::Leaves,
            _ => Kind::Refuses,
        }
    }

    fn number(self) -> u32 {
        match self {
            Kind::Returned => 0,
            Kind::Failed => 1,
            Kind::Ready => 2,
            Kind::Refuses => 3,
            Kind::Leaves => 4,
        }
    }
}

/// The trailer of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trailer {
    pub(super) seat: u32,
    pub(super) kind: Kind,
    /// How long the call ran.
    pub(super) nanos: u64,
    pub(super) number: u64,
}

impl Trailer {
    pub(super) fn to_bytes(self) -> [u8; TRAILER] {
        let first = u64::from(self.seat) << 32 | u64::from(self.kind.number());
        let mut bytes = [0; TRAILER];
        for (place, word) in bytes.chunks_exact_mut(8).zip([first, self.nanos, self.number]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    #[expect(clippy::cast_possible_truncation, reason = "the halves of a word")]
    pub(super) fn from_bytes(bytes: [u8; TRAILER]) -> Self {
        let mut words = bytes.chunks_exact(8).map(|chunk| {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        let mut next = || words.next().unwrap_or_default();
        let (first, nanos, number) = (next(), next(), next());
        Trailer {
            seat: (first >> 32) as u32,
            kind: Kind::of(first as u32),
            nanos,
            number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_comes_back_as_it_was() {
        for kind in [Kind::Returned, Kind::Failed, Kind::Ready, Kind::Refuses] {
            let trailer = Trailer {
                seat: 7,
                kind,
                nanos: 1 << 40,
                number: u64::MAX - 1,
            };
            let back = Trailer::from_bytes(trailer.to_bytes());
            assert_eq!((back.seat, back.kind), (7, kind));
            assert_eq!((back.nanos, back.number), (1 << 40, u64::MAX - 1));
        }
    }
}
