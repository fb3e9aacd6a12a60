//! Starting and joining threads.

use interlock_pool::{Group, Job, Latch, Lease};
use interlock_wait::primitive::Arc;
use interlock_wait::primitive::global::{AtomicU32, Ordering};
use interlock_wait::{Deadline, StateLock, ThreadId};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::IntoPyDict;

use crate::convert::Timeout;
use crate::{blocking, thread_state};

/// The threads that the interpreter waits for before it exits.
static NON_DAEMON: Group = Group::new();

/// One start of a thread: whether it has ended, and which kernel thread runs it.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct ThreadHandle {
    shared: Arc<Shared>,
    /// Until somebody has joined the thread, or nobody can any more.
    lease: StateLock<Option<Lease>>,
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
            lease: StateLock::default(),
        }
    }

    /// Run `bootstrap()` on a thread with a fresh thread state; the thread's ident. To be called once.
    ///
    /// The operating-system thread is one whose last task has ended and was joined or forgotten, if there is one with the
    /// same `stack_size` (bytes, 0: the default), or else a new one; the system's tools see it as `name`. Never blocks.
    /// Raises RuntimeError if the operating system has no room for a thread.
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
        let lease = launched.map_err(|_| PyRuntimeError::new_err("can't start new thread"))?;
        let ident = lease.thread().ident();
        *self.lease.lock() = Some(lease);
        Ok(ident)
    }

    /// Wait until the thread has ended; whether it has, within `timeout` seconds (None: without limit).
    #[pyo3(signature = (timeout = Timeout::Never), text_signature = "($self, timeout=None)")]
    fn join(&self, py: Python<'_>, timeout: Timeout) -> PyResult<bool> {
        let ended = self.shared.ended.is_open()
            || blocking::wait(py, timeout.deadline()?, |patience| {
                self.shared.ended.wait_with(patience)
            })?;
        if ended {
            drop(self.lease.lock().take());
        }
        Ok(ended)
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

/// Ends the operating-system threads that wait for the next start of a thread: called before each fork, so that a program
/// which has joined its threads forks with one.
#[pyfunction]
fn end_idle_threads() {
    interlock_pool::end_idle();
}

/// Has [`end_idle_threads`] called before each fork.
pub(crate) fn prepare_forks(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let hooks = [("before", wrap_pyfunction!(end_idle_threads, module)?)].into_py_dict(module.py())?;
    let register = module.py().import("os")?.getattr("register_at_fork")?;
    register.call((), Some(&hooks)).map(drop)
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
        thread_state::with_fresh(|py| {
            // Not before: an attached thread does nothing to the engine while another one forks.
            self.shared.begun.open();
            if let Some(bootstrap) = self.bootstrap.take() {
                thread_state::call_reporting(&bootstrap.into_bound(py));
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
