//! Reads values in the form.

use std::str::from_utf8;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Expected, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::de::{Error as _, value::BorrowedStrDeserializer};
use serde::forward_to_deserialize_any;

use super::form::{
    BYTES, CHAR, END, F32, F64, FALSE, FormError, KNOWN_NAME, MAP, NAMES, NEW_NAME, NONE, SEQ, SIGNED, SMALL,
    SOME, STR, TRUE, UNIT, UNIT_VARIANT, UNSIGNED, VARIANT,
};

/// Reads the value that `bytes` consist of.
pub(super) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, FormError> {
    match read_first(bytes)? {
        (value, []) => Ok(value),
        (_, left) => Err(FormError::new(format!(
            "{} bytes are left after the value",
            left.len()
        ))),
    }
}

/// Reads the value at the beginning of `bytes`. Also returns the bytes after it.
pub(super) fn read_first<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<(T, &'de [u8]), FormError> {
    let mut reader = Reader {
        bytes,
        names: Vec::new(),
    };
    let value = T::deserialize(&mut reader)?;
    Ok((value, reader.bytes))
}

struct Reader<'de> {
    /// The bytes that are not read yet.
    bytes: &'de [u8],
    /// The first [`NAMES`] names that occurred.
    names: Vec<&'de str>,
}

impl<'de> Reader<'de> {
    fn take(&mut self, length: usize) -> Result<&'de [u8], FormError> {
        let (taken, left) = self.bytes.split_at_checked(length).ok_or_else(ends_early)?;
        self.bytes = left;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormError> {
        let (taken, left) = self.bytes.split_first_chunk().ok_or_else(ends_early)?;
        self.bytes = left;
        Ok(*taken)
    }

    fn tag(&mut self) -> Result<u8, FormError> {
        self.array().map(|[tag]| tag)
    }

    /// Returns whether the next tag is `tag`. If it is, takes it.
    #[inline]
    fn is_next(&mut self, tag: u8) -> bool {
        let is_next = self.bytes.first() == Some(&tag);
        if is_next {
            self.bytes = &self.bytes[1..];
        }
        is_next
    }

    fn length(&mut self) -> Result<usize, FormError> {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.tag()?;
            let bits = usize::from(byte & 0x7f)
                .checked_shl(shift)
                .ok_or_else(ends_early)?;
            length |= bits;
            if byte < 0x80 {
                return Ok(length);
            }
            shift += 7;
        }
    }

    fn bytes(&mut self) -> Result<&'de [u8], FormError> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'de str, FormError> {
        from_utf8(self.bytes()?).map_err(FormError::custom)
    }

    fn name(&mut self) -> Result<&'de str, FormError> {
        let tag = self.tag()?;
        self.name_of(tag)
    }

    fn name_of(&mut self, tag: u8) -> Result<&'de str, FormError> {
        match tag {
            NEW_NAME => {
                let name = self.text()?;
                if self.names.len() < NAMES {
                    self.names.push(name);
                }
                Ok(name)
            }
            _ => {
                let known = tag
                    .checked_sub(KNOWN_NAME)
                    .and_then(|known| self.names.get(usize::from(known)));
                known.copied().ok_or_else(|| unknown(tag))
            }
        }
    }

    /// Lets `visit` take the elements of a composite value. It is an error if it leaves any.
    fn several<R>(
        &mut self,
        visit: impl FnOnce(&mut Several<'_, 'de>) -> Result<R, FormError>,
    ) -> Result<R, FormError> {
        let announced = self.length()?;
        let mut several = Several {
            reader: self,
            announced,
            taken: 0,
            is_over: false,
        };
        let value = visit(&mut several)?;
        if several.is_over || several.reader.is_next(END) {
            return Ok(value);
        }
        if several.reader.bytes.is_empty() {
            return Err(ends_early());
        }
        let more = several.announced.max(several.taken + 1);
        Err(FormError::invalid_length(more, &AsTaken(several.taken)))
    }
}

fn ends_early() -> FormError {
    FormError::new("the bytes end before the value does")
}

fn unknown(tag: u8) -> FormError {
    FormError::new(format!("the bytes are not in this form: {tag:#x}"))
}

/// The number of elements that the type takes, for the message of an error.
struct AsTaken(usize);

impl Expected for AsTaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} elements", self.0)
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = FormError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        let tag = self.tag()?;
        match tag {
            0..=SMALL => visitor.visit_u8(tag),
            UNSIGNED..F32 => self.number(tag, visitor),
            F32 => visitor.visit_f32(f32::from_ne_bytes(self.array()?)),
            F64 => visitor.visit_f64(f64::from_ne_bytes(self.array()?)),
            CHAR => {
                let number = u32::from_ne_bytes(self.array()?);
                visitor.visit_char(char::from_u32(number).ok_or_else(|| unknown(tag))?)
            }
            STR => visitor.visit_borrowed_str(self.text()?),
            BYTES => visitor.visit_borrowed_bytes(self.bytes()?),
            UNIT => visitor.visit_unit(),
            NONE => visitor.visit_none(),
            SOME => visitor.visit_some(self),
            FALSE => visitor.visit_bool(false),
            TRUE => visitor.visit_bool(true),
            SEQ => self.several(|several| visitor.visit_seq(several)),
            MAP => self.several(|several| visitor.visit_map(several)),
            UNIT_VARIANT => visitor.visit_borrowed_str(self.name()?),
            VARIANT => visitor.visit_map(OneVariant {
                reader: self,
                is_named: false,
            }),
            _ => visitor.visit_borrowed_str(self.name_of(tag)?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        match self.bytes.first() {
            Some(&(NONE | SOME)) => self.deserialize_any(visitor),
            // The type's own code has written the value without `Some`.
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, FormError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FormError> {
        match self.bytes.first() {
            Some(&tag @ (UNIT_VARIANT | VARIANT)) => {
                self.bytes = &self.bytes[1..];
                let is_unit = tag == UNIT_VARIANT;
                visitor.visit_enum(Variant {
                    reader: self,
                    is_unit,
                })
            }
            Some(&STR) => {
                // The type's own code has written the variant's name as text.
                self.bytes = &self.bytes[1..];
                visitor.visit_enum(BorrowedStrDeserializer::new(self.text()?))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    // Fast paths for long lists of numbers.

    #[inline]
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        match self.bytes {
            [number @ 0..=SMALL, left @ ..] | [UNSIGNED, number, left @ ..] => {
                self.bytes = left;
                visitor.visit_u8(*number)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FormError> {
        match self.is_next(F64) {
            true => visitor.visit_f64(f64::from_ne_bytes(self.array()?)),
            false => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

impl<'de> Reader<'de> {
    fn number<V: Visitor<'de>>(&mut self, tag: u8, visitor: V) -> Result<V::Value, FormError> {
        match (tag & SIGNED == SIGNED, tag & 7) {
            (false, 0) => visitor.visit_u8(u8::from_ne_bytes(self.array()?)),
            (false, 1) => visitor.visit_u16(u16::from_ne_bytes(self.array()?)),
            (false, 2) => visitor.visit_u32(u32::from_ne_bytes(self.array()?)),
            (false, 3) => visitor.visit_u64(u64::from_ne_bytes(self.array()?)),
            (false, 4) => visitor.visit_u128(u128::from_ne_bytes(self.array()?)),
            (true, 0) => visitor.visit_i8(i8::from_ne_bytes(self.array()?)),
            (true, 1) => visitor.visit_i16(i16::from_ne_bytes(self.array()?)),
            (true, 2) => visitor.visit_i32(i32::from_ne_bytes(self.array()?)),
            (true, 3) => visitor.visit_i64(i64::from_ne_bytes(self.array()?)),
            (true, 4) => visitor.visit_i128(i128::from_ne_bytes(self.array()?)),
            _ => Err(unknown(tag)),
        }
    }
}

/// Elements, or keys and values, up to the tag that ends them.
struct Several<'a, 'de> {
    reader: &'a mut Reader<'de>,
    /// About how many there are.
    announced: usize,
    taken: usize,
    is_over: bool,
}

impl<'de> Several<'_, 'de> {
    #[inline]
    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, FormError> {
        self.is_over = self.is_over || self.reader.is_next(END);
        if self.is_over {
            return Ok(None);
        }
        self.taken += 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    /// Each element has at least one byte.
    fn left(&self) -> Option<usize> {
        Some(
            self.announced
                .saturating_sub(self.taken)
                .min(self.reader.bytes.len()),
        )
    }
}

impl<'de> SeqAccess<'de> for &mut Several<'_, 'de> {
    type Error = FormError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, FormError> {
        self.next(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.left()
    }
}

impl<'de> MapAccess<'de> for &mut Several<'_, 'de> {
    type Error = FormError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, FormError> {
        self.next(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, FormError> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        self.left()
    }
}

/// The variant of an enum, with its contents.
struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    is_unit: bool,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = FormError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), FormError> {
        let name = BorrowedStrDeserializer::new(self.reader.name()?);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = FormError;

    fn unit_variant(self) -> Result<(), FormError> {
        match self.is_unit {
            true => Ok(()),
            false => Deserialize::deserialize(self.reader),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, FormError> {
        match self.is_unit {
            true => Err(FormError::invalid_type(
                Unexpected::UnitVariant,
                &"newtype variant",
            )),
            false => seed.deserialize(self.reader),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, FormError> {
        match self.is_unit {
            true => Err(FormError::invalid_type(Unexpected::UnitVariant, &"tuple variant")),
            false => self.reader.deserialize_any(visitor),
        }
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FormError> {
        match self.is_unit {
            true => Err(FormError::invalid_type(
                Unexpected::UnitVariant,
                &"struct variant",
            )),
            false => self.reader.deserialize_any(visitor),
        }
    }
}

/// A variant, read by code that does not ask for an enum: a map with one entry.
struct OneVariant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    is_named: bool,
}

impl<'de> MapAccess<'de> for OneVariant<'_, 'de> {
    type Error = FormError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, FormError> {
        if self.is_named {
            return Ok(None);
        }
        self.is_named = true;
        seed.deserialize(BorrowedStrDeserializer::new(self.reader.name()?))
            .map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, FormError> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(1)
    }
}
