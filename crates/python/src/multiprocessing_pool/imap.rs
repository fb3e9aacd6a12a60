//! A worker's side of `imap()` and `imap_unordered()`. These have tickets as a map has.

use std::time::Duration;

use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::calls::{Call, Turn};
use super::shared_iterator::{SharedIterator, Taken};
use super::state::State;
use super::stream::Stream;
use crate::blocking;
use crate::engine::{Event, StateLock};
use crate::futures::Answer;
use crate::raw::Attached;

/// How long a worker pauses at a time if the reader of the results is behind.
const MOMENT: Duration = Duration::from_micros(250);

/// `imap()` and `imap_unordered()`.
pub(super) struct Imap {
    work: StateLock<Option<(Call, Arc<Attached<SharedIterator>>)>>,
    stream: Arc<Attached<Stream>>,
    chunk: usize,
}

impl Imap {
    pub(super) fn new(call: Call, iterable: Py<PyAny>, chunk: usize, stream: Arc<Attached<Stream>>) -> Self {
        Imap {
            work: StateLock::new(Some((
                call,
                Arc::new(Attached::new(SharedIterator::new(iterable))),
            ))),
            stream,
            chunk,
        }
    }

    pub(super) fn run(&self, py: Python<'_>, state: &State, turn: &mut Turn) -> PyResult<()> {
        let Some((call, pulled)) = self
            .work
            .lock()
            .as_ref()
            .map(|(call, pulled)| (call.clone_ref(py), pulled.clone()))
        else {
            return Ok(());
        };
        loop {
            if state.is_terminated() {
                self.abandon(py, state, state.reason(py));
                return Ok(());
            }
            if self.stream.get(py).buffer.is_behind() {
                self.let_catch_up(py)?;
            }
            match pulled.get(py).take(py, self.chunk)? {
                Taken::Item(number, item) => {
                    let answer = Answer::of(py, call.make(item.as_borrowed()));
                    drop(item);
                    turn.count(py);
                    self.put(py, state, number, answer);
                }
                Taken::Chunk(number, items) => {
                    let results = PyList::empty(py);
                    let ran = call.make_all(items, turn, |_, value| results.append(value));
                    self.put(
                        py,
                        state,
                        number,
                        Answer::of(py, ran.map(|()| results.into_any())),
                    );
                }
                Taken::Raised(number, error) => {
                    self.release_work();
                    self.stream.get(py).set_length(py, number + 1);
                    self.put(py, state, number, Answer::of(py, Err(error)));
                    return Ok(());
                }
                Taken::Nothing(length) => {
                    self.release_work();
                    if let Some(length) = length {
                        self.stream.get(py).set_length(py, length);
                        self.stream.get(py).end_if_over(py, state);
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Pauses for a few moments so that the reader of the results can catch up. Otherwise results would pile up while
    /// threads take turns.
    #[cold]
    fn let_catch_up(&self, py: Python<'_>) -> PyResult<()> {
        let (never, mut waited) = (Event::new_in(), Ok(()));
        self.stream.get(py).buffer.let_catch_up(|| {
            waited = blocking::wait(py, Deadline::after(MOMENT), |context| {
                let _ = never.wait_with(context);
            });
            waited.is_ok()
        });
        waited
    }

    fn put(&self, py: Python<'_>, state: &State, number: usize, answer: Answer) {
        self.stream.get(py).put(py, number, answer);
        self.stream.get(py).end_if_over(py, state);
    }

    fn release_work(&self) {
        let work = self.work.lock().take();
        drop(work);
    }

    pub(super) fn abandon(&self, py: Python<'_>, state: &State, reason: Answer) {
        let work = self.work.lock().take();
        if let Some((_, pulled)) = &work {
            pulled.get(py).end();
        }
        drop(work);
        drop(self.stream.get(py).buffer.end_with(reason));
        self.stream.get(py).end(py, state);
    }
}
