//! The messages between pools and workers: calls, the reasons of failures, and the argument with which a
//! worker is started.

use std::fmt::Write;

use interlock_shm::{Id, Name};
use serde::Serialize;

use super::form::FormError;
use super::form_reader::read_first;
use super::form_writer::write;
use super::function::Function;

/// Writes a call: the function's name and types, and the argument.
pub(super) fn call<A: Serialize, R>(function: Function<A, R>, argument: &A) -> Result<Vec<u8>, FormError> {
    let header = (function.name(), Function::<A, R>::types());
    let bytes = write(&header, Vec::with_capacity(64))?;
    write(argument, bytes)
}

/// Reads the name and the types of a call. Also returns the bytes of its argument.
pub(super) fn parts(call: &[u8]) -> Result<(&str, u64, &[u8]), FormError> {
    let ((name, types), argument) = read_first(call)?;
    Ok((name, types, argument))
}

/// Why a worker has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The function panicked, with this message.
    Panicked(String),
    /// No function is registered under this name.
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

/// What a worker needs to know when it starts. The pool passes it as the last argument, and the shared memory
/// as standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The worker's name in the family of processes.
    pub(super) name: Name,
    /// The pool's process.
    pub(super) parent: Name,
    /// The number of the worker's seat.
    pub(super) seat: usize,
    /// The queue of the worker's calls.
    pub(super) calls: Id,
    /// The queue of the answers of all workers.
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

    /// Returns `None` if the argument is not a pool's.
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
        let argument: (u32, String) = crate::process::form_reader::read(argument).unwrap();
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

/// Tests that each value is read as it was written.
#[cfg(test)]
mod form_tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;
    use std::time::Duration;

    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Serialize};

    use crate::process::form::FormError;
    use crate::process::form_reader::{read, read_first};
    use crate::process::form_writer::write;

    fn again<T: Serialize + DeserializeOwned>(value: &T) -> Result<T, FormError> {
        read(&write(value, Vec::new())?)
    }

    #[track_caller]
    fn comes_as_it_was<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
        assert_eq!(again(&value).unwrap(), value);
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq, Default)]
    struct Item {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        note: Option<u8>,
        #[serde(skip_serializing, default)]
        lost: u8,
        count: u8,
        parts: Vec<u8>,
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq, Clone, PartialOrd, Eq, Ord)]
    struct Inner {
        x: i16,
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    enum Kind {
        Unit,
        New(Option<Option<u8>>),
        Tuple(u8, String),
        Struct { a: Option<()>, b: f32 },
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    #[serde(tag = "type")]
    enum Tagged {
        Unit,
        New(Inner),
        Struct { a: u64, b: Option<Option<u8>> },
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    #[serde(tag = "type", content = "content")]
    enum Adjacent {
        Unit,
        New(Inner),
        Tuple(u8, char),
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    #[serde(untagged)]
    enum Untagged {
        Number(u8),
        Inner(Inner),
        Kinds(Vec<Kind>),
        Text(String),
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Flat {
        #[serde(flatten)]
        inner: Inner,
        y: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, Option<Option<u8>>>,
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Unit;

    #[test]
    fn a_field_that_is_not_written_changes_no_other() {
        let item = |parts| Item {
            parts,
            ..Item::default()
        };
        for parts in [vec![], vec![0], vec![1, 9, 9], vec![1, 1]] {
            comes_as_it_was(item(parts));
        }
        let note = Item {
            note: Some(7),
            ..item(vec![1])
        };
        comes_as_it_was(vec![item(vec![1]), note, item(vec![2])]);
    }

    #[test]
    fn an_option_of_what_is_nothing_itself_comes_as_it_was() {
        comes_as_it_was([Some(()), None]);
        comes_as_it_was([Some(None), None, Some(Some(1))]);
        comes_as_it_was(Some(Unit));
        comes_as_it_was(Ok::<_, String>(Some(())));
        comes_as_it_was(vec![(), ()]);
    }

    #[test]
    fn enums_of_each_kind_come_as_they_were() {
        let kinds = || {
            let (a, b) = (Some(()), 1.5);
            let tuple = Kind::Tuple(200, "two hundred".into());
            vec![
                Kind::Unit,
                Kind::New(Some(None)),
                tuple,
                Kind::Struct { a, b },
                Kind::Unit,
            ]
        };
        comes_as_it_was(kinds());
        let (a, b) = (u64::MAX, Some(None));
        comes_as_it_was([
            Tagged::Unit,
            Tagged::New(Inner { x: -3 }),
            Tagged::Struct { a, b },
        ]);
        comes_as_it_was([
            Adjacent::Unit,
            Adjacent::New(Inner { x: 300 }),
            Adjacent::Tuple(3, 'ä'),
        ]);
        comes_as_it_was([
            Untagged::Number(255),
            Untagged::Inner(Inner { x: i16::MIN }),
            Untagged::Kinds(kinds()),
            Untagged::Text("text".into()),
        ]);
        let rest = BTreeMap::from([("k".to_owned(), Some(None)), ("l".to_owned(), None)]);
        let inner = Inner { x: 1 };
        comes_as_it_was([Flat { inner, y: 2, rest }]);
    }

    #[test]
    fn numbers_and_texts_come_as_they_were() {
        for shift in 0..128 {
            for near in [-1, 0, 1] {
                let number = (1_u128 << shift).wrapping_add_signed(near);
                comes_as_it_was((number, number as i128, -(number as i128 & i128::MAX)));
                comes_as_it_was((number as u64, number as u32, number as u16, number as u8));
                comes_as_it_was((number as i64, number as i32, number as i16, number as i8));
            }
        }
        comes_as_it_was((
            f32::MIN_POSITIVE,
            f64::INFINITY,
            0.1_f32,
            0.1_f64,
            true,
            false,
            char::MAX,
        ));
        for length in [0, 1, 127, 128, 16_383, 16_384] {
            comes_as_it_was(("é".repeat(length), vec![length as u8; length], vec![0.5; length]));
        }
        comes_as_it_was(BTreeMap::from([(Inner { x: 1 }, Duration::new(3, 4))]));
    }

    #[test]
    fn more_names_than_are_kept_come_as_they_were() {
        macro_rules! many {
            ($($name:ident)*) => {
                #[derive(Serialize, Deserialize, Debug, PartialEq, Default)]
                struct Many { $($name: u16),* }
            };
        }
        many!(a b c d e f g h i j k l m n o p q r s t u v w x y z
            aa ba ca da ea fa ga ha ia ja ka la ma na oa pa qa ra sa ta ua va wa xa ya za
            ab bb cb db eb fb gb hb ib jb kb lb mb nb ob pb qb rb sb tb ub vb wb xb yb zb);
        let many = Many {
            a: 1,
            zb: 2,
            ..Many::default()
        };
        comes_as_it_was([
            many,
            Many {
                ab: 9,
                ..Many::default()
            },
        ]);
    }

    #[test]
    fn what_does_not_fit_is_an_error_that_says_so() {
        let bytes = write(&(1, 2, 3), Vec::new()).unwrap();
        let error = read::<(u8, u8)>(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "invalid length 3, expected 2 elements");
        let error = read::<u8>(&[1, 2, 3]).unwrap_err();
        assert_eq!(error.to_string(), "2 bytes are left after the value");
        assert_eq!(read_first::<u8>(&[1, 2, 3]).unwrap(), (1, &[2, 3][..]));
        let error = read::<u8>(&write("text", Vec::new()).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "invalid type: string \"text\", expected u8");
        for length in 0..bytes.len() {
            let error = read::<(u8, u8, u8)>(&bytes[..length]).unwrap_err();
            assert_eq!(error.to_string(), "the bytes end before the value does");
        }
    }

    #[test]
    fn bytes_of_any_other_form_are_no_panic() {
        let mut number = 7_u32;
        for length in 0..2000 {
            let bytes: Vec<u8> = (0..length % 40)
                .map(|_| {
                    number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (number >> 24) as u8
                })
                .collect();
            let _ = read::<Untagged>(&bytes);
            let _ = read::<Vec<Kind>>(&bytes);
            let _ = read::<Flat>(&bytes);
        }
    }
}
