//! The form in which arguments and results travel between a pool and its workers.
//!
//! Each value says what it is, a struct names its fields, an enum its variant, and `Some` is written. So whatever serde can describe
//! arrives as it was: types that are asked what they are (`untagged`, `flatten`), fields that are written only sometimes, and
//! `Some(None)`. Writer and reader are the same program, so the form has no versions.
//!
//! A value is a tag, and what the tag says that follows:
//!
//! | tag | follows |
//! |---|---|
//! | 0 to [`SMALL`] | nothing: it is the number |
//! | [`UNSIGNED`] + n, [`SIGNED`] + n | 2^n bytes of a number |
//! | [`F32`], [`F64`], [`CHAR`] | the bytes of the value |
//! | [`STR`], [`BYTES`] | a length, and so many bytes |
//! | [`NONE`], [`UNIT`], [`FALSE`], [`TRUE`] | nothing |
//! | [`SOME`] | a value |
//! | [`SEQ`], [`MAP`] | about how many elements there are, the elements or keys and values, and [`END`] |
//! | [`UNIT_VARIANT`] | a name |
//! | [`VARIANT`] | a name, and a value |
//! | [`NEW_NAME`] | a length, and the bytes of a name |
//! | [`KNOWN_NAME`] + n | nothing: it is the n-th of the first [`NAMES`] new names |
//!
//! Lengths have 7 bits a byte, the lowest first. Other numbers are in the byte order of the machine.

mod error;
mod reader;
mod writer;

pub(super) use error::FormError;
pub(super) use reader::{read, read_first};
pub(super) use writer::write;

const SMALL: u8 = 0x7f;
const UNSIGNED: u8 = 0x80;
const SIGNED: u8 = 0x88;
const F32: u8 = 0x90;
const F64: u8 = 0x91;
const CHAR: u8 = 0x92;
const STR: u8 = 0x93;
const BYTES: u8 = 0x94;
const UNIT: u8 = 0x95;
const NONE: u8 = 0x96;
const SOME: u8 = 0x97;
const FALSE: u8 = 0x98;
const TRUE: u8 = 0x99;
const SEQ: u8 = 0x9a;
const MAP: u8 = 0x9b;
const END: u8 = 0x9c;
const UNIT_VARIANT: u8 = 0x9d;
const VARIANT: u8 = 0x9e;
const NEW_NAME: u8 = 0x9f;
const KNOWN_NAME: u8 = 0xc0;

/// How many names of fields and variants are written once only.
const NAMES: usize = 64;

#[cfg(test)]
mod tests;
