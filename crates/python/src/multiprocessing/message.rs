//! The messages in which objects travel: plain objects by value, all others as pickles.
//!
//! The first byte of a message is its kind; the value follows. A pickle is loaded only when the queue's lock is
//! released.

use interlock_shm::{Message, Taken};
use interlock_wait::primitive::global::Ordering;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString};

use super::bytes::{Lent, MessageView};
use super::large::{HUGE, bytes_of};
use super::loads::{WITH_BUFFERS, load, loads, pickle_and_buffers};
use crate::blocking;

/// The first byte of a message.
const NONE: u8 = b'N';
const FALSE: u8 = b'F';
const TRUE: u8 = b'T';
const INT: u8 = b'i';
const FLOAT: u8 = b'd';
const STR: u8 = b's';
const BYTES: u8 = b'b';
pub(super) const PICKLE: u8 = b'p';

/// An object on its way into a queue: its kind, and its value.
pub(crate) enum Outgoing<'a> {
    Constant(u8),
    Word(u8, [u8; 8]),
    /// No other code can change the bytes.
    Bytes(u8, &'a [u8]),
    /// Another thread may change the bytes.
    Loose(u8, &'a [u8]),
    /// The kind is in the first part. `true` means that no other code can change the bytes.
    Parts(Vec<&'a [u8]>, bool),
}

impl<'a> Outgoing<'a> {
    /// Returns `None` if the object has to be pickled.
    #[inline]
    pub(crate) fn plain(object: &'a Bound<'_, PyAny>) -> Option<Self> {
        if let Ok(number) = object.cast_exact::<PyInt>() {
            let number: i64 = number.extract().ok()?;
            return Some(Outgoing::Word(INT, number.to_le_bytes()));
        }
        if let Ok(bytes) = object.cast_exact::<PyBytes>() {
            return Some(Outgoing::Bytes(BYTES, bytes.as_bytes()));
        }
        if let Ok(text) = object.cast_exact::<PyString>() {
            return text
                .to_str()
                .ok()
                .map(|text| Outgoing::Bytes(STR, text.as_bytes()));
        }
        if object.is_none() {
            return Some(Outgoing::Constant(NONE));
        }
        if let Ok(truth) = object.cast_exact::<PyBool>() {
            return Some(Outgoing::Constant(if truth.is_true() { TRUE } else { FALSE }));
        }
        let number = object.cast_exact::<PyFloat>().ok()?;
        Some(Outgoing::Word(FLOAT, number.value().to_le_bytes()))
    }

    /// Makes the message of a pickle whose bytes no other code can change.
    pub(crate) fn pickle(pickle: &'a [u8]) -> Self {
        Outgoing::Bytes(PICKLE, pickle)
    }

    /// Makes the message of bytes that count as a pickle, and that another thread may change.
    pub(super) fn loose_pickle(bytes: &'a [u8]) -> Self {
        Outgoing::Loose(PICKLE, bytes)
    }

    /// Calls `put` with the bytes.
    #[inline]
    pub(crate) fn with<R>(&self, put: impl FnOnce(&[&[u8]]) -> R) -> R {
        match self {
            Outgoing::Constant(kind) => put(&[&[*kind]]),
            Outgoing::Word(kind, [a, b, c, d, e, f, g, h]) => {
                put(&[&[*kind, *a, *b, *c, *d, *e, *f, *g, *h]])
            }
            Outgoing::Bytes(kind, bytes) | Outgoing::Loose(kind, bytes) => put(&[&[*kind], bytes]),
            Outgoing::Parts(parts, _) => put(parts),
        }
    }

    /// Like [`with`](Self::with). Other threads run while `put` copies many bytes, if no other code can change
    /// these meanwhile.
    #[inline]
    pub(crate) fn with_aside<R: Send>(&self, py: Python<'_>, put: impl FnOnce(&[&[u8]]) -> R + Send) -> R {
        match self.is_huge_and_steady() {
            true => blocking::aside(py, || self.with(put)),
            false => self.with(put),
        }
    }

    #[inline]
    pub(super) fn is_huge_and_steady(&self) -> bool {
        match self {
            Outgoing::Bytes(_, bytes) => bytes.len() >= HUGE,
            Outgoing::Parts(parts, true) => parts.iter().map(|part| part.len()).sum::<usize>() >= HUGE,
            _ => false,
        }
    }
}

/// An object on its way out of a queue.
pub(crate) enum Incoming {
    Object(Py<PyAny>),
    Pickle(Py<PyBytes>),
    /// A large message, which is still in shared memory.
    Large(Taken),
}

impl Incoming {
    /// Reads a message under the queue's lock: calls no code of a program, and makes no object that the collector counts.
    #[inline]
    pub(crate) fn read(py: Python<'_>, message: Message<'_>) -> PyResult<Self> {
        match message.keep() {
            Ok(taken) => Ok(Incoming::Large(taken)),
            Err(message) => read(py, message.len(), |at, into| message.read_from(at, into)),
        }
    }

    /// Reads a message from a copy of its bytes.
    pub(crate) fn of_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        read(py, bytes.len(), |at, into| {
            let from = bytes.get(at..at + into.len());
            from.map(|from| into.copy_from_slice(from)).is_some()
        })
    }

    /// Returns the object.
    #[inline]
    pub(crate) fn object(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Incoming::Object(object) => Ok(object.into_bound(py)),
            Incoming::Pickle(pickle) => loads(py, pickle.into_bound(py).into_any()),
            Incoming::Large(taken) => large(py, taken)?.object(py),
        }
    }

    /// Returns what can be unpickled more than once. Runs no code of a program.
    pub(crate) fn loadable(self, py: Python<'_>) -> PyResult<Loadable> {
        Ok(match self {
            Incoming::Object(object) => Loadable::Object(object),
            Incoming::Pickle(pickle) => Loadable::Pickle(pickle.into_any()),
            Incoming::Large(taken) => large(py, taken)?,
        })
    }

    /// Returns the bytes of a message that was sent as bytes or as a pickle, and otherwise the object.
    pub(super) fn bytes(self, py: Python<'_>) -> PyResult<Raw> {
        Ok(match self {
            Incoming::Object(object) => Raw::Object(object),
            Incoming::Pickle(pickle) => Raw::Bytes(pickle),
            Incoming::Large(taken) if kind_of(&taken) == PICKLE => Raw::Large(taken),
            Incoming::Large(taken) => Raw::Object(large(py, taken)?.object(py)?.unbind()),
        })
    }
}

/// A message that can be unpickled more than once.
pub(crate) enum Loadable {
    Object(Py<PyAny>),
    Pickle(Py<PyAny>),
    WithBuffers(Py<PyAny>, Vec<Py<PyAny>>),
}

impl Loadable {
    /// Returns the object.
    #[inline]
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Loadable::Object(object) => Ok(object.bind(py).clone()),
            Loadable::Pickle(pickle) => loads(py, pickle.bind(py).clone()),
            Loadable::WithBuffers(pickle, buffers) => {
                let buffers = buffers.iter().map(|buffer| buffer.bind(py).clone());
                // The unpickler has the first view once more.
                let renewed = buffers.inspect(|buffer| {
                    if let Ok(lent) = buffer.cast::<Lent>() {
                        // Relaxed: the views are asked for behind this.
                        lent.get().is_viewed.store(false, Ordering::Relaxed);
                    }
                });
                load(py, pickle.bind(py).clone(), renewed.collect())
            }
        }
    }
}

/// A message for a program that wants its bytes.
pub(crate) enum Raw {
    Bytes(Py<PyBytes>),
    /// The bytes behind the first one of a large message.
    Large(Taken),
    /// It was sent as an object, without a pickle.
    Object(Py<PyAny>),
}

impl Raw {
    pub(super) fn len(&self, py: Python<'_>) -> Option<usize> {
        match self {
            Raw::Bytes(bytes) => Some(bytes.as_bytes(py).len()),
            Raw::Large(taken) => Some(taken.len() - 1),
            Raw::Object(_) => None,
        }
    }

    /// Returns the bytes. `dumps` makes a pickle of an object.
    pub(super) fn into_bytes<'py>(
        self,
        py: Python<'py>,
        dumps: impl FnOnce(Py<PyAny>) -> PyResult<Bound<'py, PyBytes>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        match self {
            Raw::Bytes(bytes) => Ok(bytes.into_bound(py)),
            Raw::Large(taken) => bytes_of(py, taken),
            Raw::Object(object) => dumps(object),
        }
    }
}

fn kind_of(taken: &Taken) -> u8 {
    let mut kind = [0];
    taken.read(&mut kind);
    let [kind] = kind;
    kind
}

/// Returns what can be unpickled of a large message, in place, or its object. The caller holds no lock.
#[cold]
fn large(py: Python<'_>, taken: Taken) -> PyResult<Loadable> {
    let object = match kind_of(&taken) {
        PICKLE => {
            let view = MessageView::new(taken, 1).into_pyobject(py)?;
            return Ok(Loadable::Pickle(view.into_any().unbind()));
        }
        WITH_BUFFERS => {
            let (pickle, buffers) = pickle_and_buffers(py, taken)?;
            let buffers = buffers.into_iter().map(Bound::unbind).collect();
            return Ok(Loadable::WithBuffers(pickle.unbind(), buffers));
        }
        BYTES => bytes_of(py, taken)?.into_any(),
        STR => taken.with_bytes(|bytes| {
            let text = PyString::from_bytes(py, bytes.get(1..).unwrap_or_default())?;
            Ok::<_, PyErr>(text.into_any())
        })?,
        _ => read(py, taken.len(), |at, into| taken.read_from(at, into))?.object(py)?,
    };
    Ok(Loadable::Object(object.unbind()))
}

#[inline]
fn read(py: Python<'_>, length: usize, copy: impl Fn(usize, &mut [u8]) -> bool) -> PyResult<Incoming> {
    let mut kind = [0];
    copy(0, &mut kind);
    let [kind] = kind;
    let word = || {
        let mut word = [0; 8];
        copy(1, &mut word);
        word
    };
    let bytes = || {
        PyBytes::new_with(py, length.saturating_sub(1), |into| {
            copy(1, into);
            Ok(())
        })
    };
    Ok(Incoming::Object(match kind {
        INT => i64::from_le_bytes(word()).into_pyobject(py)?.into_any().unbind(),
        BYTES => bytes()?.into_any().unbind(),
        STR => text(py, length - 1, copy)?,
        NONE => py.None(),
        FALSE | TRUE => PyBool::new(py, kind == TRUE).to_owned().into_any().unbind(),
        FLOAT => PyFloat::new(py, f64::from_le_bytes(word())).into_any().unbind(),
        _ => return Ok(Incoming::Pickle(bytes()?.unbind())),
    }))
}

/// Returns a text of `length` bytes.
fn text(py: Python<'_>, length: usize, copy: impl Fn(usize, &mut [u8]) -> bool) -> PyResult<Py<PyAny>> {
    let mut short = [0; 256];
    let mut long = Vec::new();
    let bytes = match short.get_mut(..length) {
        Some(bytes) => bytes,
        None => {
            long.resize(length, 0);
            &mut long
        }
    };
    copy(1, bytes);
    Ok(PyString::from_bytes(py, bytes)?.into_any().unbind())
}
