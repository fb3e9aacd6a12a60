//! A call that a worker process runs.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use interlock_shm::{Arena, Error, Queue, Taken};
use interlock_wait::primitive::global::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use interlock_wait::{WaitContext, WordLock};

use super::answer::Answer;
use super::message::NUMBER;
use crate::listeners::Watch;
use crate::outcome::{Outcome, Phase};

/// The number of the next call. A number is not used again.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// The priority and the limits of a call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Its priority; the smallest runs first.
    pub priority: i64,
    /// How long it may run.
    pub time: Option<Duration>,
    /// How often it runs again if the worker that runs it dies.
    pub retries: u32,
}

/// The data for the worker: the bytes of the call, and its number.
enum Payload {
    /// Kept until the answer is there: if the worker dies, another one may get the call.
    Copied(Vec<u8>),
    /// A large payload, which is passed on in shared memory without a copy.
    Large(Taken),
    /// The payload is in the queue of a worker, or a worker has taken it.
    Sent,
}

/// A call that a worker process runs: its bytes on the way there, and its answer. `H` is a value of the pool's
/// host, which gets it back when the call has ended.
pub struct Call<H> {
    pub(super) number: u64,
    pub(super) limits: Limits,
    payload: WordLock<Payload>,
    pub(super) outcome: Outcome<Answer, Infallible>,
    retries: AtomicU32,
    /// Whether it is in a worker's queue, or is being run. Changes under the pool's lock.
    pub(super) is_handed: AtomicBool,
    /// Whether the pool has to look for its answer, though no thread waits for it. Changes under the pool's lock.
    pub(super) is_awaited: AtomicBool,
    host: WordLock<Option<H>>,
}

impl<H> fmt::Debug for Call<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("number", &self.number)
            .field("phase", &self.phase())
            .finish_non_exhaustive()
    }
}

impl<H> Call<H> {
    /// Creates a call. The worker gets `parts`, one after the other.
    ///
    /// # Errors
    /// The arena has no room for a large call.
    pub fn new(arena: &Arc<Arena>, parts: &[&[u8]], limits: Limits) -> Result<Arc<Self>, Error> {
        // Relaxed: the numbers only have to differ.
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let end = number.to_le_bytes();
        let mut all = Vec::with_capacity(parts.len() + 1);
        all.extend_from_slice(parts);
        all.push(&end);
        let length: usize = all.iter().map(|part| part.len()).sum();
        let payload = match length {
            Taken::LEAST.. if limits.retries == 0 => Payload::Large(Taken::filled(arena, &all)?),
            _ => Payload::Copied(all.concat()),
        };
        Ok(Arc::new(Call {
            number,
            limits,
            payload: WordLock::new(payload),
            outcome: Outcome::new(),
            retries: AtomicU32::new(limits.retries),
            is_handed: AtomicBool::new(false),
            is_awaited: AtomicBool::new(false),
            host: WordLock::new(None),
        }))
    }

    /// Puts its payload into the queue of a worker.
    pub(super) fn send(&self, calls: &Queue) -> Result<(), Error> {
        let mut payload = self.payload.lock();
        let mut context = WaitContext::uninterruptible();
        match std::mem::replace(&mut *payload, Payload::Sent) {
            Payload::Copied(bytes) => {
                let put = calls.put(&bytes, &mut context);
                *payload = Payload::Copied(bytes);
                put
            }
            Payload::Large(message) => calls.put_taken(message, &mut context),
            Payload::Sent => unreachable!("a call was handed out that lies before a worker"),
        }
    }

    /// Called when its large payload was taken back from the queue of a worker.
    pub(super) fn came_back(&self, message: Taken) {
        let mut payload = self.payload.lock();
        if matches!(*payload, Payload::Sent) {
            *payload = Payload::Large(message);
        }
    }

    /// Returns its phase at this moment: pending until it has ended. Never blocks.
    pub fn phase(&self) -> Phase {
        self.outcome.phase()
    }

    /// Takes its answer. Returns `None` if there is none yet, or if it was taken before. Never blocks.
    pub fn take_answer(&self) -> Option<Answer> {
        self.outcome.take_value().map(|answer| match answer {
            Answer::Given(given) if !given.bytes.are_here() => Answer::OfParent,
            answer => answer,
        })
    }

    /// Takes out the bytes that the worker got. They are empty if they were large. Never blocks.
    pub fn take_payload(&self) -> Vec<u8> {
        match std::mem::replace(&mut *self.payload.lock(), Payload::Sent) {
            Payload::Copied(mut bytes) => {
                bytes.truncate(bytes.len().saturating_sub(NUMBER));
                bytes
            }
            _ => Vec::new(),
        }
    }

    /// Registers `watch`, which gets `number` at the end. See [`ProcessPool::await_answer`](super::ProcessPool::await_answer). Never blocks.
    pub fn watch(&self, watch: &Arc<Watch>, number: usize) {
        self.outcome.watch(watch, number);
    }

    /// Removes a watch. Never blocks.
    pub fn unwatch(&self, watch: &Arc<Watch>) {
        self.outcome.unwatch(watch);
    }

    /// Takes out the value of the host.
    pub fn take_host(&self) -> Option<H> {
        self.host.lock().take()
    }

    pub(super) fn leave(&self, host: H) {
        let before = self.host.lock().replace(host);
        drop(before);
    }

    pub(super) fn has_host(&self) -> bool {
        self.host.lock().is_some()
    }

    /// Returns whether it may run once more after a death. If so, counts the retry.
    pub(super) fn may_run_again(&self) -> bool {
        // Relaxed: it changes under the pool's lock.
        let left = self.retries.load(Ordering::Relaxed);
        self.retries.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }
}
