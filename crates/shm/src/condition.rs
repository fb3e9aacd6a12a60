//! `Condition`: threads of all processes wait until one of them notifies. (FORMAT.md, "Condition".)

use std::sync::Arc;

use interlock_wait::primitive::Ordering;
use interlock_wait::{OnUnwind, ResourceKind, WaitContext, Wake};

use crate::arena::Arena;
use crate::cells::{ConditionCell, Line};
use crate::error::Error;
use crate::id::Id;
use crate::line::WAITING;
use crate::lock::Lock;
use crate::name::Name;
use crate::objects::Object;
use crate::raw_lock::Acquired;
use crate::resource::SharedResource;
use crate::rlock::RLock;
use crate::step;

/// A condition in shared memory. Its waiters are notified in the order in which they came.
///
/// All its users hold the same lock meanwhile, which the program chooses.
#[derive(Clone, Debug)]
pub struct Condition(Object);

/// How a wait ended. The lock is held again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited {
    /// [`Wake::Notified`] if the thread was notified.
    pub wake: Wake,
    /// How the lock was acquired again.
    pub acquired: Acquired,
}

/// A lock that a waiter releases while it waits.
pub trait Relock {
    /// Releases the lock completely. Returns how often the caller had acquired it.
    ///
    /// # Errors
    /// The caller does not hold it.
    fn surrender(&self) -> Result<u32, Error>;

    /// Acquires the lock `count` times.
    ///
    /// # Errors
    /// The same as for the lock.
    fn take_back(&self, count: u32, context: &mut WaitContext<'_>) -> Result<Acquired, Error>;
}

impl Relock for Lock {
    fn surrender(&self) -> Result<u32, Error> {
        match self.owner() == self.object().arena().me() && self.release() {
            true => Ok(1),
            false => Err(Error::NotOwner),
        }
    }

    fn take_back(&self, _: u32, context: &mut WaitContext<'_>) -> Result<Acquired, Error> {
        self.acquire(context)
    }
}

impl Relock for RLock {
    fn surrender(&self) -> Result<u32, Error> {
        self.release_all()
    }

    fn take_back(&self, count: u32, context: &mut WaitContext<'_>) -> Result<Acquired, Error> {
        self.reacquire(count, context)
    }
}

impl Condition {
    /// Creates a condition in `arena`, without waiters.
    ///
    /// # Errors
    /// The arena is full.
    pub fn new(arena: &Arc<Arena>) -> Result<Self, Error> {
        arena.make(|_: &ConditionCell| {}).map(Condition)
    }

    /// Opens the condition `id` of `arena`. `None` if this process was not given it.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        arena.open::<ConditionCell>(id).map(Condition)
    }

    /// Returns the object that the condition is.
    pub fn object(&self) -> &Object {
        &self.0
    }

    /// Releases `lock`, waits until another thread notifies this one, and acquires `lock` again, as often as the
    /// caller had acquired it.
    ///
    /// Blocks until notified, or until `context` ends the wait; and then until the lock is free, whatever `context`
    /// says. If the host ends the wait of a notified thread, the notification passes to the next in line.
    ///
    /// # Errors
    /// The caller does not hold the lock, or 400 threads of this process wait already: nothing has happened. Or the lock is refused
    /// after a death: the caller does not hold it.
    pub fn wait(&self, lock: &impl Relock, context: &mut WaitContext<'_>) -> Result<Waited, Error> {
        let mut place = Place::take(self)?;
        let count = lock.surrender()?;
        let unwinds = OnUnwind::new(|| drop(lock.take_back(count, &mut WaitContext::unwinding())));
        step::at("condition.waiting");
        let wake = place.sleep(context);
        // A thread that timed out leaves at once, so that no notification is wasted on it.
        let is_notified = wake == Wake::Notified || place.leave();
        step::at("condition.woken");
        let acquired = lock.take_back(count, &mut context.insisting());
        unwinds.defuse();
        step::at("condition.locked");
        place.leave();
        let is_stopped = wake == Wake::Interrupted || context.is_stopped();
        if is_stopped && is_notified {
            // The caller will not act on the notification.
            self.notify(1);
        }
        let wake = match (is_stopped, is_notified) {
            (true, _) => Wake::Interrupted,
            (false, true) => Wake::Notified,
            (false, false) => wake,
        };
        acquired.map(|acquired| Waited { wake, acquired })
    }

    /// Notifies the first `most` waiting threads. Returns how many it notified. The caller holds the lock that they
    /// have released. Never blocks, except for milliseconds if a waiter has just died.
    pub fn notify(&self, most: usize) -> usize {
        let line = self.line();
        match line.is_empty() {
            true => 0,
            false => line.notify(self.0.arena(), most),
        }
    }

    /// Notifies all waiting threads.
    pub fn notify_all(&self) -> usize {
        // Waiters that come meanwhile are not notified.
        self.notify(self.waiting())
    }

    /// Returns how many threads wait. Some of them may be dead.
    pub fn waiting(&self) -> usize {
        let line = self.line();
        match line.is_empty() {
            true => 0,
            false => line.length(self.0.arena()),
        }
    }

    fn line(&self) -> &Line {
        &self.0.cell::<ConditionCell>().line
    }
}

/// A thread's place in the line. Left when dropped.
struct Place<'a> {
    condition: &'a Condition,
    node: u32,
    /// The owner of the node: a child that is forked while this thread waits is not in the line.
    process: Name,
    is_left: bool,
}

impl<'a> Place<'a> {
    fn take(condition: &'a Condition) -> Result<Self, Error> {
        let arena = condition.0.arena();
        let node = arena.take_node()?;
        step::at("condition.taken");
        condition.line().join(arena, condition.0.id(), node);
        Ok(Place {
            condition,
            node,
            process: arena.me(),
            is_left: false,
        })
    }

    fn sleep(&self, context: &mut WaitContext<'_>) -> Wake {
        let (arena, id) = (self.condition.0.arena(), self.condition.0.id());
        let word = &arena.node(self.node).word;
        let resource = SharedResource::new(ResourceKind::Condition);
        loop {
            let wake = arena.sleep_among((word, WAITING), id, &resource, context);
            // Acquire pairs with the Release of the thread that notified.
            let is_notified = word.load(Ordering::Acquire) != WAITING || arena.me() != self.process;
            if wake != Wake::Notified || is_notified {
                return wake;
            }
        }
    }

    /// Returns whether the thread was notified.
    fn leave(&mut self) -> bool {
        let arena = self.condition.0.arena();
        if self.is_left || arena.me() != self.process {
            return false;
        }
        self.is_left = true;
        self.condition.line().leave(arena, self.node)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
