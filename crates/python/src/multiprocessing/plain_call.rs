//! Calls that need no pickler: calls of a function that its module contains under the function's name, with plain
//! arguments.
//!
//! The kind; the module's name and the function's, each behind its length (2 bytes); the number of arguments (1
//! byte); and each argument as its message in a queue would be, behind its length (4 bytes).

use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyFunction, PyModule, PyString, PyTuple};

use super::message::{Incoming, Outgoing};
use crate::imported::Imported;
use crate::raw::intern;

static MODULES: Imported = Imported::new("sys", "modules");

/// The first byte of such a call.
pub(crate) const PLAIN_CALL: u8 = b'c';

/// A longer call is left to the pickler.
const LONGEST: usize = 16 << 10;

/// Returns the message of a call, or `None` if it needs a pickler, which then either encodes the call, or refuses
/// it.
pub(crate) fn encoded(
    function: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    kwargs: &Bound<'_, PyDict>,
) -> PyResult<Option<Vec<u8>>> {
    let is_plain = kwargs.is_empty() && is_function(function)?;
    let Ok(count) = u8::try_from(args.len()) else {
        return Ok(None);
    };
    if !is_plain {
        return Ok(None);
    }
    let Some((module, name)) = home(function)? else {
        return Ok(None);
    };
    let mut message = Vec::with_capacity(64);
    message.push(PLAIN_CALL);
    for text in [&module, &name] {
        let text = text.to_str()?;
        let Ok(length) = u16::try_from(text.len()) else {
            return Ok(None);
        };
        message.extend_from_slice(&length.to_le_bytes());
        message.extend_from_slice(text.as_bytes());
    }
    message.push(count);
    for argument in args.iter_borrowed() {
        let argument = argument.to_owned();
        let Some(plain) = Outgoing::plain(&argument) else {
            return Ok(None);
        };
        let is_added = plain.with(|parts| {
            let length: usize = parts.iter().map(|part| part.len()).sum();
            // A large argument is not even copied.
            if message.len() + length > LONGEST {
                return false;
            }
            message.extend_from_slice(&(length as u32).to_le_bytes());
            parts.iter().for_each(|part| message.extend_from_slice(part));
            true
        });
        if !is_added {
            return Ok(None);
        }
    }
    Ok(Some(message))
}

/// Returns whether it is a Python function, or a function of a module in C.
fn is_function(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    if function.cast_exact::<PyFunction>().is_ok() {
        return Ok(true);
    }
    if function.cast_exact::<PyCFunction>().is_err() {
        return Ok(false);
    }
    let of = function.getattr(intern!(function.py(), "__self__"))?;
    Ok(of.cast_exact::<PyModule>().is_ok())
}

/// Returns the names of a function's module and of the function. `None` if another process would not find it by
/// these.
fn home<'py>(function: &Bound<'py, PyAny>) -> PyResult<Option<(Bound<'py, PyString>, Bound<'py, PyString>)>> {
    let py = function.py();
    let module = function.getattr(intern!(py, "__module__"))?;
    let name = function.getattr(intern!(py, "__qualname__"))?;
    let (Ok(module), Ok(name)) = (module.cast_into::<PyString>(), name.cast_into::<PyString>()) else {
        return Ok(None);
    };
    let Some(loaded) = module_of(&module)? else {
        return Ok(None);
    };
    let is_session = module.to_str()? == "__main__" && !loaded.hasattr(intern!(py, "__file__"))?;
    let found = loaded.getattr_opt(&name)?;
    let is_it = found.is_some_and(|found| found.is(function));
    Ok((is_it && !is_session).then_some((module, name)))
}

/// The parts of a message that was made by [`encoded`].
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (part, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        part
    }

    fn text(&mut self) -> &'a str {
        let length = self.take(2).try_into().map_or(0, u16::from_le_bytes);
        std::str::from_utf8(self.take(length.into())).unwrap_or_default()
    }

    fn args<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let count = self.take(1).first().copied().unwrap_or_default();
        let mut args = Vec::with_capacity(count.into());
        for _ in 0..count {
            let length = self.take(4).try_into().map_or(0, u32::from_le_bytes);
            let argument = self.take(length as usize);
            args.push(Incoming::of_bytes(py, argument)?.object(py)?);
        }
        PyTuple::new(py, args)
    }
}

/// Returns the function and its arguments.
///
/// # Errors
/// The module can't be imported here, or has no such function.
pub(crate) fn decoded<'py>(
    py: Python<'py>,
    message: &[u8],
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
    let mut parts = Parts(message.get(1..).unwrap_or_default());
    let module = PyString::new(py, parts.text());
    let module = match module_of(&module)? {
        Some(module) => module,
        None => py.import(module)?.into_any(),
    };
    let function = module.getattr(PyString::intern(py, parts.text()))?;
    Ok((function, parts.args(py)?))
}

/// Returns the name of the function and its arguments, for messages.
pub(crate) fn described<'py>(py: Python<'py>, message: &[u8]) -> PyResult<Option<Bound<'py, PyTuple>>> {
    if message.first() != Some(&PLAIN_CALL) {
        return Ok(None);
    }
    let mut parts = Parts(message.get(1..).unwrap_or_default());
    parts.text();
    let name = parts.text();
    (name, parts.args(py)?).into_pyobject(py).map(Some)
}

/// Returns the module of this name, if it is imported.
fn module_of<'py>(name: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    match MODULES.get(name.py())?.cast::<PyDict>()?.get_item(name)? {
        Some(module) if !module.is_none() => Ok(Some(module)),
        _ => Ok(None),
    }
}
