//! The operations that tasks yield or await.

use interlock_sched::Direction;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyStopIteration, PyTypeError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use super::ordinary;
use super::task::Task;
use crate::convert::{Timeout, seconds_of};
use crate::engine::StateLock;
use crate::errors;
use crate::initialized::Initialized;
use crate::raw::{Attached, intern};

/// Something that a task waits for. A generator yields it, a coroutine awaits it.
#[pyclass(frozen, generic, module = "interlock.scheduler")]
pub(crate) struct Operation {
    pub(super) kind: Kind,
    /// The time limit of the wait, from its beginning on.
    pub(super) timeout: Timeout,
    initialized: Initialized,
}

pub(super) enum Kind {
    /// This many seconds.
    Sleep(f64),
    /// Readiness of a descriptor.
    Ready(Direction, Py<PyAny>),
    /// Bytes from a socket, at most this many.
    Receive(Py<PyAny>, usize),
    /// Bytes into a socket.
    Send(Py<PyAny>, Py<PyAny>),
    Join(Py<Task>),
    Call(Py<Function>),
    Get(Py<PyAny>),
    Put(Py<PyAny>, Py<PyAny>),
}

/// A function that is called elsewhere.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Function {
    pub(super) function: Py<PyAny>,
    pub(super) args: Py<PyTuple>,
    pub(super) kwargs: Option<Py<PyDict>>,
    /// None: threads; a string or an executor.
    pub(super) executor: Option<Py<PyAny>>,
    initialized: Initialized,
}

#[pymethods]
impl Function {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        visit.call(&self.function)?;
        visit.call(&self.args)?;
        visit.call(&self.kwargs)?;
        visit.call(&self.executor)
    }
}

impl Kind {
    fn copy(&self, py: Python<'_>) -> Self {
        match self {
            Kind::Sleep(seconds) => Kind::Sleep(*seconds),
            Kind::Ready(direction, object) => Kind::Ready(*direction, object.clone_ref(py)),
            Kind::Receive(object, most) => Kind::Receive(object.clone_ref(py), *most),
            Kind::Send(object, data) => Kind::Send(object.clone_ref(py), data.clone_ref(py)),
            Kind::Join(task) => Kind::Join(task.clone_ref(py)),
            Kind::Call(function) => Kind::Call(function.clone_ref(py)),
            Kind::Get(queue) => Kind::Get(queue.clone_ref(py)),
            Kind::Put(queue, item) => Kind::Put(queue.clone_ref(py), item.clone_ref(py)),
        }
    }
}

impl Operation {
    pub(super) fn new(kind: Kind) -> Self {
        Operation {
            kind,
            timeout: Timeout::Never,
            initialized: Initialized::new(),
        }
    }

    /// Returns the call, for the methods that only calls have.
    fn function<'a>(&'a self, py: Python<'a>, method: &str) -> PyResult<&'a Function> {
        match &self.kind {
            Kind::Call(function) => Ok(function.bind(py).get()),
            _ => Err(PyTypeError::new_err(format!("{method}() is for call()"))),
        }
    }

    fn on_executor(&self, py: Python<'_>, executor: Py<PyAny>, method: &str) -> PyResult<Self> {
        let function = self.function(py, method)?;
        let other = Function {
            function: function.function.clone_ref(py),
            args: function.args.clone_ref(py),
            kwargs: function.kwargs.as_ref().map(|kwargs| kwargs.clone_ref(py)),
            executor: Some(executor),
            initialized: Initialized::new(),
        };
        Ok(Operation {
            kind: Kind::Call(Py::new(py, other)?),
            timeout: self.timeout,
            initialized: Initialized::new(),
        })
    }

    /// Returns a short description for a report.
    ///
    /// # Errors
    /// As [`ordinary::words_for`].
    pub(super) fn describe(&self, py: Python<'_>) -> PyResult<String> {
        let of = |object: &Py<PyAny>| ordinary::words_for(object.bind(py));
        Ok(match &self.kind {
            Kind::Sleep(seconds) => format!("sleep({seconds})"),
            Kind::Ready(Direction::Read, object) => format!("recv({})", of(object)?),
            Kind::Ready(Direction::Write, object) => format!("send({})", of(object)?),
            Kind::Receive(object, most) => format!("recv({}, {most})", of(object)?),
            Kind::Send(object, _) => format!("send({}, …)", of(object)?),
            Kind::Join(task) => format!("join('{}')", task.bind(py).get().name()),
            Kind::Call(function) => format!("call({}, …)", of(&function.bind(py).get().function)?),
            Kind::Get(queue) => format!("get({})", of(queue)?),
            Kind::Put(queue, _) => format!("put({}, …)", of(queue)?),
        })
    }
}

#[pymethods]
impl Operation {
    /// Return the same operation with a time limit: TimeoutError is raised in the task if it is not done within `seconds` from
    /// its yield or await on. It is tried once when the time is over, so 0 is enough for what can be done at once. A function that call() has begun runs on, for nobody.
    fn within(&self, py: Python<'_>, seconds: &Bound<'_, PyAny>) -> PyResult<Self> {
        let timeout = Timeout::Seconds(seconds_of(seconds)?);
        timeout.check_non_negative()?;
        Ok(Operation {
            kind: self.kind.copy(py),
            timeout,
            initialized: Initialized::new(),
        })
    }

    /// For call(): return the same call, to be run in a worker process. Function, arguments and result are pickled.
    fn in_process(&self, py: Python<'_>) -> PyResult<Self> {
        let where_to = pyo3::types::PyString::new(py, "process").into_any().unbind();
        self.on_executor(py, where_to, "in_process")
    }

    /// For call(): return the same call, to be run by an executor of `concurrent.futures`.
    fn on(&self, executor: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = executor.py();
        self.function(py, "on")?;
        if !executor.hasattr(intern!(py, "submit"))? {
            return Err(PyTypeError::new_err(format!(
                "on() takes an executor, which has submit(), not {}",
                executor.repr()?
            )));
        }
        self.on_executor(py, executor.clone().unbind(), "on")
    }

    fn __await__(slf: Py<Self>) -> Awaiting {
        Awaiting {
            operation: Attached::new(StateLock::new(Some(slf))),
            initialized: Initialized::new(),
        }
    }

    fn __iter__(slf: Py<Self>) -> Awaiting {
        Operation::__await__(slf)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let words = self.describe(py)?;
        Ok(match self.timeout {
            Timeout::Never => words,
            Timeout::Seconds(seconds) => format!("{words}.within({seconds})"),
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        match &self.kind {
            Kind::Sleep(_) => Ok(()),
            Kind::Ready(_, object) | Kind::Receive(object, _) | Kind::Get(object) => visit.call(object),
            Kind::Send(object, other) | Kind::Put(object, other) => {
                visit.call(object)?;
                visit.call(other)
            }
            Kind::Join(task) => visit.call(task),
            Kind::Call(function) => visit.call(function),
        }
    }
}

/// The iterator of an `await`: it yields the operation, and returns what the scheduler sends.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Awaiting {
    operation: Attached<StateLock<Option<Py<Operation>>>>,
    initialized: Initialized,
}

#[pymethods]
impl Awaiting {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Option<Py<Operation>> {
        self.operation.get(py).lock().take()
    }

    fn send(&self, py: Python<'_>, value: Py<PyAny>) -> PyResult<Py<Operation>> {
        match self.__next__(py) {
            Some(operation) => Ok(operation),
            None => Err(PyStopIteration::new_err((value,))),
        }
    }

    /// Raise an exception at the `await`. A StopIteration would be taken for the end of the wait, so a RuntimeError
    /// is raised with it as the cause, as in a generator.
    #[pyo3(signature = (*error))]
    fn throw(&self, error: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
        let py = error.py();
        self.close(py);
        Err(errors::out_of_generator(py, thrown(error)?))
    }

    /// Give the wait up.
    fn close(&self, py: Python<'_>) {
        let operation = self.operation.get(py).lock().take();
        drop(operation);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.initialized.is_set() {
            return Ok(());
        }
        // If another thread is using it, it is not visited. That keeps it alive, which is always safe.
        match self.operation.get_in_traverse(&visit).try_lock() {
            Some(operation) => visit.call(&*operation),
            None => Ok(()),
        }
    }
}

/// The exception that `throw()` of generators takes: an object, or a class, arguments and a traceback.
fn thrown(error: &Bound<'_, PyTuple>) -> PyResult<PyErr> {
    let given = |index| error.get_item(index).ok().filter(|item| !item.is_none());
    let first = error.get_item(0)?;
    let value = match (first.cast::<PyType>(), given(1)) {
        (Err(_), _) => first,
        (Ok(class), Some(value)) if value.is_instance(class)? => value,
        (Ok(class), Some(value)) => class.call1((value,))?,
        (Ok(class), None) => class.call0()?,
    };
    if let Some(traceback) = given(2) {
        value.setattr(intern!(error.py(), "__traceback__"), traceback)?;
    }
    Ok(PyErr::from_value(value))
}

/// Have a task wait until `sock` can be read from: an object with fileno(), or the number of a descriptor.
///
/// With `size`, also receive: the task gets at most so many bytes, b"" at the end of the connection, or the OSError of a broken
/// one. A socket of a derived class receives by its own recv(). Other tasks run meanwhile.
#[pyfunction]
#[pyo3(signature = (sock, size = None, /))]
pub(crate) fn recv(sock: Py<PyAny>, size: Option<isize>) -> PyResult<Operation> {
    Ok(Operation::new(match size.map(usize::try_from) {
        None => Kind::Ready(Direction::Read, sock),
        Some(Ok(most)) => Kind::Receive(sock, most),
        // As the method of sockets says it.
        Some(Err(_)) => return Err(PyValueError::new_err("negative buffersize in recv")),
    }))
}

/// Have a task wait until `sock` can be written to: an object with fileno(), or the number of a descriptor.
///
/// With `data`, a bytes-like object, also send all of it, or get the OSError of a broken connection. A socket of a derived class
/// sends by its own send(). Other tasks run meanwhile.
#[pyfunction]
#[pyo3(signature = (sock, data = None, /))]
pub(crate) fn send(sock: Py<PyAny>, data: Option<Py<PyAny>>) -> Operation {
    Operation::new(match data {
        None => Kind::Ready(Direction::Write, sock),
        Some(data) => Kind::Send(sock, data),
    })
}

/// Have a task wait for `seconds`. With 0 it lets each other task that has a turn go first, as a bare `yield` does.
#[pyfunction]
#[pyo3(signature = (seconds, /))]
pub(crate) fn sleep(seconds: &Bound<'_, PyAny>) -> PyResult<Operation> {
    let given = seconds_of(seconds)?;
    if given < 0.0 {
        return Err(PyValueError::new_err("sleep length must be non-negative"));
    }
    Timeout::Seconds(given).check_non_negative()?;
    Ok(Operation::new(Kind::Sleep(given)))
}

/// Have a task wait for the end of another task, and get what it returned. What that one raised is raised here, too:
/// concurrent.futures.CancelledError if it was cancelled.
#[pyfunction]
#[pyo3(signature = (task, /))]
pub(crate) fn join(task: Py<Task>) -> Operation {
    Operation::new(Kind::Join(task))
}

/// Have a task wait for a call of `function`, which another thread runs, and get its result or its exception.
///
/// call(…).in_process() runs it in a worker process, call(…).on(executor) by an executor of the program's own.
#[pyfunction]
#[pyo3(signature = (function, /, *args, **kwargs))]
pub(crate) fn call(
    py: Python<'_>,
    function: Py<PyAny>,
    args: Py<PyTuple>,
    kwargs: Option<Py<PyDict>>,
) -> PyResult<Operation> {
    if !function.bind(py).is_callable() {
        return Err(PyTypeError::new_err("call() takes a function and its arguments"));
    }
    let function = Function {
        function,
        args,
        kwargs,
        executor: None,
        initialized: Initialized::new(),
    };
    Ok(Operation::new(Kind::Call(Py::new(py, function)?)))
}

/// Have a task take an item out of a queue of `interlock.queue`, as soon as there is one. Threads may use the queue, too.
///
/// A task that is cancelled loses no item. ShutDown is raised if the queue was shut down and is empty.
#[pyfunction]
#[pyo3(signature = (queue, /))]
pub(crate) fn get(queue: Py<PyAny>) -> Operation {
    Operation::new(Kind::Get(queue))
}

/// Have a task put an item into a queue of `interlock.queue`, as soon as there is room. Threads may use the queue, too.
///
/// If the task is cancelled, the item is not in the queue. ShutDown is raised if the queue was shut down.
#[pyfunction]
#[pyo3(signature = (queue, item, /))]
pub(crate) fn put(queue: Py<PyAny>, item: Py<PyAny>) -> Operation {
    Operation::new(Kind::Put(queue, item))
}
