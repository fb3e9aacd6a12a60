//! How many tasks a pool has had.

use interlock_wait::StateLock;

/// Counts of a pool's tasks at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Put into the queue.
    pub submitted: u64,
    /// Being run.
    pub running: u64,
    /// Run to their end, or found cancelled.
    pub done: u64,
    /// Those among the done that failed.
    pub failed: u64,
}

/// The counts of a pool, as its tasks come and go.
#[derive(Default)]
pub struct Counts(StateLock<Counted>);

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.look().fmt(f)
    }
}

impl Counts {
    /// A task was put.
    #[inline]
    pub fn submitted(&self) {
        self.0.lock().submitted += 1;
    }

    /// A worker began with a task.
    #[inline]
    pub fn began(&self) {
        self.0.lock().running += 1;
    }

    /// A worker is done with a task, which failed.
    #[cold]
    pub fn failed(&self) {
        self.0.lock().failed += 1;
        self.succeeded();
    }

    /// A worker is done with a task, which did not fail.
    #[inline]
    pub fn succeeded(&self) {
        let mut counted = self.0.lock();
        counted.running -= 1;
        counted.done += 1;
    }

    /// The counts, at this moment. Never blocks.
    pub fn look(&self) -> Counted {
        *self.0.lock()
    }
}
