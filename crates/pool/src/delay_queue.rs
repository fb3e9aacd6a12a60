//! A queue of items that can be taken when their time has come.

use std::collections::BTreeMap;
use std::fmt;

use interlock_wait::{
    Deadline, RawLock, RawWordLock, Resource, ResourceId, ResourceKind, StateLock, WaitContext, WaitQueue,
    Waiter, Wake, block,
};

/// Items with a deadline each. One thread, the taker, takes each item when its deadline has passed. See
/// `PROTOCOL.md` of this crate.
pub struct DelayQueue<T, L: RawLock = RawWordLock> {
    state: StateLock<State<T>, L>,
}

struct State<T> {
    items: BTreeMap<Ticket, T>,
    added: u64,
    served: bool,
    taker: WaitQueue,
}

/// The place of an item in a [`DelayQueue`]: the earliest deadline first; first in, first out among equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    deadline: Deadline,
    number: u64,
}

impl<T, L: RawLock> fmt::Debug for DelayQueue<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelayQueue")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl<T, L: RawLock> Default for DelayQueue<T, L> {
    fn default() -> Self {
        Self::new_in()
    }
}

impl<T> DelayQueue<T> {
    /// Creates an empty queue without a taker.
    pub fn new() -> Self {
        Self::new_in()
    }
}

impl<T, L: RawLock> DelayQueue<T, L> {
    /// Like [`DelayQueue::new`], with a raw lock of the caller's choice.
    pub fn new_in() -> Self {
        DelayQueue {
            state: StateLock::new(State {
                items: BTreeMap::new(),
                added: 0,
                served: false,
                taker: WaitQueue::new(),
            }),
        }
    }

    /// Puts an item in, which can be taken when `deadline` has passed. Returns its ticket, and whether there was no
    /// taker. If there was none, the caller must let a thread call [`DelayQueue::take_with`] until that returns
    /// `None`. Never blocks.
    pub fn put(&self, deadline: Deadline, item: T) -> (Ticket, bool) {
        let mut state = self.state.lock();
        state.added += 1;
        let ticket = Ticket {
            deadline,
            number: state.added,
        };
        let is_first = state
            .items
            .first_key_value()
            .is_none_or(|(first, _)| ticket < *first);
        state.items.insert(ticket, item);
        let wanted = !std::mem::replace(&mut state.served, true);
        let wakeups = if is_first {
            state.taker.notify_all()
        } else {
            Default::default()
        };
        drop(state);
        wakeups.run();
        (ticket, wanted)
    }

    /// Takes an item back. Returns `None` if it was taken already. Never blocks.
    ///
    /// This does not notify the taker: it looks again when its deadline has passed, and may find no item.
    pub fn take_back(&self, ticket: Ticket) -> Option<T> {
        self.state.lock().items.remove(&ticket)
    }

    /// Takes the item whose deadline passed first. Blocks until a deadline has passed. Returns `None` if the queue
    /// is empty, and then the caller is not the taker any more; or if `context` ended the wait.
    pub fn take_with(&self, context: &mut WaitContext<'_>) -> Option<T> {
        loop {
            let waiter = Waiter::thread();
            let mut state = self.state.lock();
            let Some(first) = state.items.first_entry() else {
                state.served = false;
                return None;
            };
            let deadline = first.key().deadline;
            if deadline.has_passed() {
                return Some(first.remove());
            }
            state.taker.push_back(waiter.clone());
            drop(state);
            let wake = block(&waiter, self, &mut context.bounded(deadline), || {
                let mut state = self.state.lock();
                state.taker.remove(&waiter);
                // The next `put` tells its caller to find another taker.
                state.served = false;
            });
            if wake != Wake::Notified {
                self.state.lock().taker.remove(&waiter);
            }
            if wake == Wake::Interrupted || context.deadline().has_passed() {
                return None;
            }
        }
    }

    /// Returns how many items there are, at this moment. Never blocks.
    pub fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    /// Returns whether the queue is empty at this moment. Never blocks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Empties the queue and forgets its taker: for the child of a fork.
    pub fn reset(&self) -> Vec<T> {
        let mut state = self.state.lock();
        state.served = false;
        let items = std::mem::take(&mut state.items);
        drop(state);
        items.into_values().collect()
    }
}

impl<T, L: RawLock> Resource for DelayQueue<T, L> {
    fn id(&self) -> ResourceId {
        self.state.lock().taker.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Timer
    }
}
