//! The end of a call that was given to a pool of processes.

use std::fmt;
use std::sync::Arc;

use interlock_shm::{Ended, Name};

/// How a call ended.
#[derive(Debug)]
pub enum Answer {
    /// A worker has answered.
    Given(Given),
    /// The worker that ran it died.
    WorkerDied(Arc<WorkerDeath>),
    /// A worker died, and the pool's policy is to end with it. The call may have been running there, or may not
    /// have begun.
    Broken(Arc<WorkerDeath>),
    /// It exceeded its time limit, and the pool killed its worker.
    TimedOut,
    /// It was stopped while it ran, and the pool killed its worker.
    Stopped,
    /// It could not be sent to a worker: the shared memory has no room for it.
    NotSent(interlock_shm::Error),
    /// It has a large answer, which only the process that forked this one has: a child could not be given a share.
    OfParent,
}

/// The answer of a worker.
#[derive(Debug)]
pub struct Given {
    /// What the worker wrote.
    pub bytes: Bytes,
    /// Whether the worker said that the call failed.
    pub failed: bool,
}

/// The bytes of an answer.
pub enum Bytes {
    /// A copy of them.
    Copied(Vec<u8>),
    /// A large answer, which lies in shared memory.
    Shared(interlock_shm::Taken),
}

impl Bytes {
    /// Returns whether the bytes are there: a forked child may have no share in a large answer of its parent.
    pub(super) fn are_here(&self) -> bool {
        match self {
            Bytes::Copied(_) => true,
            Bytes::Shared(taken) => taken.is_here(),
        }
    }

    /// Calls `look` with the bytes, where they are. `look` must not fork.
    pub fn with<R>(&self, look: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Bytes::Copied(bytes) => look(bytes),
            Bytes::Shared(taken) => taken.with_bytes(look),
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|bytes| write!(f, "{} bytes", bytes.len()))
    }
}

/// The death of a worker.
#[derive(Clone, Debug)]
pub struct WorkerDeath {
    /// Its process id.
    pub pid: u32,
    /// Its name in the family of processes.
    pub name: Name,
    /// What the process was called.
    pub label: String,
    /// How it ended, if that is known.
    pub ended: Option<Ended>,
    /// Whether it had reported that it is ready for calls.
    pub was_ready: bool,
    /// Whether it was running a call.
    pub was_running: bool,
    /// The reason that it gave for not serving, if it gave one: for instance, that its initializer failed.
    pub refusal: Option<Vec<u8>>,
}
