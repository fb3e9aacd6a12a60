//! Why a value could not be written or read.

use std::fmt;

/// Why a value could not be written or read: what its code for serde says, or that the bytes are not what it asks for.
#[derive(Debug)]
pub(in crate::process) struct FormError(String);

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
