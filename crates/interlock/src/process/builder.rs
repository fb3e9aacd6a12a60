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

    /// The number of workers. 0, the default, for as many as there are processors.
    pub fn workers(mut self, workers: usize) -> Self {
        self.settings.workers = workers;
        self
    }

    /// The most tasks that wait for a worker. A thread that submits more waits for room. 0, the default, for any number.
    pub fn max_pending(mut self, tasks: usize) -> Self {
        self.settings.max_pending = tasks;
        self
    }

    /// How many tasks a worker runs before it is replaced. 0, the default, for any number.
    pub fn tasks_per_worker(mut self, tasks: u32) -> Self {
        self.settings.calls_per_worker = Some(tasks).filter(|&tasks| tasks > 0);
        self
    }

    /// What the death of a worker means for the task that it ran. By default that task fails; all others never notice.
    pub fn on_worker_death(mut self, policy: OnWorkerDeath) -> Self {
        self.settings.on_worker_death = policy;
        self
    }

    /// With [`OnWorkerDeath::Retry`], how often a task runs again if its worker dies, unless [`At::retries`](super::At::retries) says
    /// else. 0 is the default.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The program that workers run. By default it is this one. Another one has to register the same functions.
    pub fn program(mut self, file: impl Into<OsString>) -> Self {
        self.program.file = Some(file.into());
        self
    }

    /// Arguments with which workers are started. By default there are none. The pool adds one of its own, as the last.
    pub fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, arguments: I) -> Self {
        self.program
            .arguments
            .extend(arguments.into_iter().map(Into::into));
        self
    }
}
