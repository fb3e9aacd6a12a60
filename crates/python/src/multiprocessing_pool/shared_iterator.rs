//! An iterable from which several workers take items, one worker at a time.

use interlock_wait::Deadline;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use crate::blocking;
use crate::engine::{Lock, StateLock};

/// The result of taking from an iterable.
pub(super) enum Taken<'py> {
    /// The items of a chunk, and its number. There is at least one.
    Chunk(usize, Vec<Bound<'py, PyAny>>),
    /// The only item of a chunk of one, and its number.
    Item(usize, Bound<'py, PyAny>),
    /// The exception that the iterable raised, in place of the chunk of that number. Nothing follows.
    Raised(usize, PyErr),
    /// There are no more items. The first worker to get this also gets the number of chunks.
    Nothing(Option<usize>),
}

enum Source {
    Unbegun(Py<PyAny>),
    Begun(Py<PyIterator>, usize),
    Over,
}

/// An iterable, and how many chunks were taken from it.
///
/// Its code runs under `turn`, a lock for which other workers wait detached. No code runs under the lock of `source`.
pub(super) struct SharedIterator {
    turn: Lock,
    source: StateLock<Source>,
}

struct Release<'a>(&'a Lock);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        // This cannot fail: the lock is held from the start.
        let _ = self.0.release();
    }
}

impl SharedIterator {
    pub(super) fn new(iterable: Py<PyAny>) -> Self {
        SharedIterator {
            turn: Lock::new_in(),
            source: StateLock::new(Source::Unbegun(iterable)),
        }
    }

    /// Takes the next `size` items, or fewer at the end. Blocks while another worker takes.
    pub(super) fn take<'py>(&self, py: Python<'py>, size: usize) -> PyResult<Taken<'py>> {
        if self.turn.try_acquire().is_err() {
            let acquired = blocking::wait(py, Deadline::NEVER, |context| self.turn.acquire_with(context))?;
            if acquired.is_err() {
                return Ok(Taken::Nothing(None));
            }
        }
        let turn = Release(&self.turn);
        let (iterator, number) = match self.begin(py) {
            Some(Ok(begun)) => begun,
            Some(Err(error)) => return Ok(self.end_with(0, error)),
            None => return Ok(Taken::Nothing(None)),
        };
        let taken = take_from(&iterator, size);
        let taken = match taken {
            Ok(Some(chunk)) => {
                self.set(Source::Begun(iterator.unbind(), number + 1));
                chunk.numbered(number)
            }
            Ok(None) => {
                self.set(Source::Over);
                Taken::Nothing(Some(number))
            }
            Err(error) => self.end_with(number, error),
        };
        drop(turn);
        Ok(taken)
    }

    /// Takes no more items.
    pub(super) fn end(&self) {
        self.set(Source::Over);
    }

    fn end_with<'py>(&self, number: usize, error: PyErr) -> Taken<'py> {
        self.set(Source::Over);
        Taken::Raised(number, error)
    }

    fn set(&self, source: Source) {
        let before = std::mem::replace(&mut *self.source.lock(), source);
        // Dropped without a lock, except for the turn.
        drop(before);
    }

    /// Returns the iterator, and the number of the next chunk.
    fn begin<'py>(&self, py: Python<'py>) -> Option<PyResult<(Bound<'py, PyIterator>, usize)>> {
        let source = std::mem::replace(&mut *self.source.lock(), Source::Over);
        match source {
            Source::Over => None,
            Source::Begun(iterator, number) => Some(Ok((iterator.into_bound(py), number))),
            Source::Unbegun(iterable) => Some(iterable.bind(py).try_iter().map(|iterator| (iterator, 0))),
        }
    }
}

enum Chunk<'py> {
    One(Bound<'py, PyAny>),
    Many(Vec<Bound<'py, PyAny>>),
}

impl<'py> Chunk<'py> {
    fn numbered(self, number: usize) -> Taken<'py> {
        match self {
            Chunk::One(item) => Taken::Item(number, item),
            Chunk::Many(items) => Taken::Chunk(number, items),
        }
    }
}

fn take_from<'py>(iterator: &Bound<'py, PyIterator>, size: usize) -> PyResult<Option<Chunk<'py>>> {
    let mut iterator = iterator.clone();
    if size == 1 {
        return Ok(iterator.next().transpose()?.map(Chunk::One));
    }
    let items = iterator.by_ref().take(size).collect::<PyResult<Vec<_>>>()?;
    Ok((!items.is_empty()).then_some(Chunk::Many(items)))
}
