//! `put_many()` and `get_many()` of queues that processes share.

use std::cell::{Cell, RefCell};

use interlock_shm::{Error, Rank};
use interlock_wait::{Deadline, WaitContext};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::any_queue::AnyQueue;
use super::message::{Incoming, Outgoing};
use super::queue::{Refused, SharedQueue, failure, not_put};
use super::rank::rank_of;
use super::shared::deadline_of_poll;
use crate::blocking;
use crate::convert::Truth;
use crate::errors::{self, Failure};

/// How many items to take from an iterable at a time, because it may be endless.
const MOST_ITEMS: usize = 1024;
/// How many bytes are copied at a time, unless a single item has more.
const MOST_BYTES: usize = 256 << 10;

/// Items that were taken from an iterable and are not put yet, and their messages.
#[derive(Default)]
struct Chunk<'py> {
    items: Vec<Bound<'py, PyAny>>,
    bytes: Vec<u8>,
    /// Where the message of each item ends.
    ends: Vec<usize>,
    ranks: Vec<Rank>,
}

/// Why a chunk has no more items.
enum End {
    Full,
    LastItem,
    Raised(PyErr),
}

impl<'py> Chunk<'py> {
    /// Takes the next items. The first error ends the chunk.
    fn take(
        queue: &Bound<'py, SharedQueue>,
        items: &mut impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    ) -> (Self, End) {
        let mut chunk = Chunk::default();
        while chunk.items.len() < MOST_ITEMS && chunk.bytes.len() < MOST_BYTES {
            let item = match items.next() {
                Some(Ok(item)) => item,
                Some(Err(error)) => return (chunk, End::Raised(error)),
                None => return (chunk, End::LastItem),
            };
            match chunk.add(queue, &item) {
                Ok(true) => chunk.items.push(item),
                Ok(false) => {}
                Err(error) => return (chunk, End::Raised(not_put_one(queue.py(), error, item))),
            }
        }
        (chunk, End::Full)
    }

    /// Appends the message of an item. Returns false if it can't be pickled, and the hook for errors has been called.
    fn add(&mut self, queue: &Bound<'py, SharedQueue>, item: &Bound<'py, PyAny>) -> PyResult<bool> {
        let rank = match queue.get().engine()?.is_ranked() {
            true => Some(rank_of(item)?),
            false => None,
        };
        let mut append = |message: &Outgoing<'_>| {
            message.with(|parts| parts.iter().for_each(|part| self.bytes.extend_from_slice(part)));
            self.ends.push(self.bytes.len());
        };
        if let Some(plain) = Outgoing::plain(item) {
            append(&plain);
            self.ranks.extend(rank);
            return Ok(true);
        }
        let Some(pickle) = SharedQueue::pickle(queue.as_any().as_borrowed(), item.as_borrowed())? else {
            return Ok(false);
        };
        append(&pickle.outgoing());
        self.ranks.extend(rank);
        Ok(true)
    }

    /// Puts the messages. Returns how many were put, and why not all were.
    fn put(&self, py: Python<'py>, queue: &AnyQueue, deadline: Deadline) -> (usize, PyResult<()>) {
        let put = Cell::new(0);
        let mut start = 0;
        let messages = self.ends.iter().map(|&end| {
            let message = &self.bytes[start..end];
            start = end;
            message
        });
        let outcome = blocking::wait(py, deadline, |context| {
            let (count, outcome) = queue.put_many(&self.ranks, messages, context);
            put.set(count);
            outcome
        });
        let outcome = outcome.and_then(|outcome| outcome.map_err(|error| not_put(py, error)));
        (put.get(), outcome)
    }
}

/// Returns the error of an item that can't be pickled, which was taken from the iterable and is not in the queue.
#[cold]
fn not_put_one<'py>(py: Python<'py>, error: PyErr, item: Bound<'py, PyAny>) -> PyErr {
    with_list(py, error, "remaining", vec![item])
}

/// Adds an attribute `name` that lists `items` to `error`.
#[cold]
fn with_list<'py>(py: Python<'py>, error: PyErr, name: &str, items: Vec<Bound<'py, PyAny>>) -> PyErr {
    let exception = errors::exception(py, error);
    match PyList::new(py, items).and_then(|items| exception.setattr(name, items)) {
        Ok(()) => errors::again(exception),
        Err(error) => error,
    }
}

fn last_moment(block: &Truth, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Deadline> {
    match block.0 {
        true => deadline_of_poll(timeout),
        false => Ok(Deadline::PASSED),
    }
}

/// `put_many()`.
pub(super) fn put<'py>(
    slf: &Bound<'py, SharedQueue>,
    items: &Bound<'py, PyAny>,
    block: &Truth,
    timeout: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    let (py, this) = (slf.py(), slf.get());
    this.check_native(slf.as_any().as_borrowed())?;
    let deadline = last_moment(block, timeout)?;
    let queue = this.engine()?;
    let mut items = items.try_iter()?;
    loop {
        let (mut chunk, end) = Chunk::take(slf, &mut items);
        this.note_put();
        if let (put, Err(error)) = chunk.put(py, queue, deadline) {
            return Err(with_list(py, error, "remaining", chunk.items.split_off(put)));
        }
        match end {
            End::Full => {}
            End::LastItem => return Ok(()),
            End::Raised(error) => return Err(error),
        }
    }
}

/// `get_many()`.
pub(super) fn get<'py>(
    slf: &Bound<'py, SharedQueue>,
    max: isize,
    block: &Truth,
    timeout: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    let (py, this) = (slf.py(), slf.get());
    let most = usize::try_from(max).ok().filter(|&most| most > 0);
    let most = most.ok_or_else(|| PyValueError::new_err("max must be one or more"))?;
    this.check_native(slf.as_any().as_borrowed())?;
    let deadline = last_moment(block, timeout)?;
    let (incoming, outcome) = take(py, this.engine()?, most, deadline);
    let told = this.tell_got(slf.as_any().as_borrowed());
    let mut trouble = outcome.and(told).err();
    if incoming.is_empty()
        && let Some(error) = trouble
    {
        return Err(error);
    }
    let mut got = Vec::with_capacity(incoming.len());
    for message in incoming {
        match message.object(py) {
            Ok(object) => got.push(object),
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    match trouble {
        None => PyList::new(py, got),
        Some(error) => Err(with_list(py, error, "got", got)),
    }
}

/// Takes messages: waits for the first, and takes the others that are there. If an error comes after the first
/// message, the taken ones are returned nevertheless.
fn take(py: Python<'_>, queue: &AnyQueue, most: usize, deadline: Deadline) -> (Vec<Incoming>, PyResult<()>) {
    let incoming = RefCell::new(Vec::new());
    let get = |context: &mut WaitContext<'_>| {
        let left = most - incoming.borrow().len();
        queue.get_many(left, context, |message| {
            let read = Incoming::read(py, message).map_err(Refused::Raised)?;
            incoming.borrow_mut().push(read);
            Ok(())
        })
    };
    let mut outcome = blocking::wait(py, deadline, get);
    // A large message comes alone, and so does each message of a queue of another order.
    while matches!(outcome, Ok(Ok(_))) && incoming.borrow().len() < most && !queue.is_empty() {
        outcome = blocking::go_on_waiting(py, Deadline::PASSED, get);
    }
    let outcome = outcome.and_then(|outcome| match outcome {
        Ok(_) => Ok(()),
        Err(Refused::Raised(raised)) => Err(raised),
        Err(Refused::Engine(Error::Ended(_) | Error::ShutDown)) if !incoming.borrow().is_empty() => Ok(()),
        Err(Refused::Engine(Error::Ended(_))) => Err(Failure::Empty.raise(py)),
        Err(Refused::Engine(error)) => Err(failure(py, error)),
    });
    (incoming.into_inner(), outcome)
}
