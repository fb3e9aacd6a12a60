//! `put_many()` and `get_many()`.

use std::collections::VecDeque;

use interlock_queue::{GetError, HostQueue, PutError};
use interlock_wait::Deadline;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::base::{self, Queue};
use crate::blocking;
use crate::convert::Timeout;
use crate::errors::{self, Failure};
use crate::materialize::native;

/// How many items to take from an iterable at a time; it may be endless.
const CHUNK: usize = 1024;

/// The initial capacity for items, before their number is known.
const ROOM: usize = 128;

/// `Queue.put_many()`.
pub(super) fn put(
    slf: &Bound<'_, Queue>,
    items: &Bound<'_, PyAny>,
    block: bool,
    timeout: Timeout,
) -> PyResult<()> {
    let deadline = if block {
        timeout.non_negative_deadline()?
    } else {
        Deadline::PASSED
    };
    if let Ok(list) = items.cast_exact::<PyList>() {
        return put_each(slf, list.iter().map(Ok), deadline);
    }
    put_each(slf, items.try_iter()?, deadline)
}

fn put_each<'py>(
    slf: &Bound<'py, Queue>,
    mut items: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    deadline: Deadline,
) -> PyResult<()> {
    loop {
        let (mut chunk, end) = take_chunk(&mut items);
        let put = put_chunk(slf, &mut chunk, deadline);
        if let Err(error) = put {
            let exception = errors::exception(slf.py(), error);
            exception.setattr("remaining", PyList::new(slf.py(), chunk)?)?;
            return Err(errors::again(exception));
        }
        match end {
            Some(Err(error)) => return Err(error),
            Some(Ok(())) => return Ok(()),
            None => {}
        }
    }
}

/// Returns the next items. `Some(Ok)` after the last ones, `Some(Err)` if the iterable raised after them.
#[inline]
fn take_chunk<'py>(
    items: &mut impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
) -> (VecDeque<Py<PyAny>>, Option<PyResult<()>>) {
    let mut chunk = VecDeque::with_capacity(ROOM);
    while chunk.len() < CHUNK {
        match items.next() {
            Some(Ok(item)) => chunk.push_back(item.unbind()),
            Some(Err(error)) => return (chunk, Some(Err(error))),
            None => return (chunk, Some(Ok(()))),
        }
    }
    (chunk, None)
}

/// Puts the items of a chunk into the queue, and removes from the chunk those that were put.
fn put_chunk(slf: &Bound<'_, Queue>, chunk: &mut VecDeque<Py<PyAny>>, deadline: Deadline) -> PyResult<()> {
    let py = slf.py();
    let put = native(slf, |queue| {
        if !queue.keeps(chunk) {
            return Ok(Err(PutError::Retired(())));
        }
        blocking::wait(py, deadline, |context| {
            queue.engine.get(py).put_many_with(chunk, context)
        })
    })?;
    match put.transpose()? {
        Some(Ok(())) => return Ok(()),
        Some(Err(PutError::ShutDown(()))) => return Err(Failure::ShutDown.raise(py)),
        Some(Err(PutError::Full(()) | PutError::Interrupted(()))) => return Err(Failure::Full.raise(py)),
        Some(Err(PutError::Retired(()))) | None => {}
    }
    let block = deadline != Deadline::PASSED;
    while let Some(item) = chunk.front() {
        base::put(slf, item.bind(py), block, left(py, deadline)?.as_ref())?;
        chunk.pop_front();
    }
    Ok(())
}

/// Returns the time left until a deadline, in seconds, as an argument.
fn left(py: Python<'_>, deadline: Deadline) -> PyResult<Option<Bound<'_, PyAny>>> {
    let left = deadline.remaining().map(|left| left.as_secs_f64());
    left.map(|left| Ok(left.into_pyobject(py)?.into_any()))
        .transpose()
}

/// `Queue.get_many()`.
pub(super) fn get<'py>(
    slf: &Bound<'py, Queue>,
    max: isize,
    block: bool,
    timeout: Timeout,
) -> PyResult<Bound<'py, PyList>> {
    let py = slf.py();
    let most = usize::try_from(max).ok().filter(|&most| most > 0);
    let most = most.ok_or_else(|| PyValueError::new_err("max must be one or more"))?;
    let deadline = if block {
        timeout.non_negative_deadline()?
    } else {
        Deadline::PASSED
    };
    let got = native(slf, |queue| {
        blocking::wait(py, deadline, |context| {
            queue.engine.get(py).get_many_with(most, context)
        })
    })?;
    match got.transpose()? {
        Some(Ok(items)) => return PyList::new(py, items),
        Some(Err(GetError::Retired)) | None => {}
        Some(Err(refusal)) => return Err(errors::no_item(py, refusal)),
    }
    let first = base::get(slf, block, left(py, deadline)?.as_ref())?;
    let got = PyList::new(py, [first])?;
    while got.len() < most {
        match base::get(slf, false, None) {
            Ok(item) => got.append(item)?,
            Err(error) => {
                let exception = errors::exception(py, error);
                if errors::is_no_item(&exception) {
                    break;
                }
                // A hook or a signal handler raised: the items taken so far must not be lost.
                exception.setattr("got", got)?;
                return Err(errors::again(exception));
            }
        }
    }
    Ok(got)
}
