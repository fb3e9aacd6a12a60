//! The call of a future that runs in another process.

use interlock_pool::process::{Call, ProcessPool};
use interlock_pool::{Phase, Watch};
use interlock_wait::primitive::Arc;
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
}

impl Remote {
    pub(crate) fn new(pool: Arc<RemoteCalls>, call: Arc<Call<RemoteHost>>) -> Self {
        Remote { pool, call }
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

    /// Returns whether nothing will end the call in this process: it had not ended when its process forked this one.
    pub(super) fn never_ends(&self) -> bool {
        self.pool.is_of_parent() && !self.call.phase().is_done()
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
