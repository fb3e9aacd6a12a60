//! The names of the functions that worker processes run.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;

/// The name of a registered function, with its types. A program passes it to a pool to call the function.
/// [`Registry::register`] returns one.
///
/// A part of a program that has no access to that value can name the function itself:
///
/// ```
/// use interlock::process::Function;
///
/// const WORDS: Function<String, usize> = Function::named("words");
/// assert_eq!(WORDS.name(), "words");
/// ```
///
/// [`Registry::register`]: super::Registry::register
pub struct Function<A, R> {
    name: &'static str,
    types: PhantomData<fn(&A) -> R>,
}

impl<A, R> Function<A, R> {
    /// Names the function that is registered under `name` with these types.
    pub const fn named(name: &'static str) -> Self {
        Function {
            name,
            types: PhantomData,
        }
    }

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Returns a hash (FNV-1a) of the names of its types in this program.
    pub(super) fn types() -> u64 {
        let names = [type_name::<A>(), " -> ", type_name::<R>()];
        let bytes = names.iter().flat_map(|name| name.bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// Returns its types, for messages.
    pub(super) fn signature() -> String {
        format!("fn({}) -> {}", type_name::<A>(), type_name::<R>())
    }
}

impl<A, R> Clone for Function<A, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, R> Copy for Function<A, R> {}

impl<A, R> fmt::Debug for Function<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({}: {})", self.name, Self::signature())
    }
}
