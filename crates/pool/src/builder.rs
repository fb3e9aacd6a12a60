//! The settings of a pool.

use interlock_os::thread;

use crate::inner::Inner;

/// The settings of a new [`ThreadPool`](crate::ThreadPool): see [`ThreadPool::builder`](crate::ThreadPool::builder).
#[derive(Clone, Debug)]
pub struct Builder {
    workers: usize,
    name: String,
    stack_size: usize,
    max_pending: usize,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Builder {
            workers: 0,
            name: "worker".into(),
            stack_size: 0,
            max_pending: 0,
        }
    }

    /// Sets the greatest number of workers. 0, the default, stands for the number of processors.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Sets the prefix of the names of the workers' threads. A hyphen and a number follow it. The messages of
    /// panics show these names. (The tools of the operating system show 15 bytes.) The default is "worker".
    pub fn name(mut self, prefix: impl Into<String>) -> Self {
        self.name = prefix.into();
        self
    }

    /// Sets the stack size of the workers' threads in bytes. 0, the default, stands for the system's default.
    ///
    /// A worker that waits for a task of its own pool may run it on its own stack ([`Task::result`](crate::Task::result)), as long as
    /// half of that is free. So half of this size must be enough for any task of the pool.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// Sets how many tasks may wait for a worker. A thread that submits one more waits for room. 0, the default,
    /// stands for any number.
    pub fn max_pending(mut self, tasks: usize) -> Self {
        self.max_pending = tasks;
        self
    }

    /// Creates the part that the pool and its workers share.
    pub(crate) fn into_inner(self) -> Inner {
        let limit = match self.workers {
            0 => thread::processors(),
            workers => workers,
        };
        Inner::new(limit, self.name, self.stack_size, self.max_pending)
    }
}
