//! The form in which arguments and results travel between a pool and its workers.
//!
//! The form is self-describing: each value begins with a tag, structs contain the names of their fields,
//! enums that of their variant, and `Some` has a tag of its own. So all types of serde make the round trip:
//! also those that need a self-describing form (`untagged`, `flatten`), those that skip fields, and
//! `Some(None)`. Writer and reader are the same program, so the form has no versions.
//!
//! A value consists of a tag and the data that the table gives for the tag:
//!
//! | tag | follows |
//! |---|---|
//! | 0 to [`SMALL`] | nothing: the tag is the number |
//! | [`UNSIGNED`] + n, [`SIGNED`] + n | 2^n bytes of a number |
//! | [`F32`], [`F64`], [`CHAR`] | the bytes of the value |
//! | [`STR`], [`BYTES`] | a length, and that many bytes |
//! | [`NONE`], [`UNIT`], [`FALSE`], [`TRUE`] | nothing |
//! | [`SOME`] | a value |
//! | [`SEQ`], [`MAP`] | about how many elements there are, the elements or keys and values, and [`END`] |
//! | [`UNIT_VARIANT`] | a name |
//! | [`VARIANT`] | a name, and a value |
//! | [`NEW_NAME`] | a length, and the bytes of a name |
//! | [`KNOWN_NAME`] + n | nothing: the name is the n-th of the first [`NAMES`] new names |
//!
//! Lengths are written with 7 bits in each byte, the lowest bits first. Other numbers are in the byte order
//! of the machine.

use std::fmt;

pub(super) const SMALL: u8 = 0x7f;
pub(super) const UNSIGNED: u8 = 0x80;
pub(super) const SIGNED: u8 = 0x88;
pub(super) const F32: u8 = 0x90;
pub(super) const F64: u8 = 0x91;
pub(super) const CHAR: u8 = 0x92;
pub(super) const STR: u8 = 0x93;
pub(super) const BYTES: u8 = 0x94;
pub(super) const UNIT: u8 = 0x95;
pub(super) const NONE: u8 = 0x96;
pub(super) const SOME: u8 = 0x97;
pub(super) const FALSE: u8 = 0x98;
pub(super) const TRUE: u8 = 0x99;
pub(super) const SEQ: u8 = 0x9a;
pub(super) const MAP: u8 = 0x9b;
pub(super) const END: u8 = 0x9c;
pub(super) const UNIT_VARIANT: u8 = 0x9d;
pub(super) const VARIANT: u8 = 0x9e;
pub(super) const NEW_NAME: u8 = 0x9f;
pub(super) const KNOWN_NAME: u8 = 0xc0;

/// How many names of fields and variants are written only once.
pub(super) const NAMES: usize = 64;

/// Why a value could not be written or read: the message of its serde code, or that the bytes do not match
/// its type.
#[derive(Debug)]
pub(super) struct FormError(String);

impl FormError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        FormError(message.into())
    }
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FormError {}

impl serde::ser::Error for FormError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        FormError(message.to_string())
    }
}

impl serde::de::Error for FormError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        FormError(message.to_string())
    }
}
