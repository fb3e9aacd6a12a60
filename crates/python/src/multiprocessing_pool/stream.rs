//! The results of `imap()` on their way from the workers to the iterator.

use interlock_pool::ReorderBuffer;
use interlock_wait::StateLock;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::state::State;
use crate::futures::Answer;
use crate::raw::intern;

/// Results, and where they go when their iterator is open.
///
/// The garbage collector is not told of the pool: the job that puts results here has it, too, and lets go of it at its end.
pub(super) struct Stream {
    pub(super) gather: ReorderBuffer<Answer>,
    end: StateLock<End>,
}

struct End {
    /// A pool lives as long as it has something to do.
    pool: Option<Py<PyAny>>,
    /// Of an open iterator: the pool's `_outqueue` and `_cache`, and its number in the cache. They are kept apart from the pool,
    /// which whoever puts the last result takes away while others still have to hand over theirs.
    open: Option<[Py<PyAny>; 3]>,
}

impl Stream {
    pub(super) fn new(gather: ReorderBuffer<Answer>, pool: Py<PyAny>) -> Self {
        let end = End {
            pool: Some(pool),
            open: None,
        };
        Stream {
            gather,
            end: StateLock::new(end),
        }
    }

    /// The pool, until all results are there.
    pub(super) fn pool(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.end.lock().pool.as_ref().map(|pool| pool.clone_ref(py))
    }

    /// Hands over a result. Owner wants it any more when the iterator is gone: then it is dropped here.
    pub(super) fn put(&self, py: Python<'_>, number: usize, answer: Answer) {
        let Err(answer) = self.gather.put_at(number, answer) else {
            return;
        };
        self.tell(py, |[results, _, job]| {
            let succeeded = matches!(answer, Answer::Result(_));
            let message = (job, number, (succeeded, answer.object()));
            results.call_method1(py, intern!(py, "put"), (message,)).map(drop)
        });
    }

    /// Says how many results there will have been.
    pub(super) fn set_length(&self, py: Python<'_>, length: usize) {
        let end = self.end.lock();
        self.gather.set_length(length);
        drop(end);
        self.tell(py, |[_, cache, job]| {
            let open = cache.call_method1(py, intern!(py, "get"), (job,))?;
            if open.is_none(py) {
                return Ok(()); // nobody wants it any more
            }
            open.call_method1(py, intern!(py, "_set_length"), (length,))
                .map(drop)
        });
    }

    /// Tells the pool of an open iterator.
    fn tell(&self, py: Python<'_>, tell: impl FnOnce([Py<PyAny>; 3]) -> PyResult<()>) {
        let open = {
            let end = self.end.lock();
            end.open
                .as_ref()
                .map(|open| open.each_ref().map(|one| one.clone_ref(py)))
        };
        if let Some(open) = open
            && let Err(error) = tell(open)
        {
            error.write_unraisable(py, None);
        }
    }

    /// Ends the job, if all results are there.
    pub(super) fn end_if_over(&self, py: Python<'_>, state: &State) {
        if self.gather.length() == Some(self.gather.put()) {
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

    /// Moves what is there into the attributes of an iterator that is opened, and hands over the rest in the standard way.
    pub(super) fn export(
        &self,
        object: &Bound<'_, PyAny>,
        attributes: &Bound<'_, PyDict>,
    ) -> PyResult<Vec<interlock_wait::Wakeups>> {
        let py = object.py();
        let mut end = self.end.lock();
        let Some(left) = self.gather.retire() else {
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
        let length = match self.gather.length() {
            // Ended before its time, by a last result that says so: nothing follows.
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
                end.open = Some([results, cache.unbind(), job.unbind()]);
            }
        }
        Ok(left.wakeups.into())
    }
}
