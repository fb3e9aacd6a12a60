//! A worker's side of `map_async()` and `starmap_async()`.
//!
//! A map is one job with a ticket for each worker that can help. A worker with a ticket takes chunks until there are
//! none. The function and the arguments are released as soon as the last chunk is taken, even if workers still hold
//! tickets.

use std::ops::Range;

use interlock_wait::primitive::Arc;
use interlock_wait::primitive::global::{AtomicUsize, Ordering};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::calls::{Call, Turn, fill};
use super::items::Items;
use super::result::{AsyncResult, Progress};
use super::shared_iterator::Taken;
use super::state::State;
use crate::engine::StateLock;
use crate::futures::Answer;
use crate::raw::Attached;

/// The function, the arguments and the results of a map.
struct MapWork {
    call: Call,
    items: Items,
    values: Py<PyList>,
}

impl MapWork {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        MapWork {
            call: self.call.clone_ref(py),
            items: self.items.clone_ref(py),
            values: self.values.clone_ref(py),
        }
    }

    /// Makes the calls of one more chunk. Returns how many chunks that finished, and the exception if there was one.
    fn run_chunk(&self, py: Python<'_>, job: &Map, turn: &mut Turn) -> PyResult<(usize, PyResult<()>)> {
        let (chunk, chunks, values) = (job.chunk, job.chunks, self.values.bind(py));
        let pulled = match &self.items {
            Items::SharedIterator(pulled) => pulled,
            fixed => {
                // Relaxed: each number only has to be given out once.
                let number = job.taken.fetch_add(1, Ordering::Relaxed);
                if number >= chunks {
                    return Ok((0, Ok(())));
                }
                let first = number * chunk;
                let places = first..(first + chunk).min(values.len());
                return Ok((1, self.run_fixed(fixed, values, places, turn)));
            }
        };
        Ok(match pulled.get(py).take(py, chunk)? {
            Taken::Chunk(number, items) if number < chunks => {
                // Relaxed: a count that orders nothing.
                job.taken.fetch_max(number + 1, Ordering::Relaxed);
                let first = number * chunk;
                let ran = self.call.make_all(items, turn, |place, value| {
                    values.set_item(first + place, value).or(Ok(())) // there are more items than its length said
                });
                (1, ran)
            }
            Taken::Item(number, item) if number < chunks => {
                // Relaxed: a count that orders nothing.
                job.taken.fetch_max(number + 1, Ordering::Relaxed);
                let value = self.call.make(item.as_borrowed());
                turn.count(py);
                (1, value.and_then(|value| values.set_item(number, value)))
            }
            Taken::Raised(number, error) => (chunks.saturating_sub(number), Err(error)),
            Taken::Nothing(Some(number)) => (chunks.saturating_sub(number), Ok(())),
            Taken::Chunk(..) | Taken::Item(..) | Taken::Nothing(None) => (0, Ok(())),
        })
    }

    /// Makes the calls for some places of a tuple or a range.
    fn run_fixed(
        &self,
        items: &Items,
        values: &Bound<'_, PyList>,
        places: Range<usize>,
        turn: &mut Turn,
    ) -> PyResult<()> {
        let (py, call) = (values.py(), &self.call);
        if let Some(results) = call.make_in_python(items, &places, py)? {
            if results.len() != places.len() {
                return Err(has_shrunk());
            }
            return values.set_slice(places.start, places.end, &results);
        }
        match items {
            Items::Tuple(items) => {
                let items = items.bind(py).as_slice();
                fill(values, places, turn, |place| match items.get(place) {
                    Some(item) => call.make(item.as_borrowed()),
                    None => Err(has_shrunk()),
                })
            }
            Items::Range(_, range) => fill(values, places, turn, |place| {
                call.make(range.item(place).into_pyobject(py)?.as_any().as_borrowed())
            }),
            Items::SharedIterator(_) => Ok(()),
        }
    }
}

/// Another thread has removed items from a list after we read its length and before we copied it.
#[cold]
fn has_shrunk() -> PyErr {
    PyIndexError::new_err("the iterable has become shorter")
}

/// `map_async()` and `starmap_async()`.
pub(super) struct Map {
    work: StateLock<Option<MapWork>>,
    end: StateLock<Option<(Py<AsyncResult>, Py<PyList>)>>,
    failure: StateLock<Option<PyErr>>,
    chunk: usize,
    chunks: usize,
    taken: AtomicUsize,
    progress: Arc<Progress>,
}

impl Map {
    pub(super) fn new(
        call: Call,
        items: Items,
        values: &Bound<'_, PyList>,
        progress: Arc<Progress>,
        result: Py<AsyncResult>,
    ) -> Self {
        let work = MapWork {
            call,
            items,
            values: values.clone().unbind(),
        };
        Map {
            work: StateLock::new(Some(work)),
            end: StateLock::new(Some((result, values.clone().unbind()))),
            failure: StateLock::new(None),
            chunk: usize::try_from(progress.chunk).unwrap_or(0),
            // Relaxed: a count that orders nothing.
            chunks: progress.left.load(Ordering::Relaxed),
            taken: AtomicUsize::new(0),
            progress,
        }
    }

    pub(super) fn run(&self, py: Python<'_>, state: &Arc<Attached<State>>, turn: &mut Turn) -> PyResult<()> {
        let Some(work) = self.work.lock().as_ref().map(|work| work.clone_ref(py)) else {
            return Ok(());
        };
        let mut work = Some(work);
        while let Some(at_work) = &work {
            let pool = state.get(py);
            if pool.is_terminated() {
                self.abandon(py, pool, pool.reason(py));
                return Ok(());
            }
            let (done, ran) = at_work.run_chunk(py, self, turn)?;
            // Relaxed: a count that orders nothing.
            if done != 1 || self.taken.load(Ordering::Relaxed) >= self.chunks {
                // Release the function and the arguments before the result is delivered.
                let given = self.work.lock().take();
                drop((given, work.take()));
            }
            if let Err(error) = ran {
                let mut failure = self.failure.lock();
                let later = if failure.is_none() {
                    *failure = Some(error);
                    None
                } else {
                    Some(error)
                };
                drop(failure);
                drop(later);
            }
            // AcqRel pairs with itself: the worker that finishes the job sees what the others did.
            if done > 0 && self.progress.left.fetch_sub(done, Ordering::AcqRel) == done {
                self.finish(py, state);
            }
        }
        Ok(())
    }

    fn finish(&self, py: Python<'_>, state: &Arc<Attached<State>>) {
        let failure = self.failure.lock().take();
        let Some((result, values)) = self.end.lock().take() else {
            return;
        };
        let answer = match failure {
            None => Answer::Result(values.into_any()),
            Some(error) => {
                drop(values);
                Answer::of(py, Err(error))
            }
        };
        State::deliver(state, result, py, answer);
    }

    pub(super) fn abandon(&self, py: Python<'_>, state: &State, reason: Answer) {
        let work = self.work.lock().take();
        if let Some(MapWork {
            items: Items::SharedIterator(pulled),
            ..
        }) = &work
        {
            pulled.get(py).end();
        }
        drop(work);
        let end = self.end.lock().take();
        if let Some((result, _)) = end {
            state.abandon(result.bind(py), reason);
        }
    }
}
