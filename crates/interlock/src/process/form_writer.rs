//! Writes values in the form.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::form::{
    BYTES, CHAR, END, F32, F64, FALSE, FormError, KNOWN_NAME, MAP, NAMES, NEW_NAME, NONE, SEQ, SIGNED, SMALL,
    SOME, STR, TRUE, UNIT, UNIT_VARIANT, UNSIGNED, VARIANT,
};

/// Appends a value to `bytes`.
pub(super) fn write<T: Serialize + ?Sized>(value: &T, bytes: Vec<u8>) -> Result<Vec<u8>, FormError> {
    let mut writer = Writer {
        bytes,
        names: Vec::new(),
        next: 0,
    };
    value.serialize(&mut writer)?;
    Ok(writer.bytes)
}

struct Writer {
    bytes: Vec<u8>,
    /// The first [`NAMES`] names that were written.
    names: Vec<&'static str>,
    /// The index of the name that probably comes next: structs of the same type often follow each other.
    next: usize,
}

impl Writer {
    #[inline]
    fn tag(&mut self, tag: u8) {
        self.bytes.push(tag);
    }

    fn tagged(&mut self, tag: u8, value: &[u8]) {
        self.tag(tag);
        self.bytes.extend_from_slice(value);
    }

    fn length(&mut self, mut length: usize) {
        while length > 0x7f {
            self.tag(length as u8 | 0x80);
            length >>= 7;
        }
        self.tag(length as u8);
    }

    #[inline]
    fn unsigned(&mut self, value: u64) {
        if value <= SMALL.into() {
            self.tag(value as u8);
        } else if let Ok(value) = u8::try_from(value) {
            self.tagged(UNSIGNED, &[value]);
        } else if let Ok(value) = u16::try_from(value) {
            self.tagged(UNSIGNED + 1, &value.to_ne_bytes());
        } else if let Ok(value) = u32::try_from(value) {
            self.tagged(UNSIGNED + 2, &value.to_ne_bytes());
        } else {
            self.tagged(UNSIGNED + 3, &value.to_ne_bytes());
        }
    }

    fn signed(&mut self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            self.unsigned(value);
        } else if let Ok(value) = i8::try_from(value) {
            self.tagged(SIGNED, &value.to_ne_bytes());
        } else if let Ok(value) = i16::try_from(value) {
            self.tagged(SIGNED + 1, &value.to_ne_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.tagged(SIGNED + 2, &value.to_ne_bytes());
        } else {
            self.tagged(SIGNED + 3, &value.to_ne_bytes());
        }
    }

    fn text(&mut self, tag: u8, value: &[u8]) {
        self.tag(tag);
        self.length(value.len());
        self.bytes.extend_from_slice(value);
    }

    fn name(&mut self, name: &'static str) {
        let is_it = |known: &&str| std::ptr::eq(*known, name);
        let known = match self.names.get(self.next).is_some_and(is_it) {
            true => Some(self.next),
            false => self.names.iter().position(is_it),
        };
        if let Some(known) = known {
            self.next = known + 1;
            // Below NAMES.
            return self.tag(KNOWN_NAME + known as u8);
        }
        if self.names.len() < NAMES {
            self.names.push(name);
        }
        self.next = 0;
        self.text(NEW_NAME, name.as_bytes());
    }

    fn variant(&mut self, name: &'static str) {
        self.tag(VARIANT);
        self.name(name);
    }

    /// Writes the beginning of a composite value. The reader allocates for `length` elements.
    fn several(&mut self, tag: u8, length: usize) {
        self.tag(tag);
        self.length(length);
        // Each element has at least one byte. A wrong length costs only memory, and not much.
        self.bytes.reserve(length.min(1 << 20));
    }
}

/// Defines methods that write values which are not composite.
macro_rules! values {
    ($($method:ident($writer:ident, $value:ident: $type:ty) $write:expr;)*) => {$(
        fn $method(self, $value: $type) -> Result<(), FormError> {
            let $writer = self;
            $write;
            Ok(())
        }
    )*};
}

impl Serializer for &mut Writer {
    type Ok = ();
    type Error = FormError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    values! {
        serialize_bool(writer, value: bool) writer.tag(if value { TRUE } else { FALSE });
        serialize_u8(writer, value: u8) writer.unsigned(value.into());
        serialize_u16(writer, value: u16) writer.unsigned(value.into());
        serialize_u32(writer, value: u32) writer.unsigned(value.into());
        serialize_u64(writer, value: u64) writer.unsigned(value);
        serialize_u128(writer, value: u128) writer.tagged(UNSIGNED + 4, &value.to_ne_bytes());
        serialize_i8(writer, value: i8) writer.signed(value.into());
        serialize_i16(writer, value: i16) writer.signed(value.into());
        serialize_i32(writer, value: i32) writer.signed(value.into());
        serialize_i64(writer, value: i64) writer.signed(value);
        serialize_i128(writer, value: i128) writer.tagged(SIGNED + 4, &value.to_ne_bytes());
        serialize_f32(writer, value: f32) writer.tagged(F32, &value.to_ne_bytes());
        serialize_f64(writer, value: f64) writer.tagged(F64, &value.to_ne_bytes());
        serialize_char(writer, value: char) writer.tagged(CHAR, &u32::from(value).to_ne_bytes());
        serialize_str(writer, value: &str) writer.text(STR, value.as_bytes());
        serialize_bytes(writer, value: &[u8]) writer.text(BYTES, value);
        serialize_unit_struct(writer, _name: &'static str) writer.tag(UNIT);
    }

    fn serialize_unit(self) -> Result<(), FormError> {
        self.tag(UNIT);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), FormError> {
        self.tag(NONE);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), FormError> {
        self.tag(SOME);
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), FormError> {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), FormError> {
        self.tag(UNIT_VARIANT);
        self.name(variant);
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), FormError> {
        self.variant(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, FormError> {
        self.several(SEQ, length.unwrap_or(0));
        Ok(self)
    }

    fn serialize_tuple(self, length: usize) -> Result<Self, FormError> {
        self.several(SEQ, length);
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Self, FormError> {
        self.serialize_tuple(length)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self, FormError> {
        self.variant(variant);
        self.serialize_tuple(length)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, FormError> {
        self.several(MAP, length.unwrap_or(0));
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Self, FormError> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self, FormError> {
        self.variant(variant);
        self.serialize_map(Some(length))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Defines how the elements of composite values are written.
macro_rules! several {
    ($($trait:ident: $method:ident($($name:ident)?);)*) => {$(
        impl $trait for &mut Writer {
            type Ok = ();
            type Error = FormError;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), FormError> {
                $(self.name($name);)?
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), FormError> {
                self.tag(END);
                Ok(())
            }
        }
    )*};
}

several! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(name);
    SerializeStructVariant: serialize_field(name);
}

impl SerializeMap for &mut Writer {
    type Ok = ();
    type Error = FormError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), FormError> {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), FormError> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), FormError> {
        self.tag(END);
        Ok(())
    }
}
