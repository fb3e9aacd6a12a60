//! The rank of a message: bytes by which a ranking orders its messages as Python orders objects. (QUEUE_FORMAT.md, "Ranking".)
//!
//! A rank is a sequence of parts. Each part consists of a byte for its kind, and its value. Parts of different
//! kinds have no order, and a comparison that meets them reports that.

use std::cmp::Ordering;

/// The kinds of parts.
const NUMBER: u8 = b'#';
const TEXT: u8 = b's';
const BYTES: u8 = b'b';
/// A text, or bytes, of which only the beginning counts, because they are too long.
const CUT_TEXT: u8 = b'S';
const CUT_BYTES: u8 = b'B';
const NOTHING: u8 = b'N';
const TUPLE: u8 = b'(';
const LIST: u8 = b'[';
const END: u8 = b')';
const OPAQUE: u8 = b'?';

/// A number consists of the rank of the closest floating-point number among all floating-point numbers, and the
/// difference to it.
const NUMBER_BYTES: usize = 16;

/// A rank that is being made.
#[derive(Debug, Default)]
pub struct Rank(Vec<u8>);

impl Rank {
    /// The most bytes that a rank may have.
    pub const MOST: usize = 16 << 10;

    /// How many bytes of a text, or of bytes, count.
    pub const MOST_OF_A_STRING: usize = 1 << 10;

    /// Creates a rank without parts. It is equal to itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends the number `closest + more`, where `closest` is the closest floating-point number, and not NaN.
    pub fn number(&mut self, closest: f64, more: i64) {
        // (0.0 and -0.0 are equal.)
        let bits = (closest + 0.0).to_bits();
        let place = match bits >> 63 {
            0 => bits | 1 << 63,
            _ => !bits,
        };
        self.0.push(NUMBER);
        self.0.extend(place.to_be_bytes());
        self.0.extend((more.cast_unsigned() ^ 1 << 63).to_be_bytes());
    }

    /// Appends a text. Returns whether all of it counts. If not, nothing that follows counts.
    pub fn text(&mut self, text: &str) -> bool {
        self.string([TEXT, CUT_TEXT], text.as_bytes())
    }

    /// Appends bytes. Returns the same as [`text`](Self::text).
    pub fn string_of_bytes(&mut self, bytes: &[u8]) -> bool {
        self.string([BYTES, CUT_BYTES], bytes)
    }

    fn string(&mut self, [whole, cut]: [u8; 2], bytes: &[u8]) -> bool {
        let counts = bytes.get(..Self::MOST_OF_A_STRING).unwrap_or(bytes);
        let is_whole = counts.len() == bytes.len();
        self.0.push(if is_whole { whole } else { cut });
        self.0.extend((counts.len() as u64).to_be_bytes());
        self.0.extend(counts);
        is_whole
    }

    /// Appends an object that is equal to itself, and has no order otherwise.
    pub fn nothing(&mut self) {
        self.0.push(NOTHING);
    }

    /// Begins a tuple. The parts that follow, up to [`end`](Self::end), belong to it.
    pub fn tuple(&mut self) {
        self.0.push(TUPLE);
    }

    /// Like [`tuple`](Self::tuple), for a list.
    pub fn list(&mut self) {
        self.0.push(LIST);
    }

    /// Ends the tuple or list.
    pub fn end(&mut self) {
        self.0.push(END);
    }

    /// Appends a part that does not count: ranks that are equal up to such a part are equal.
    pub fn opaque(&mut self) {
        self.0.push(OPAQUE);
    }
}

/// Compares two ranks. Returns `None` if they have no order.
pub(crate) fn compare(mut one: &[u8], mut other: &[u8]) -> Option<Ordering> {
    loop {
        let (kind, its) = match (one.split_first(), other.split_first()) {
            (None, None) => return Some(Ordering::Equal),
            (Some((a, one)), Some((b, other))) => ((*a, *b), (one, other)),
            _ => return None,
        };
        (one, other) = its;
        let order = match kind {
            (OPAQUE, OPAQUE) => return Some(Ordering::Equal),
            // The shorter of two tuples comes first if they are equal so far.
            (END, END) | (NOTHING, NOTHING) | (TUPLE, TUPLE) | (LIST, LIST) => Ordering::Equal,
            (END, _) => return Some(Ordering::Less),
            (_, END) => return Some(Ordering::Greater),
            (NUMBER, NUMBER) => take(&mut one, NUMBER_BYTES)?.cmp(take(&mut other, NUMBER_BYTES)?),
            (TEXT | CUT_TEXT, TEXT | CUT_TEXT) | (BYTES | CUT_BYTES, BYTES | CUT_BYTES) => {
                let order = take_string(&mut one)?.cmp(take_string(&mut other)?);
                match (order, kind.0 == kind.1, kind.0) {
                    (Ordering::Equal, true, CUT_TEXT | CUT_BYTES) => return Some(order),
                    // The longer one comes last.
                    (Ordering::Equal, false, CUT_TEXT | CUT_BYTES) => Ordering::Greater,
                    (Ordering::Equal, false, _) => Ordering::Less,
                    _ => order,
                }
            }
            _ => return None,
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn take_string<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take(bytes, size_of::<u64>())?.try_into().ok()?;
    take(bytes, usize::try_from(u64::from_be_bytes(length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(closest: f64, more: i64) -> Rank {
        let mut rank = Rank::new();
        rank.number(closest, more);
        rank
    }

    fn tuple(parts: &[f64], last: impl FnOnce(&mut Rank)) -> Rank {
        let mut rank = Rank::new();
        rank.tuple();
        parts.iter().for_each(|&part| rank.number(part, 0));
        last(&mut rank);
        rank.end();
        rank
    }

    fn order(one: &Rank, other: &Rank) -> Option<Ordering> {
        let order = compare(one.bytes(), other.bytes());
        assert_eq!(compare(other.bytes(), one.bytes()), order.map(Ordering::reverse));
        order
    }

    #[test]
    fn numbers_have_their_order_c220() {
        let big = (1_u64 << 53) as f64;
        let ascending = [
            number(f64::NEG_INFINITY, 0),
            number(-big, -1),
            number(-big, 0),
            number(-1.5, 0),
            number(0.0, 0),
            number(f64::MIN_POSITIVE, 0),
            number(1.0, 0),
            number(big, -1),
            number(big, 0),
            number(big, 1),
            number(f64::INFINITY, 0),
        ];
        for (place, one) in ascending.iter().enumerate() {
            for (its, other) in ascending.iter().enumerate() {
                assert_eq!(order(one, other), Some(place.cmp(&its)));
            }
        }
        assert_eq!(order(&number(-0.0, 0), &number(0.0, 0)), Some(Ordering::Equal));
    }

    #[test]
    fn tuples_are_compared_part_by_part_c220() {
        let short = tuple(&[1.0], |_| {});
        let long = tuple(&[1.0, -2.0], |_| {});
        assert_eq!(order(&short, &long), Some(Ordering::Less));
        assert_eq!(order(&tuple(&[2.0], |_| {}), &long), Some(Ordering::Greater));
        let text = |text: &str| {
            tuple(&[1.0], |rank| {
                rank.text(text);
            })
        };
        assert_eq!(order(&text("a"), &text("b")), Some(Ordering::Less));
        assert_eq!(order(&text("a"), &text("ab")), Some(Ordering::Less));
        assert_eq!(order(&text("b"), &text("ab")), Some(Ordering::Greater));
        assert_eq!(order(&text("a"), &long), None);
        assert_eq!(order(&number(1.0, 0), &short), None);
        let opaque = tuple(&[1.0], Rank::opaque);
        assert_eq!(order(&opaque, &opaque), Some(Ordering::Equal));
        assert_eq!(order(&opaque, &tuple(&[2.0], Rank::opaque)), Some(Ordering::Less));
        assert_eq!(order(&opaque, &text("a")), None);
        let [whole, cut] = [0, 1].map(|more| "x".repeat(Rank::MOST_OF_A_STRING + more));
        assert_eq!(order(&text(&whole), &text(&cut)), Some(Ordering::Less));
        assert_eq!(
            order(&text(&cut), &text(&format!("{cut}y"))),
            Some(Ordering::Equal)
        );
    }
}
