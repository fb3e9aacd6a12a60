//! Queues whose items are kept by somebody else's code.
//!
//! That code may compare items, call back, wait, and fail, so it can't run under an internal lock. It runs under a real
//! [`Lock`], on which other threads wait as for any lock, with three conditions on it: the algorithm of Python's
//! `queue.Queue`, whose subclasses may override how items are kept, and whose users may take its mutex and look inside.

use interlock_sync::{Condition, Lock};
use interlock_wait::primitive::Arc;
use interlock_wait::{Patience, StateLock, Waiter, Wake};

use crate::error::TooManyDone;
use crate::side::Side;
use crate::state::Discard;

/// What a hooked queue counts. Changed only by who has the mutex; readable at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The most items there may be; 0 for any number.
    pub bound: usize,
    /// Items put whose task is not done yet.
    pub unfinished: usize,
    /// Whether the queue was shut down.
    pub shut_down: bool,
}

/// Why an operation on a hooked queue did nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum HookedError<E> {
    /// The queue was full, or empty, for as long as the caller was willing to wait.
    NotReady,
    /// The queue was shut down.
    ShutDown,
    /// The host of the thread ended the wait.
    Interrupted,
    /// A hook failed.
    Hook(E),
}

impl<E> From<E> for HookedError<E> {
    fn from(error: E) -> Self {
        HookedError::Hook(error)
    }
}

/// The parts of a hooked queue, and the hooks, which run while the calling thread has the mutex.
pub trait Hooked {
    /// What is kept.
    type Item;
    /// How a hook fails.
    type Error;

    /// The lock under which everything happens.
    fn mutex(&self) -> &Lock;
    /// The condition on which the threads of one side wait.
    fn condition(&self, side: Side) -> &Condition;
    /// What is counted.
    fn counters(&self) -> &StateLock<Counters>;

    /// Hook: how many items there are.
    ///
    /// # Errors
    /// The hook failed.
    fn size(&self) -> Result<usize, Self::Error>;
    /// Hook: puts an item in.
    ///
    /// # Errors
    /// The hook failed; the item was not put in.
    fn push(&self, item: Self::Item) -> Result<(), Self::Error>;
    /// Hook: takes the next item out.
    ///
    /// # Errors
    /// The hook failed; nothing was taken out.
    fn pop(&self) -> Result<Self::Item, Self::Error>;

    /// Whether an operation on this side would not have to wait now.
    ///
    /// # Errors
    /// A hook failed.
    fn is_ready(&self, side: Side) -> Result<bool, Self::Error> {
        let Counters {
            bound,
            unfinished,
            shut_down,
        } = *self.counters().lock();
        Ok(match side {
            Side::Get => shut_down || self.size()? > 0,
            Side::Put => shut_down || bound == 0 || self.size()? < bound,
            Side::Join => unfinished == 0,
        })
    }

    /// Puts an item in. Blocks for the mutex, and, if `wait`, while the queue is full, until `patience` ends.
    ///
    /// # Errors
    /// See [`HookedError`]; the item was not put.
    fn put_with(
        &self,
        item: Self::Item,
        wait: bool,
        patience: &mut Patience<'_>,
    ) -> Result<(), HookedError<Self::Error>> {
        let _held = Held::take(self.mutex(), patience)?;
        self.wait_until_ready(Side::Put, wait, patience)?;
        if self.counters().lock().shut_down {
            return Err(HookedError::ShutDown);
        }
        self.push(item)?;
        self.counters().lock().unfinished += 1;
        self.condition(Side::Get).notify_with(self.mutex(), 1);
        Ok(())
    }

    /// Takes an item out. Blocks for the mutex, and, if `wait`, while the queue is empty, until `patience` ends.
    ///
    /// # Errors
    /// See [`HookedError`]; nothing was taken out.
    fn get_with(
        &self,
        wait: bool,
        patience: &mut Patience<'_>,
    ) -> Result<Self::Item, HookedError<Self::Error>> {
        let _held = Held::take(self.mutex(), patience)?;
        self.wait_until_ready(Side::Get, wait, patience)?;
        if self.counters().lock().shut_down && self.size()? == 0 {
            return Err(HookedError::ShutDown);
        }
        let item = self.pop()?;
        self.condition(Side::Put).notify_with(self.mutex(), 1);
        Ok(item)
    }

    /// Waits until the task of every item is done. Blocks for the mutex, and until then, until `patience` ends.
    ///
    /// # Errors
    /// The host of the thread ended the wait, or the deadline passed.
    fn join_with(&self, patience: &mut Patience<'_>) -> Result<(), HookedError<Self::Error>> {
        let _held = Held::take(self.mutex(), patience)?;
        self.wait_until_ready(Side::Join, true, patience)
    }

    /// Waits, with the mutex, until an operation on this side is worth trying.
    ///
    /// # Errors
    /// [`HookedError::NotReady`] if it is not and `wait` is false or the deadline passes; an interruption; a hook's error.
    fn wait_until_ready(
        &self,
        side: Side,
        wait: bool,
        patience: &mut Patience<'_>,
    ) -> Result<(), HookedError<Self::Error>> {
        while !self.is_ready(side)? {
            if !wait {
                return Err(HookedError::NotReady);
            }
            match self.condition(side).wait_with(self.mutex(), patience) {
                Ok(Wake::Notified) => {}
                Ok(Wake::TimedOut) if self.is_ready(side)? => {}
                Ok(Wake::Interrupted) => return Err(HookedError::Interrupted),
                // A thread whose mutex somebody else released has nothing to wait with.
                Ok(Wake::TimedOut) | Err(_) => return Err(HookedError::NotReady),
            }
        }
        Ok(())
    }

    /// Says that one task is done. Blocks for the mutex.
    ///
    /// # Errors
    /// The host of the thread ended the wait. In the inner result: more tasks would be done than items had been put.
    fn task_done_with(
        &self,
        patience: &mut Patience<'_>,
    ) -> Result<Result<(), TooManyDone>, HookedError<Self::Error>> {
        let _held = Held::take(self.mutex(), patience)?;
        let mut counters = self.counters().lock();
        let Some(unfinished) = counters.unfinished.checked_sub(1) else {
            return Ok(Err(TooManyDone));
        };
        counters.unfinished = unfinished;
        drop(counters);
        if unfinished == 0 {
            self.condition(Side::Join).notify_with(self.mutex(), usize::MAX);
        }
        Ok(Ok(()))
    }

    /// Shuts the queue down, taking all items out if they are to be discarded. Blocks for the mutex.
    ///
    /// # Errors
    /// The host of the thread ended the wait, or a hook failed.
    fn shutdown_with(
        &self,
        discard: Discard,
        patience: &mut Patience<'_>,
    ) -> Result<(), HookedError<Self::Error>> {
        let _held = Held::take(self.mutex(), patience)?;
        self.counters().lock().shut_down = true;
        if discard == Discard::Items {
            while self.size()? > 0 {
                self.pop()?;
                let mut counters = self.counters().lock();
                counters.unfinished = counters.unfinished.saturating_sub(1);
            }
            self.condition(Side::Join).notify_with(self.mutex(), usize::MAX);
        }
        self.condition(Side::Get).notify_with(self.mutex(), usize::MAX);
        self.condition(Side::Put).notify_with(self.mutex(), usize::MAX);
        Ok(())
    }

    /// Lines a task up on one side, as `waiter`; `false` when the operation is worth trying now. Blocks for the mutex.
    ///
    /// # Errors
    /// The host of the thread ended the wait, or a hook failed.
    fn register(
        &self,
        side: Side,
        waiter: &Arc<Waiter>,
        patience: &mut Patience<'_>,
    ) -> Result<bool, HookedError<Self::Error>> {
        let _held = Held::take(self.mutex(), patience)?;
        let wait = !self.is_ready(side)?;
        if wait {
            self.condition(side).enrol_task(waiter);
        }
        Ok(wait)
    }

    /// Takes a task out of its line; a notification that it had is passed on to the next. Never blocks.
    fn unregister(&self, side: Side, waiter: &Arc<Waiter>) {
        if !self.condition(side).withdraw(waiter) {
            self.condition(side).notify(1);
        }
    }
}

/// The mutex, released when dropped.
struct Held<'a>(&'a Lock);

impl<'a> Held<'a> {
    fn take<E>(mutex: &'a Lock, patience: &mut Patience<'_>) -> Result<Self, HookedError<E>> {
        // The timeout of an operation is for items and room; the mutex is waited for as long as it takes.
        mutex
            .acquire_with(&mut patience.endlessly())
            .map_err(|_| HookedError::Interrupted)?;
        Ok(Held(mutex))
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Somebody else may have released it, as anybody may; then there is nothing to do.
        let _ = self.0.release();
    }
}
