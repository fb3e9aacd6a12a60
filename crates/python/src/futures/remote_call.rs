//! The call of a future that runs in another process.

use interlock_pool::process::{Call, ProcessPool};
use interlock_pool::{Phase, Watch};
use interlock_wait::primitive::Arc;
use interlock_wait::primitive::global::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use interlock_wait::{ThreadIdent, fork};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// The object that the manager's thread notifies of the end of a call: a future, or a callable.
pub(crate) type RemoteHost = Py<PyAny>;

/// A pool of processes for Python.
pub(crate) type RemoteCalls = ProcessPool<RemoteHost>;

/// Returns the error of a wait without a limit, in a forked child, for a call of its parent that never ends there.
#[cold]
pub(crate) fn never_ends() -> PyErr {
    PyRuntimeError::new_err("the call belongs to the process that forked this one, and had not ended by then")
}

/// A call in another process, and its pool.
pub(crate) struct Remote {
    pub(super) pool: Arc<RemoteCalls>,
    pub(super) call: Arc<Call<RemoteHost>>,
    /// Whether the pool's manager settles the future, because it has callbacks.
    is_managed: AtomicBool,
    /// The thread that unpickles the answer; 0 if there is none.
    reader: AtomicU64,
    /// The process, by its generation of forks, in which a thread has taken the answer; `UNREAD` if none has.
    read_in: AtomicU32,
    /// Whether `wait()` or `as_completed()` has reported that the future is done: then it stays done, though a thread may
    /// still have to unpickle the answer.
    is_reported: AtomicBool,
}

const UNREAD: u32 = u32::MAX;

impl Remote {
    pub(crate) fn new(pool: Arc<RemoteCalls>, call: Arc<Call<RemoteHost>>) -> Self {
        Remote {
            pool,
            call,
            is_managed: AtomicBool::new(false),
            reader: AtomicU64::new(0),
            read_in: AtomicU32::new(UNREAD),
            is_reported: AtomicBool::new(false),
        }
    }

    /// Returns whether only the pool's manager settles the future. A forked child does not have that thread.
    #[inline]
    pub(super) fn is_managed(&self) -> bool {
        // Relaxed: a thread that does not see it settles the future itself, and calls no callback.
        self.is_managed.load(Ordering::Relaxed) && !self.pool.is_of_parent()
    }

    pub(super) fn set_managed(&self, is_managed: bool) -> bool {
        // Relaxed: as above.
        self.is_managed.swap(is_managed, Ordering::Relaxed)
    }

    /// Records that the calling thread unpickles the answer.
    #[inline]
    pub(super) fn begin_reading(&self) {
        // Relaxed: only that thread itself looks for its own number.
        self.reader.store(ThreadIdent::current().get(), Ordering::Relaxed);
        // Relaxed: a forked child has what was written before the fork.
        self.read_in.store(fork::generation(), Ordering::Relaxed);
    }

    /// Returns whether a thread has taken the answer: as long as the future is not settled, it is being unpickled.
    #[inline]
    pub(super) fn is_read(&self) -> bool {
        // Relaxed: as above.
        self.read_in.load(Ordering::Relaxed) != UNREAD
    }

    /// Returns whether the thread that has taken the answer is one of the process that forked this one.
    pub(super) fn is_read_by_parent(&self) -> bool {
        // Relaxed: as above.
        let read_in = self.read_in.load(Ordering::Relaxed);
        self.pool.is_of_parent() && read_in != UNREAD && read_in != fork::generation()
    }

    /// Records that the calling thread no longer unpickles the answer.
    pub(super) fn leave_reading(&self) {
        // Relaxed: as above.
        self.reader.store(0, Ordering::Relaxed);
    }

    /// Reports the future as done, if a thread that asks may settle it, or if it was reported before. Returns whether it is.
    pub(super) fn report(&self) -> bool {
        let is_done = !self.is_managed() && (!self.is_read() || self.is_reported());
        if is_done {
            // Relaxed: a thread that does not see it did not hear of the report.
            self.is_reported.store(true, Ordering::Relaxed);
        }
        is_done
    }

    pub(super) fn is_reported(&self) -> bool {
        // Relaxed: as above.
        self.is_reported.load(Ordering::Relaxed)
    }

    /// Returns whether the calling thread unpickles the answer: this is asked by a signal handler, or by code that
    /// the pickle calls.
    pub(super) fn is_read_here(&self) -> bool {
        // Relaxed: as above.
        self.reader.load(Ordering::Relaxed) == ThreadIdent::current().get()
    }

    /// Returns whether the call belongs to `pool`.
    pub(crate) fn is_of(&self, pool: &Arc<RemoteCalls>) -> bool {
        Arc::ptr_eq(&self.pool, pool)
    }

    /// Takes the call out of the pool again, without notifying the future. Returns `false` if a worker has taken
    /// it.
    pub(crate) fn withdraw(&self) -> bool {
        let is_out = self.pool.cancel(&self.call);
        if is_out {
            drop(self.call.take_host());
        }
        is_out
    }

    /// Returns the phase of the call at this moment.
    pub(super) fn phase(&self) -> Phase {
        self.pool.look();
        match self.call.phase() {
            Phase::Pending if self.pool.is_running(&self.call) => Phase::Running,
            phase => phase,
        }
    }

    /// Returns whether nothing will settle the future in this process: the call had not ended when its process forked this
    /// one, or a thread of that process was unpickling the answer.
    pub(super) fn never_ends(&self) -> bool {
        self.pool.is_of_parent() && (!self.call.phase().is_done() || self.is_read_by_parent())
    }

    /// Returns the phase of the future, which is not settled: it does not end before it is.
    pub(super) fn phase_of_future(&self) -> Phase {
        let is_open = self.is_managed() || self.is_read_here() || self.is_read() && !self.is_reported();
        match self.phase() {
            Phase::Finished if is_open => Phase::Running,
            phase if is_open && phase.is_cancelled() => Phase::Pending,
            phase => phase,
        }
    }

    /// Registers a watch for the end of the call.
    pub(super) fn watch(&self, watch: &Arc<Watch>, number: usize) {
        self.call.watch(watch, number);
        self.pool.await_answer(&self.call, None);
    }

    pub(super) fn unwatch(&self, watch: &Arc<Watch>) {
        self.call.unwatch(watch);
    }
}
