//! The exchange of bytes with the pipes of one command, or of many.

use interlock_os::exchange::{Event, Exchange as Engine, Flow, Sink, Source};
use interlock_os::files::{USUAL_PIPE, widen};
use interlock_wait::{Wake, block_on_files};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::bytes::{Received, Sent};
use super::outside::Outside;
use crate::blocking;
use crate::convert::Timeout;
use crate::engine::StateLock;
use crate::errors::os_error;
use crate::raw::Attached;

type Files = Engine<Received, Sent>;

/// With up to this number of files, an exchange widens its pipes. If many commands run, they share the total room
/// that a user's pipes may have.
const FEW: usize = 8;

/// Files from which bytes are read, to which bytes are written, and whose being readable is awaited, all at once.
///
/// The caller opens and closes them; a file is known by the number that adding it returns. One thread at a time runs the exchange.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Exchange {
    /// None while a thread runs it.
    files: Attached<StateLock<Option<Files>>>,
}

#[pymethods]
impl Exchange {
    #[new]
    fn new() -> Self {
        Exchange {
            files: Attached::new(StateLock::new(Some(Files::default()))),
        }
    }

    /// Read the file of this descriptor to its end. `first` is put before that. An `eager` one ends `run()` as soon as there are
    /// bytes. What is most likely `text`, in ASCII, can be taken as such without a copy. Never blocks.
    #[pyo3(signature = (descriptor, first, eager, text = false))]
    fn read(&self, descriptor: i32, first: &Bound<'_, PyBytes>, eager: bool, text: bool) -> PyResult<usize> {
        let py = first.py();
        let received = Received::new(py, first.as_bytes(), eager, text)?;
        self.with(py, |files| files.add(descriptor, Flow::In(received)))
    }

    /// Write the bytes of `data` from `offset` on to the file of this descriptor. Never blocks.
    fn write(&self, descriptor: i32, data: &Bound<'_, PyAny>, offset: usize) -> PyResult<usize> {
        let sent = Sent::new(data, offset)?;
        self.with(data.py(), |files| {
            if sent.rest().len() > USUAL_PIPE && files.files().count() < FEW {
                widen(descriptor);
            }
            files.add(descriptor, Flow::Out(sent))
        })
    }

    /// Wait until the file of this descriptor is readable. Never blocks.
    fn watch(&self, py: Python<'_>, descriptor: i32) -> PyResult<usize> {
        self.with(py, |files| files.add(descriptor, Flow::Watch))
    }

    /// Go on until a file has ended, `timeout` seconds are over, or an eager file has bytes. Returns a list of pairs: the numbers of
    /// such files, and whether they have ended. It is empty when the time is over.
    ///
    /// Raises what the kernel answers to a read or a write, and what a signal handler raises. What was moved until then counts.
    fn run(&self, py: Python<'_>, timeout: Timeout) -> PyResult<Vec<(usize, bool)>> {
        let deadline = timeout.deadline()?;
        let mut running = Running::begin(self, py)?;
        loop {
            let are_few = running.files.files().count() <= FEW;
            for (descriptor, flow) in running.files.files() {
                if let Flow::In(received) = flow {
                    let was_full = received.make_room(py)?;
                    if was_full && are_few {
                        widen(descriptor); // so the pipe was full as well, or will be
                    }
                }
            }
            let files = &mut running.files;
            let wake = blocking::wait(py, deadline, |context| block_on_files(files, &Outside, context))?;
            let mut told = Vec::new();
            for (place, event) in running.files.take_events() {
                match event {
                    Event::Ended => told.push((place, true)),
                    Event::Changed if running.is_eager(place) => told.push((place, false)),
                    Event::Changed => {}
                    Event::Failed(error) => return Err(os_error(error)),
                }
            }
            if !told.is_empty() || wake == Wake::TimedOut {
                return Ok(told);
            }
        }
    }

    /// Return the bytes that were read from a file since the last call. Never blocks.
    fn take<'py>(&self, py: Python<'py>, place: usize) -> PyResult<Bound<'py, PyBytes>> {
        self.with(py, |files| match files.flow(place) {
            Some(Flow::In(received)) => received.take(py),
            _ => Err(unknown()),
        })?
    }

    /// Return the text that was read from a file that was added as text, with the newlines of Python. None if it is not ASCII, has
    /// other newlines, or is short: `take()` returns it then. Never blocks.
    fn take_text(&self, py: Python<'_>, place: usize) -> PyResult<Option<Py<PyString>>> {
        self.with(py, |files| match files.flow(place) {
            Some(Flow::In(received)) => received.take_text(py),
            _ => Err(unknown()),
        })?
    }

    /// Return how many bytes of its data, from the beginning, have been written to a file. Never blocks.
    fn written(&self, py: Python<'_>, place: usize) -> PyResult<usize> {
        self.with(py, |files| match files.flow(place) {
            Some(Flow::Out(sent)) => Ok(sent.offset()),
            _ => Err(unknown()),
        })?
    }

    /// Forget a file, before it is closed. Never blocks.
    fn remove(&self, py: Python<'_>, place: usize) -> PyResult<()> {
        // The file's data is dropped after the lock is released.
        let flow = self.with(py, |files| files.remove(place))?;
        flow.map(drop).ok_or_else(unknown)
    }
}

#[cold]
fn unknown() -> PyErr {
    PyValueError::new_err("no such file in the exchange")
}

impl Exchange {
    fn with<R>(&self, py: Python<'_>, action: impl FnOnce(&mut Files) -> R) -> PyResult<R> {
        let mut running = Running::begin(self, py)?;
        Ok(action(&mut running.files))
    }
}

/// The files, out of the object while a thread works with them.
struct Running<'py> {
    exchange: &'py Exchange,
    py: Python<'py>,
    files: Files,
}

impl<'py> Running<'py> {
    fn begin(exchange: &'py Exchange, py: Python<'py>) -> PyResult<Self> {
        let files = exchange.files.get(py).lock().take();
        files
            .map(|files| Running { exchange, py, files })
            .ok_or_else(|| PyRuntimeError::new_err("another thread runs this exchange"))
    }

    fn is_eager(&mut self, place: usize) -> bool {
        matches!(self.files.flow(place), Some(Flow::In(received)) if received.is_eager())
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let files = std::mem::take(&mut self.files);
        *self.exchange.files.get(self.py).lock() = Some(files);
    }
}
