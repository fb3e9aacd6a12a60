//! The loop of a worker process.

use interlock_pool::process::{Seat, Served, Server};
use interlock_shm::{Error, Message};
use interlock_wait::Deadline;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::blocking;
use crate::errors;
use crate::imported::Imported;
use crate::multiprocessing::plain_call::{PLAIN_CALL, decoded};
use crate::multiprocessing::{Incoming, Outgoing, Pickle, refused};

static LOST: Imported = Imported::new("interlock._worker_process.transport", "call_lost");

/// A worker of a pool of processes, in its process.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct ProcessServer {
    seat: Seat,
}

/// The functions that the loop of a worker calls.
struct Calls<'a, 'py> {
    dump: &'a Bound<'py, PyAny>,
    fail: &'a Bound<'py, PyAny>,
    unpack: Option<&'a Bound<'py, PyAny>>,
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
    /// `dump(result)` returns what `dump()` of `_pickling` does, `fail(exception)` bytes. `after()` is called after each call, if it is not None; the worker ends if it returns False. Returns "shutdown",
    /// "orphan" if the pool's process is dead, or "stop" after an `after()`. Blocks while there is no call; Ctrl-C ends the wait.
    ///
    /// `unpack(bytes)` returns the function, its arguments and its keyword arguments, for calls that came as bytes.
    #[pyo3(signature = (dump, fail, after = None, unpack = None))]
    fn run<'py>(
        &self,
        dump: &Bound<'py, PyAny>,
        fail: &Bound<'py, PyAny>,
        after: Option<&Bound<'py, PyAny>>,
        unpack: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<&'static str> {
        let py = dump.py();
        let mut server = Server::new(self.seat.clone());
        let calls = Calls { dump, fail, unpack };
        loop {
            match next(py, &mut server)? {
                Served::ShutDown => return Ok("shutdown"),
                Served::ParentDied => return Ok("orphan"),
                Served::Call(payload) => calls.answer(py, &mut server, payload)?,
            }
            if let Some(after) = after
                && !after.call0()?.is_truthy()?
            {
                server.leave().map_err(refused)?;
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

/// The payload of a call.
enum Payload {
    /// It needs no unpickler.
    Plain(Vec<u8>),
    Pickle(Incoming),
}

/// Returns the payload of the next call. Blocks until there is one.
fn next(py: Python<'_>, server: &mut Server) -> PyResult<Served<Payload>> {
    let read = |message: Message<'_>| {
        let mut kind = [0];
        message.read(&mut kind);
        match kind {
            [PLAIN_CALL] => Ok(Payload::Plain(message.to_vec())),
            _ => Incoming::read(py, message)
                .map(Payload::Pickle)
                .map_err(Refused::Raised),
        }
    };
    match blocking::wait(py, Deadline::NEVER, |context| server.next(context, read))? {
        Ok(served) => Ok(served),
        Err(Refused::Raised(error)) => Err(error),
        Err(Refused::Engine(error)) => Err(refused(error)),
    }
}

impl<'py> Calls<'_, 'py> {
    /// Runs one call, and answers it.
    fn answer(&self, py: Python<'py>, server: &mut Server, payload: Payload) -> PyResult<()> {
        let loaded = match payload {
            Payload::Plain(message) => decoded(py, &message).map(|(function, args)| (function, args, None)),
            Payload::Pickle(incoming) => incoming.object(py).and_then(|call| self.parts(call)),
        };
        let result = match loaded {
            Ok((function, args, kwargs)) => function.call(args, kwargs.as_ref()),
            Err(error) => Err(not_loaded(py, error)),
        };
        let result = match result {
            Ok(result) => result,
            Err(error) => return self.answer_failure(server, error),
        };
        if let Some(plain) = Outgoing::plain(&result)
            && let Ok(()) = plain.with_aside(py, |parts| server.answer(parts))
        {
            return Ok(());
        }
        match self.dump.call1((result,)).and_then(Pickle::of) {
            Ok(pickle) => match pickle.outgoing().with_aside(py, |parts| server.answer(parts)) {
                Ok(()) => Ok(()),
                Err(error) => self.answer_failure(server, refused(error)),
            },
            Err(error) => self.answer_failure(server, error),
        }
    }

    /// Returns the parts of a call as it was sent.
    fn parts(&self, call: Bound<'py, PyAny>) -> PyResult<Call<'py>> {
        match self.unpack {
            Some(unpack) if call.is_exact_instance_of::<PyBytes>() => parts(unpack.call1((call,))?),
            _ => parts(call),
        }
    }

    fn answer_failure(&self, server: &mut Server, error: PyErr) -> PyResult<()> {
        let exception = errors::exception(self.fail.py(), error);
        let pickled = self.fail.call1((exception,))?.cast_into::<PyBytes>()?;
        server.fail(&[pickled.as_bytes()]).map_err(refused)
    }
}

/// Returns the error of a call that could not be unpickled.
#[cold]
fn not_loaded(py: Python<'_>, error: PyErr) -> PyErr {
    let exception = errors::exception(py, error);
    let lost = LOST.get(py).and_then(|lost| lost.call1((exception,)));
    lost.map_or_else(|error| error, PyErr::from_value)
}

/// A function, its arguments, and its keyword arguments, if it has any.
type Call<'py> = (Bound<'py, PyAny>, Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>);

/// Returns the parts of a call as it was sent.
fn parts(call: Bound<'_, PyAny>) -> PyResult<Call<'_>> {
    let (function, args, kwargs): (Bound<'_, PyAny>, Bound<'_, PyTuple>, Bound<'_, PyDict>) =
        call.extract()?;
    Ok((function, args, (!kwargs.is_empty()).then_some(kwargs)))
}
