//! Items that come out when their time has come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;

use interlock_wait::{Deadline, Kind, Patience, Resource, StateLock, WaitQueue, Waiter, Wake, block};

/// Items with a deadline each, which one thread takes as these pass.
///
/// State table of `served`: false → true by the `put` that is told to see to a taker; true → false by the `take_with` that
/// finds nothing left. So there is a taker whenever there is an item, and at most one.
pub struct DelayQueue<T> {
    state: StateLock<State<T>>,
}

struct State<T> {
    items: BinaryHeap<Delayed<T>>,
    added: u64,
    served: bool,
    taker: WaitQueue,
}

struct Delayed<T> {
    rank: Reverse<(Deadline, u64)>,
    item: T,
}

impl<T> PartialEq for Delayed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl<T> Eq for Delayed<T> {}

impl<T> PartialOrd for Delayed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Delayed<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl<T> fmt::Debug for DelayQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelayQueue")
            .field("len", &self.state.lock().items.len())
            .finish_non_exhaustive()
    }
}

impl<T> Default for DelayQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> DelayQueue<T> {
    /// An empty queue that nobody takes from.
    pub fn new() -> Self {
        DelayQueue {
            state: StateLock::new(State {
                items: BinaryHeap::new(),
                added: 0,
                served: false,
                taker: WaitQueue::new(),
            }),
        }
    }

    /// Puts an item in, to be taken when `deadline` has passed; `true` when nobody takes items, so that the caller has to see
    /// to a thread that calls [`DelayQueue::take_with`] until that gives none. Never blocks.
    pub fn put(&self, deadline: Deadline, item: T) -> bool {
        let mut state = self.state.lock();
        state.added += 1;
        let rank = Reverse((deadline, state.added));
        let is_first = state.items.peek().is_none_or(|first| first.rank < rank);
        state.items.push(Delayed { rank, item });
        let wanted = !std::mem::replace(&mut state.served, true);
        let wakeups = if is_first {
            state.taker.notify_all()
        } else {
            Default::default()
        };
        drop(state);
        wakeups.run();
        wanted
    }

    /// Takes the item whose deadline passed first. Blocks until there is one; `None` when there is no item at all, and the
    /// caller is the taker no more, or when `patience` ended.
    pub fn take_with(&self, patience: &mut Patience<'_>) -> Option<T> {
        loop {
            let waiter = Waiter::thread();
            let mut state = self.state.lock();
            let Some(first) = state.items.peek() else {
                state.served = false;
                return None;
            };
            let Reverse((deadline, _)) = first.rank;
            if deadline.has_passed() {
                return state.items.pop().map(|first| first.item);
            }
            state.taker.push_back(waiter.clone());
            drop(state);
            let resource = Resource {
                kind: Kind::Outcome,
                address: self.state.address(),
            };
            let wake = block(&waiter, resource, None, &mut patience.bounded(deadline));
            if wake != Wake::Notified {
                self.state.lock().taker.remove(&waiter);
            }
            if wake == Wake::Interrupted || patience.deadline().has_passed() {
                return None;
            }
        }
    }

    /// Empties the queue, which nobody takes from any more: for the child of a fork.
    pub fn reset(&self) -> Vec<T> {
        let mut state = self.state.lock();
        state.served = false;
        let items = std::mem::take(&mut state.items);
        drop(state);
        items.into_iter().map(|delayed| delayed.item).collect()
    }
}
