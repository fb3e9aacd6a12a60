//! Starting and joining threads.

use interlock_pool::{Group, Job, Latch};
use interlock_wait::primitive::Arc;
use interlock_wait::primitive::global::{AtomicU32, Ordering};
use interlock_wait::{Deadline, ThreadId, sleep_for_ever};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::blocking;
use crate::convert::Timeout;

/// The threads that the interpreter waits for before it exits.
static NON_DAEMON: Group = Group::new();

/// One start of a thread: whether it has ended, and which kernel thread runs it.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct ThreadHandle {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    begun: Latch,
    ended: Latch,
    native_id: AtomicU32,
}

#[pymethods]
impl ThreadHandle {
    #[new]
    fn new() -> Self {
        ThreadHandle {
            shared: Arc::default(),
        }
    }

    /// Run `bootstrap()` on a thread with a fresh thread state; the thread's ident. To be called once.
    ///
    /// The operating-system thread is one whose last task has ended, if there is one with the same `stack_size` (bytes, 0:
    /// the default), or else a new one; the system's tools see it as `name`. Never blocks. Raises RuntimeError if the
    /// operating system has no room for a thread.
    fn start(&self, bootstrap: Py<PyAny>, name: String, daemon: bool, stack_size: usize) -> PyResult<u64> {
        let starter = ThreadId::current();
        let task = Task {
            bootstrap: Some(bootstrap),
            name,
            daemon,
            starter,
            shared: self.shared.clone(),
        };
        if !daemon {
            NON_DAEMON.enter();
        }
        let launched = interlock_pool::launch(stack_size, Box::new(task));
        if launched.is_err() && !daemon {
            NON_DAEMON.leave();
        }
        launched
            .map(ThreadId::ident)
            .map_err(|_| PyRuntimeError::new_err("can't start new thread"))
    }

    /// Wait until the thread has ended; whether it has, within `timeout` seconds (None: without limit).
    #[pyo3(signature = (timeout = Timeout::Never), text_signature = "($self, timeout=None)")]
    fn join(&self, py: Python<'_>, timeout: Timeout) -> PyResult<bool> {
        if self.shared.ended.is_open() {
            return Ok(true);
        }
        blocking::wait(py, timeout.deadline()?, |patience| {
            self.shared.ended.wait_with(patience)
        })
    }

    /// Whether the thread has ended. Never blocks.
    fn is_done(&self) -> bool {
        self.shared.ended.is_open()
    }

    /// The kernel's identity of the thread. Blocks until the thread has begun to run Python code.
    fn native_id(&self, py: Python<'_>) -> PyResult<u32> {
        if !self.shared.begun.is_open() {
            let _ = blocking::wait(py, Deadline::NEVER, |patience| {
                self.shared.begun.wait_with(patience)
            })?;
        }
        // Relaxed: written before `begun` is set, which orders it.
        Ok(self.shared.native_id.load(Ordering::Relaxed))
    }

    /// Count the thread as ended: in the child of a fork, where it does not exist.
    fn mark_done(&self) {
        self.shared.begun.open();
        self.shared.ended.open();
    }

    /// Wait until every non-daemon thread has ended. Blocks until then.
    #[staticmethod]
    fn join_all(py: Python<'_>) -> PyResult<()> {
        blocking::wait(py, Deadline::NEVER, |patience| NON_DAEMON.wait_with(patience)).map(drop)
    }
}

/// How many operating-system threads wait for the next start of a thread.
#[pyfunction]
pub(crate) fn idle_threads() -> usize {
    interlock_pool::idle()
}

struct Task {
    bootstrap: Option<Py<PyAny>>,
    name: String,
    daemon: bool,
    starter: ThreadId,
    shared: Arc<Shared>,
}

impl Job for Task {
    fn run(&mut self) {
        interlock_os::thread::set_name(&self.name);
        // Relaxed: ordered by `begun`.
        self.shared
            .native_id
            .store(interlock_os::thread::native_id(), Ordering::Relaxed);
        blocking::watch_notifier(Some(self.starter));
        blocking::set_detached(false);
        // Without an interpreter any more, nobody waits for what the thread would do.
        Python::try_attach(|py| {
            // Not before: an attached thread does nothing to the engine while another one forks.
            self.shared.begun.open();
            if let Some(bootstrap) = self.bootstrap.take() {
                call(&bootstrap.into_bound(py));
            }
        });
        blocking::set_detached(true);
    }

    fn ended(self: Box<Self>) {
        self.shared.ended.open();
        if !self.daemon {
            NON_DAEMON.leave();
        }
    }
}

/// Ends the thread's way up the stack: see [`call`].
struct StopUnwinding;

impl Drop for StopUnwinding {
    fn drop(&mut self) {
        sleep_for_ever();
    }
}

/// What a call into the interpreter really is, up to 3.13: a thread that comes back to an interpreter that is being
/// finalized is ended by pthread_exit, which unwinds the stack.
type Call = unsafe extern "C-unwind" fn(callable: *mut ffi::PyObject) -> *mut ffi::PyObject;

/// Calls the bootstrap of a thread, and reports what it raises: it is not supposed to.
///
/// A daemon thread that is ended while the interpreter finalizes unwinds through here, which must not go on into frames
/// that do not expect it: then the thread sleeps until the process ends, as it would from 3.14 on.
fn call(bootstrap: &Bound<'_, PyAny>) {
    // SAFETY: the two types of the function differ in what they promise about unwinding, and this one promises less.
    let function: Call =
        unsafe { std::mem::transmute(ffi::PyObject_CallNoArgs as unsafe extern "C" fn(_) -> _) };
    // Behind a black box, so that the compiler does not find out which function it is, and that it can't unwind.
    let function = std::hint::black_box(function);
    let guard = StopUnwinding;
    // SAFETY: the thread is attached, as `bootstrap` shows, and the callable lives as long as that borrow.
    let result = unsafe { function(bootstrap.as_ptr()) };
    std::mem::forget(guard);
    // SAFETY: the call returned a new reference, or null with an exception set.
    let result = unsafe { Bound::from_owned_ptr_or_err(bootstrap.py(), result) };
    if let Err(error) = result {
        error.write_unraisable(bootstrap.py(), Some(bootstrap));
    }
}
