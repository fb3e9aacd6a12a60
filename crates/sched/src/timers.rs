//! When waits end at the latest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use interlock_wait::Deadline;

use crate::mailbox::Call;

/// Fewer stale timers than this are not worth removing.
const FEW: usize = 64;

/// The times of waits, the next one first. A wait that ends earlier leaves a stale timer behind. When more
/// than half of the timers are stale, these are removed.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Deadline, Call)>>,
    stale: usize,
}

impl Timers {
    pub(crate) fn add(&mut self, deadline: Deadline, call: Call) {
        self.heap.push(Reverse((deadline, call)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Counts the timer of a wait that has ended before its time as stale.
    pub(crate) fn forget_one(&mut self, is_live: impl Fn(Call) -> bool) {
        self.stale += 1;
        if self.stale > FEW && self.stale > self.heap.len() / 2 {
            self.heap.retain(|Reverse((_, call))| is_live(*call));
            self.stale = 0;
        }
    }

    /// Takes out the first timer if its time is not later than `now`; it may be stale.
    pub(crate) fn take_due(&mut self, now: Deadline) -> Option<Call> {
        let Reverse((deadline, _)) = self.heap.peek()?;
        if *deadline > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, call))| call)
    }

    /// Called when a timer that was taken out was stale.
    pub(crate) fn was_stale(&mut self) {
        self.stale = self.stale.saturating_sub(1);
    }

    /// Returns the time of the next wait that ends by time.
    pub(crate) fn next(&mut self, is_live: impl Fn(Call) -> bool) -> Deadline {
        while let Some(Reverse((deadline, call))) = self.heap.peek() {
            if is_live(*call) {
                return *deadline;
            }
            self.heap.pop();
            self.was_stale();
        }
        Deadline::NEVER
    }
}
