//! Tests of the form: what was written is read.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{FormError, read, read_first, write};

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
