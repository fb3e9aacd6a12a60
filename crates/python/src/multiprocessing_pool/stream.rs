//! The results of `imap()` on their way from the workers to the iterator.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::state::State;
use crate::engine::{ReorderBuffer, StateLock};
use crate::futures::Answer;
use crate::raw::intern;

/// Results, and the place where they go if their iterator is materialized.
///
/// The garbage collector does not see the reference to the pool: the job that puts results here holds the pool too, and
/// releases it at its end.
pub(super) struct Stream {
    pub(super) buffer: ReorderBuffer<Answer>,
    end: StateLock<End>,
}

struct End {
    /// Keeps the pool alive while it has something to do.
    pool: Option<Py<PyAny>>,
    /// For a materialized iterator: the pool's `_outqueue` and `_cache`, and the iterator's number in the cache. They
    /// are kept apart from the pool, because the worker that puts the last result takes the pool away while other
    /// workers still have to deliver theirs.
    outlet: Option<[Py<PyAny>; 3]>,
}

impl Stream {
    pub(super) fn new(buffer: ReorderBuffer<Answer>, pool: Py<PyAny>) -> Self {
        let end = End {
            pool: Some(pool),
            outlet: None,
        };
        Stream {
            buffer,
            end: StateLock::new(end),
        }
    }

    /// Returns the pool, until all results have been put.
    pub(super) fn pool(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.end.lock().pool.as_ref().map(|pool| pool.clone_ref(py))
    }

    /// Delivers a result. If the iterator is gone, drops it here.
    pub(super) fn put(&self, py: Python<'_>, number: usize, answer: Answer) {
        let Err(answer) = self.buffer.put_at(number, answer) else {
            return;
        };
        self.send(py, |[results, _, job]| {
            let succeeded = matches!(answer, Answer::Result(_));
            let message = (job, number, (succeeded, answer.object()));
            results.call_method1(py, intern!(py, "put"), (message,)).map(drop)
        });
    }

    /// Sets the total number of results.
    pub(super) fn set_length(&self, py: Python<'_>, length: usize) {
        let end = self.end.lock();
        self.buffer.set_length(length);
        drop(end);
        self.send(py, |[_, cache, job]| {
            let iterator = cache.call_method1(py, intern!(py, "get"), (job,))?;
            if iterator.is_none(py) {
                return Ok(()); // the iterator is gone
            }
            iterator
                .call_method1(py, intern!(py, "_set_length"), (length,))
                .map(drop)
        });
    }

    /// Calls `send` with the outlet, if the iterator is materialized.
    fn send(&self, py: Python<'_>, send: impl FnOnce([Py<PyAny>; 3]) -> PyResult<()>) {
        let outlet = {
            let end = self.end.lock();
            end.outlet
                .as_ref()
                .map(|outlet| outlet.each_ref().map(|one| one.clone_ref(py)))
        };
        if let Some(outlet) = outlet
            && let Err(error) = send(outlet)
        {
            error.write_unraisable(py, None);
        }
    }

    /// Ends the job if all results have been put.
    pub(super) fn end_if_over(&self, py: Python<'_>, state: &State) {
        if self.buffer.length() == Some(self.buffer.put()) {
            self.end(py, state);
        }
    }

    pub(super) fn end(&self, py: Python<'_>, state: &State) {
        let pool = self.end.lock().pool.take();
        if pool.is_some() {
            state.finished(py);
        }
        drop(pool);
    }

    /// Moves the results that are here into the attributes of an iterator that is materialized. The rest goes the
    /// standard library's way.
    pub(super) fn export(
        &self,
        object: &Bound<'_, PyAny>,
        attributes: &Bound<'_, PyDict>,
    ) -> PyResult<Vec<interlock_wait::Wakeups>> {
        let py = object.py();
        let mut end = self.end.lock();
        let Some(left) = self.buffer.retire() else {
            return Ok(Vec::new());
        };
        let answer = |answer: Answer| (matches!(answer, Answer::Result(_)), answer.object().clone_ref(py));
        if let Some(items) = attributes.get_item("_items")? {
            for one in left.ready {
                items.call_method1("append", (answer(one),))?;
            }
        }
        if let Some(unsorted) = attributes.get_item("_unsorted")? {
            for (number, one) in left.early {
                unsorted.set_item(number, answer(one))?;
            }
        }
        let length = match self.buffer.length() {
            // Ended early, with a last result out of order: nothing follows.
            _ if left.ended => Some(left.came),
            length => length.and_then(|length| usize::try_from(length).ok()),
        };
        attributes.set_item("_index", left.came)?;
        attributes.set_item("_length", length)?;
        if length == Some(left.came) {
            attributes.set_item("_pool", py.None())?;
        } else if let (Some(cache), Some(job)) =
            (attributes.get_item("_cache")?, attributes.get_item("_job")?)
        {
            cache.cast::<PyDict>()?.set_item(&job, object)?;
            if let Some(pool) = &end.pool {
                let results = pool.getattr(py, "_outqueue")?;
                end.outlet = Some([results, cache.unbind(), job.unbind()]);
            }
        }
        Ok(left.wakeups.into())
    }
}
