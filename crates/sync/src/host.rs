//! Additional operations for a host such as an interpreter: its processes fork, its objects are initialized after
//! they were created, and they may go on without the engine.

use interlock_wait::{ThreadIdent, WaitContext};

use crate::error::{Broken, NotHeld, WaitError};

/// Resets an object in the child of a fork, where the other threads do not exist.
pub trait Reset {
    /// Forgets the waiters, and frees a lock. The flag of an event, and the permits of a semaphore, stay as they
    /// are.
    fn reset(&self);
}

/// An object that is created before its parameters are known, and whose state its host may take over.
pub trait Hosted {
    /// The parameters.
    type Begin;
    /// The state when the object was retired, and the wake-ups that end the waits.
    type Retired;

    /// Sets the parameters. No thread may use the object yet. Never blocks.
    fn begin_with(&self, begin: Self::Begin);

    /// Retires the object. Running the returned wake-ups ends the wait of each waiter, with an error that says so.
    /// A later wait ends in the same way. No thread may release or arrive after this. Never blocks.
    fn retire(&self) -> Self::Retired;
}

/// An object whose host can let single waiters through.
pub trait LetThrough {
    /// Lets the first waiter in line through, whatever it waits for. Returns whether a thread waited. Never blocks.
    fn let_one_through(&self) -> bool;
}

/// The result of an arrival, and what the party must do next.
#[must_use = "the party that leads has to open the barrier"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// All parties have arrived. The caller was the last, with this index, and must call [`Stepwise::open`], or
    /// `abort` if its action before that fails.
    Leads(usize),
    /// The leader opened the barrier. The caller arrived with this index, counted from 0.
    Through(usize),
}

/// A barrier whose last party acts before it lets the others through.
pub trait Stepwise {
    /// Arrives and waits for the other parties. Blocks until the leader opens the barrier, or until `context` ends the
    /// wait, which breaks the barrier. The last party to arrive does not wait: it leads, and opens the barrier when it
    /// is ready.
    ///
    /// # Errors
    /// The barrier is broken, or was broken or reset while this party waited. Or the deadline passed or the host ended the
    /// wait, which broke the barrier (unless the host ended the wait before this party was in a round).
    fn arrive_with(&self, context: &mut WaitContext<'_>) -> Result<Arrival, Broken>;

    /// Lets all waiting parties through and begins the next round. The leader must call this. Never blocks.
    ///
    /// # Errors
    /// The barrier was broken or reset in the meantime.
    fn open(&self) -> Result<(), Broken>;
}

/// A condition that moves its waiters into the line of its lock, instead of waking them.
pub trait NotifiesWith<L> {
    /// Notifies the first `count` waiters. They take `lock`, which the caller holds, one after the other as it is
    /// released. Never blocks.
    ///
    /// # Panics
    /// Threads wait that have released another lock.
    fn notify_with(&self, lock: &L, count: usize);
}

/// The state of a lock before `release_all`, from which `restore_with` takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The number of acquisitions not yet released, at least 1.
    pub count: usize,
    /// The thread that made them.
    pub owner: ThreadIdent,
}

/// A lock that its owner gives up completely, however often it has acquired it, and takes back as it was.
pub trait Restore {
    /// Releases the lock completely, however many times it was acquired, and returns its former state. Never blocks.
    ///
    /// # Errors
    /// The calling thread does not own the lock.
    fn release_all(&self) -> Result<Saved, NotHeld>;

    /// Takes the lock as it was before `release_all`. Blocks while another thread holds it.
    ///
    /// Acquisitions that the calling thread has made since then count too.
    ///
    /// # Errors
    /// The deadline passed, or the host ended the wait; the lock was not taken.
    ///
    /// # Panics
    /// The saved count is 0: then there is nothing to take.
    fn restore_with(&self, saved: Saved, context: &mut WaitContext<'_>) -> Result<(), WaitError>;
}
