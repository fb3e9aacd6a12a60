//! Attempts of operations, and waits in line until another attempt is worth it.

use interlock_wait::{RawLock, WaitContext, Waiter, Wake, Wakeups, block};

use crate::error::{GetError, JoinError, PutError};
use crate::queue::Queue;
use crate::side::Side;
use crate::state::{Arrival, Mode, NoRoom, PutOutcome, State};
use crate::store::Store;

/// A way to put an item in. (Not a closure: this is sure to be inlined.)
pub(crate) trait Way<S: Store>: Sized {
    /// The result for the putter.
    type Outcome;

    /// The way itself.
    const WAY: Self;

    /// Puts an item in. The caller has checked that there is room.
    fn push(state: &mut State<S>, item: S::Item) -> (Self::Outcome, Option<Wakeups>);
}

/// Defines ways to put an item in.
macro_rules! ways {
    ($($(#[$doc:meta])* $name:ident -> $outcome:ty, $state:ident, $item:ident: $push:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl<S: Store> Way<S> for $name {
            type Outcome = $outcome;

            const WAY: Self = $name;

            #[inline(always)]
            fn push($state: &mut State<S>, $item: S::Item) -> ($outcome, Option<Wakeups>) {
                $push
            }
        }
    )*};
}

ways! {
    /// Notifies a getter.
    Plain -> (), state, item: ((), state.push(item));
    /// Notifies a getter, and returns whether one was waiting.
    Telling -> PutOutcome, state, item: (state.put_outcome(), state.push(item));
    /// Reserves the item for a getter that waits.
    Reserving -> (), state, item: ((), state.push_reserved(item));
}

/// Notifies the waiters in line once more if the step that it guards panics, as the comparison of two priorities
/// may.
pub(crate) struct OnPanic<'a, S: Store, L: RawLock>(pub(crate) &'a Queue<S, L>);

impl<S: Store, L: RawLock> OnPanic<'_, S, L> {
    /// Runs a step under this guard.
    #[inline(always)]
    pub(crate) fn guard<R>(self, step: impl FnOnce() -> R) -> R {
        let result = step();
        std::mem::forget(self);
        result
    }
}

impl<S: Store, L: RawLock> Drop for OnPanic<'_, S, L> {
    fn drop(&mut self) {
        let wakeups = self.0.state.lock().call_again();
        wakeups.into_iter().for_each(Wakeups::run);
    }
}

impl<S: Store, L: RawLock> Queue<S, L> {
    /// Puts an item in, unless `refuse` has a reason not to. Every put comes through here.
    #[inline(always)]
    pub(crate) fn place<W: Way<S>>(
        &self,
        _: W,
        item: S::Item,
        refuse: impl FnOnce(&mut State<S>) -> Option<NoRoom>,
    ) -> Result<W::Outcome, PutError<S::Item>> {
        let mut state = self.state.lock();
        if let Some(reason) = refuse(&mut state) {
            drop(state);
            return Err(reason.with(item));
        }
        let (outcome, wakeup) = W::push(&mut state, item);
        drop(state);
        if let Some(wakeup) = wakeup {
            wakeup.run();
        }
        Ok(outcome)
    }

    /// Puts an item in, even if the queue is full.
    pub(crate) fn put_ignoring_bound(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        self.place(Plain, item, State::refuses_unbounded)
    }

    /// Puts an item in if there is room.
    #[inline(always)]
    pub(crate) fn place_in_room<W: Way<S>>(
        &self,
        way: W,
        item: S::Item,
        arrival: Arrival,
    ) -> Result<W::Outcome, PutError<S::Item>> {
        self.place(way, item, |state| {
            state.putter_arrives(arrival);
            state.room().err()
        })
    }

    /// Puts an item in if there is room.
    #[inline(always)]
    pub(crate) fn put_in_room(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        self.place_in_room(Plain, item, Arrival::Unasked)
    }

    /// Puts an item in. Blocks while the queue is full, until `context` ends the wait.
    pub(crate) fn put_within(
        &self,
        item: S::Item,
        context: &mut WaitContext<'_>,
    ) -> Result<(), PutError<S::Item>> {
        self.place_with(Plain, item, context)
    }

    /// Puts an item in. Blocks while the queue is full, until `context` ends the wait.
    pub(crate) fn place_with<W: Way<S>>(
        &self,
        _: W,
        item: S::Item,
        context: &mut WaitContext<'_>,
    ) -> Result<W::Outcome, PutError<S::Item>> {
        let mut kept = Some(item);
        let placed = self.persist(Side::Put, context, |arrival| {
            match self.place_in_room(W::WAY, kept.take()?, arrival) {
                Err(PutError::Full(refused)) => {
                    kept = Some(refused);
                    None
                }
                placed => Some(placed),
            }
        });
        match (placed, kept) {
            (Ok(placed), _) => placed,
            (Err(Wake::Interrupted), Some(item)) => Err(PutError::Interrupted(item)),
            (Err(_), Some(item)) => Err(PutError::Full(item)),
            (Err(_), None) => unreachable!("an item that was not put is kept"),
        }
    }

    /// Takes an item out.
    #[inline(always)]
    pub(crate) fn take(&self, arrival: Arrival) -> Result<S::Item, GetError> {
        let (item, wakeup) = self.state.lock().pop(arrival)?;
        if let Some(wakeup) = wakeup {
            wakeup.run();
        }
        Ok(item)
    }

    /// Takes an item out. Blocks while the queue is empty, until `context` ends the wait.
    pub(crate) fn take_with(&self, context: &mut WaitContext<'_>) -> Result<S::Item, GetError> {
        let taken = self.persist(Side::Get, context, |arrival| match self.take(arrival) {
            Err(GetError::Empty) => None,
            taken => Some(taken),
        });
        match taken {
            Ok(taken) => taken,
            Err(Wake::Interrupted) => Err(GetError::Interrupted),
            Err(_) => Err(GetError::Empty),
        }
    }

    /// Waits until the task of every item is done, or until `context` ends the wait.
    pub(crate) fn wait_for_tasks(&self, context: &mut WaitContext<'_>) -> Result<(), JoinError> {
        let joined = self.persist(Side::Join, context, |_| self.state.lock().joined());
        match joined {
            Ok(joined) => joined,
            Err(Wake::Interrupted) => Err(JoinError::Interrupted),
            Err(_) => Err(JoinError::TimedOut),
        }
    }

    /// Calls `attempt` until it has a result, and waits in between. `Err` tells how the wait ended without a
    /// result.
    pub(crate) fn persist<R>(
        &self,
        side: Side,
        context: &mut WaitContext<'_>,
        mut attempt: impl FnMut(Arrival) -> Option<R>,
    ) -> Result<R, Wake> {
        let mut arrival = Arrival::Unasked;
        let mut again = false;
        let mut round = 0;
        loop {
            if let Some(result) = attempt(arrival) {
                return Ok(result);
            }
            // Notified in vain: others were faster, and it keeps its place at the head of the line.
            again |= arrival == Arrival::Notified;
            arrival = Arrival::Unasked;
            // By then, several items may have come, or room for several: taking them in one go is cheaper than
            // being woken.
            if side != Side::Join && context.pause(round) {
                round += 1;
                continue;
            }
            match self.wait(side, again, context) {
                None => {}
                Some(Wake::Notified) => arrival = Arrival::Notified,
                Some(Wake::TimedOut) => return attempt(arrival).ok_or(Wake::TimedOut),
                Some(Wake::Interrupted) => return Err(Wake::Interrupted),
            }
        }
    }

    /// Lines up on one side, at the head if the thread was notified in vain, and blocks until notified or until
    /// `context` ends the wait. `None` if there is no need to wait. `Notified` means only that another attempt is
    /// worth it. That attempt has to report that the thread has arrived.
    #[cold]
    fn wait(&self, side: Side, again: bool, context: &mut WaitContext<'_>) -> Option<Wake> {
        let waiter = Waiter::thread();
        let mut state = self.state.lock();
        if state.is_ready(side) {
            return None;
        }
        let line = state.line(side);
        if again {
            line.push_front(waiter.clone());
        } else {
            line.push_back(waiter.clone());
        }
        drop(state);
        let leave = || {
            let wakeup = self.state.lock().leave(side, &waiter);
            wakeup.run();
        };
        let wake = block(&waiter, &self.resource_of(side.kind()), context, leave);
        // A thread that was notified at its deadline comes, too. A thread that is interrupted passes its
        // notification on.
        let comes = match wake {
            Wake::Notified => true,
            Wake::TimedOut => !self.state.lock().remove(side, &waiter),
            Wake::Interrupted => {
                leave();
                return Some(wake);
            }
        };
        Some(if comes { Wake::Notified } else { wake })
    }

    /// Puts items in while there is room.
    pub(crate) fn place_many(
        &self,
        arrival: Arrival,
        items: &mut std::collections::VecDeque<S::Item>,
    ) -> Result<(), PutError<()>> {
        let mut state = self.state.lock();
        state.putter_arrives(arrival);
        let (result, wakeups) = state.push_many(items);
        drop(state);
        wakeups.run();
        result.map_err(|reason| reason.with(()))
    }
}

impl<S: Store> State<S> {
    /// Returns why no item can be put in, even if the bound is ignored.
    pub(crate) fn refuses_unbounded(&mut self) -> Option<NoRoom> {
        self.room().err().filter(|reason| !matches!(reason, NoRoom::Full))
    }

    /// Returns the result of a join, if it has one.
    pub(crate) fn joined(&self) -> Option<Result<(), JoinError>> {
        match self.mode {
            Mode::Retired => Some(Err(JoinError::Retired)),
            _ if self.unfinished == 0 => Some(Ok(())),
            _ => None,
        }
    }
}
