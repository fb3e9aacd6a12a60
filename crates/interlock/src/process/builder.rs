//! The settings of a pool of processes.

use std::ffi::OsString;

use interlock_pool::process::{OnWorkerDeath, Settings};

use super::host::Program;

/// The settings of a new [`ProcessPool`](super::ProcessPool): see [`ProcessPool::builder`](super::ProcessPool::builder).
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) settings: Settings,
    pub(super) retries: u32,
    pub(super) program: Program,
}

impl Builder {
    pub(super) fn new() -> Self {
        Builder {
            settings: Settings {
                workers: 0,
                max_pending: 0,
                calls_per_worker: None,
                on_worker_death: OnWorkerDeath::FailTask,
                keeps_workers: true,
            },
            retries: 0,
            program: Program {
                file: None,
                arguments: Vec::new(),
            },
        }
    }

    /// Sets the number of workers. 0, the default, stands for the number of processors.
    pub fn workers(mut self, workers: usize) -> Self {
        self.settings.workers = workers;
        self
    }

    /// Sets how many tasks may wait in the pool. A thread that submits one more waits for room. 0, the default,
    /// stands for any number.
    ///
    /// The pool gives each worker some tasks ahead, so that it need not wait for the next one: one, or more if tasks
    /// are short (about half a millisecond's work, 128 at most). These do not count.
    pub fn max_pending(mut self, tasks: usize) -> Self {
        self.settings.max_pending = tasks;
        self
    }

    /// Sets how many tasks a worker runs before it is replaced. 0, the default, stands for any number.
    pub fn tasks_per_worker(mut self, tasks: u32) -> Self {
        self.settings.calls_per_worker = Some(tasks).filter(|&tasks| tasks > 0);
        self
    }

    /// Sets what happens to the task that a worker ran when it died. By default that task fails. No other
    /// task is affected.
    pub fn on_worker_death(mut self, policy: OnWorkerDeath) -> Self {
        self.settings.on_worker_death = policy;
        self
    }

    /// Sets how often, with [`OnWorkerDeath::Retry`], a task runs again if its worker dies.
    /// [`At::retries`](super::At::retries) overrides it. The default is 0.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the program that workers run. By default it is this program. Another program has to register the
    /// same functions.
    pub fn program(mut self, file: impl Into<OsString>) -> Self {
        self.program.file = Some(file.into());
        self
    }

    /// Sets the arguments with which workers are started. By default there are none. The pool appends one of
    /// its own.
    pub fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, arguments: I) -> Self {
        self.program
            .arguments
            .extend(arguments.into_iter().map(Into::into));
        self
    }
}
