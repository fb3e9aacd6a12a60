//! The loop of a worker process.

use interlock_pool::process::{Seat, Served, Server};
use interlock_shm::{Error, Message};
use interlock_wait::Deadline;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::blocking;
use crate::errors;
use crate::multiprocessing::{MessageView, Outgoing, refused};

/// A worker of a pool of processes, in its process.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct ProcessServer {
    seat: Seat,
}

/// What the loop of a worker calls.
struct Calls<'a, 'py> {
    load: &'a Bound<'py, PyAny>,
    dump: &'a Bound<'py, PyAny>,
    fail: &'a Bound<'py, PyAny>,
}

impl ProcessServer {
    pub(super) fn new(seat: Seat) -> Self {
        ProcessServer { seat }
    }
}

#[pymethods]
impl ProcessServer {
    /// Say that the worker is ready for calls.
    fn ready(&self) -> PyResult<()> {
        Server::new(self.seat.clone()).ready().map_err(refused)
    }

    /// Say that the worker will take no calls, and why: these bytes go to the pool.
    fn refuse(&self, why: &[u8]) -> PyResult<()> {
        Server::new(self.seat.clone()).refuse(why).map_err(refused)
    }

    /// Run calls until the pool wants no more of this worker.
    ///
    /// `load(bytes)` returns the function, its arguments and its keyword arguments; `dump(result)` and `fail(exception)`
    /// return bytes. `after()` is called after each call, if it is not None; the worker ends if it returns False. Returns "shutdown",
    /// "orphan" if the pool's process is dead, or "stop" after an `after()`. Blocks while there is no call; Ctrl-C ends the wait.
    #[pyo3(signature = (load, dump, fail, after = None))]
    fn run<'py>(
        &self,
        load: &Bound<'py, PyAny>,
        dump: &Bound<'py, PyAny>,
        fail: &Bound<'py, PyAny>,
        after: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<&'static str> {
        let py = load.py();
        let mut server = Server::new(self.seat.clone());
        let calls = Calls { load, dump, fail };
        loop {
            match next(py, &mut server)? {
                Served::ShutDown => return Ok("shutdown"),
                Served::ParentDied => return Ok("orphan"),
                Served::Call(payload) => calls.answer(&mut server, payload.into_bound(py))?,
            }
            if let Some(after) = after
                && !after.call0()?.is_truthy()?
            {
                return Ok("stop");
            }
        }
    }
}

/// Why no call was taken.
enum Refused {
    Engine(Error),
    Raised(PyErr),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Engine(error)
    }
}

/// The payload of the next call. Blocks until there is one.
fn next(py: Python<'_>, server: &mut Server) -> PyResult<Served<Py<PyAny>>> {
    let read = |message: Message<'_>, from: usize| {
        let payload = match message.keep() {
            Ok(taken) => MessageView::new(taken, from)
                .into_pyobject(py)
                .map(Bound::into_any),
            Err(message) => PyBytes::new_with(py, message.len() - from, |into| {
                message.read_from(from, into);
                Ok(())
            })
            .map(Bound::into_any),
        };
        payload.map(Bound::unbind).map_err(Refused::Raised)
    };
    match blocking::wait(py, Deadline::NEVER, |context| server.next(context, read))? {
        Ok(served) => Ok(served),
        Err(Refused::Raised(error)) => Err(error),
        Err(Refused::Engine(error)) => Err(refused(error)),
    }
}

impl<'py> Calls<'_, 'py> {
    /// Runs one call, and answers it.
    fn answer(&self, server: &mut Server, payload: Bound<'py, PyAny>) -> PyResult<()> {
        let result = match self.load.call1((payload,)).and_then(called) {
            Ok(result) => result,
            Err(error) => return self.answer_failure(server, error),
        };
        if let Some(plain) = Outgoing::plain(&result)
            && let Ok(()) = plain.with(|parts| server.answer(false, parts))
        {
            return Ok(());
        }
        let pickled = self
            .dump
            .call1((result,))
            .and_then(|it| Ok(it.cast_into::<PyBytes>()?));
        match pickled {
            Ok(pickled) => match server.answer(false, &[Outgoing::PICKLED, pickled.as_bytes()]) {
                Ok(()) => Ok(()),
                Err(error) => self.answer_failure(server, refused(error)),
            },
            Err(error) => self.answer_failure(server, error),
        }
    }

    fn answer_failure(&self, server: &mut Server, error: PyErr) -> PyResult<()> {
        let exception = errors::exception(self.fail.py(), error);
        let pickled = self.fail.call1((exception,))?.cast_into::<PyBytes>()?;
        server.answer(true, &[pickled.as_bytes()]).map_err(refused)
    }
}

/// Calls a function as it was sent.
fn called(call: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let (function, args, kwargs): (Bound<'_, PyAny>, Bound<'_, PyTuple>, Bound<'_, PyDict>) =
        call.extract()?;
    drop(call);
    match kwargs.is_empty() {
        true => function.call1(args),
        false => function.call(args, Some(&kwargs)),
    }
}
