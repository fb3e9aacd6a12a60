//! What pools and workers send each other: calls, answers that say why there is no result, and what a worker is told when it starts.

use std::fmt::Write;

use interlock_shm::{Id, Name};
use serde::Serialize;

use super::form::{self, FormError};
use super::function::Function;

/// The bytes of a call: the function's name and types, and the argument.
pub(super) fn call<A: Serialize, R>(function: Function<A, R>, argument: &A) -> Result<Vec<u8>, FormError> {
    let header = (function.name(), Function::<A, R>::types());
    let bytes = form::write(&header, Vec::with_capacity(64))?;
    form::write(argument, bytes)
}

/// The name and the types in the bytes of a call, and the bytes of the argument.
pub(super) fn parts(call: &[u8]) -> Result<(&str, u64, &[u8]), FormError> {
    let ((name, types), argument) = form::read_first(call)?;
    Ok((name, types, argument))
}

/// Why a worker has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The function panicked, with this message.
    Panicked(String),
    /// No function is registered by this name.
    Unknown,
    /// The function is registered with these types.
    OtherTypes(String),
    /// The argument could not be read.
    Argument(String),
    /// The result could not be written, or sent.
    Result(String),
}

impl Failure {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (kind, message) = match self {
            Failure::Panicked(message) => (0, &**message),
            Failure::Unknown => (1, ""),
            Failure::OtherTypes(message) => (2, &**message),
            Failure::Argument(message) => (3, &**message),
            Failure::Result(message) => (4, &**message),
        };
        let mut bytes = vec![kind];
        bytes.extend_from_slice(message.as_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let (kind, message) = bytes.split_first().unwrap_or((&1, &[]));
        let message = String::from_utf8_lossy(message).into_owned();
        match kind {
            0 => Failure::Panicked(message),
            2 => Failure::OtherTypes(message),
            3 => Failure::Argument(message),
            4 => Failure::Result(message),
            _ => Failure::Unknown,
        }
    }
}

/// What a worker is told when it starts, as its last argument. The memory is its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its name in the family of processes.
    pub(super) name: Name,
    /// The pool's process.
    pub(super) parent: Name,
    /// The number of its seat.
    pub(super) seat: usize,
    /// The queue of its calls.
    pub(super) calls: Id,
    /// The queue of all answers.
    pub(super) answers: Id,
}

const MARK: &str = "interlock-worker";

impl Place {
    pub(super) fn to_argument(self) -> String {
        let mut text = MARK.to_owned();
        let numbers = [
            self.name.word() as usize,
            self.parent.word() as usize,
            self.seat,
            self.calls.number() as usize,
            self.answers.number() as usize,
        ];
        for number in numbers {
            // Writing to a String does not fail.
            let _ = write!(text, ":{number}");
        }
        text
    }

    /// `None` if this is another argument.
    pub(super) fn from_argument(text: &str) -> Option<Self> {
        let mut numbers = text.strip_prefix(MARK)?.strip_prefix(':')?.split(':');
        let mut next = || numbers.next()?.parse::<u32>().ok();
        let place = Place {
            name: Name::of_word(next()?),
            parent: Name::of_word(next()?),
            seat: next()? as usize,
            calls: Id::from_number(next()?)?,
            answers: Id::from_number(next()?)?,
        };
        next().is_none().then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_comes_as_it_was() {
        let function = Function::<(u32, String), bool>::named("f");
        let bytes = call(function, &(7, "seven".into())).unwrap();
        let (name, types, argument) = parts(&bytes).unwrap();
        assert_eq!((name, types), ("f", Function::<(u32, String), bool>::types()));
        let argument: (u32, String) = form::read(argument).unwrap();
        assert_eq!(argument, (7, "seven".to_owned()));
        assert_ne!(types, Function::<(u32, String), u8>::types());
        for failure in [
            Failure::Panicked("ä".into()),
            Failure::Unknown,
            Failure::OtherTypes("fn".into()),
            Failure::Argument("a".into()),
            Failure::Result("r".into()),
        ] {
            assert_eq!(Failure::from_bytes(&failure.to_bytes()), failure);
        }
        let place = Place {
            name: Name::of_word(4097),
            parent: Name::of_word(1),
            seat: 3,
            calls: Id::from_number(5).unwrap(),
            answers: Id::from_number(6).unwrap(),
        };
        assert_eq!(Place::from_argument(&place.to_argument()), Some(place));
        for other in [
            "",
            "--help",
            "interlock-worker",
            "interlock-worker:1:2:3:4",
            "interlock-worker:1:2:3:4:5:6",
        ] {
            assert_eq!(Place::from_argument(other), None);
        }
    }
}
