//! Sleeps until any process that shares an object acts, or dies. (FORMAT.md, "Sharers".)

use std::time::Duration;

use interlock_wait::primitive::{AtomicU32, Ordering};
use interlock_wait::{Deadline, SharedWord, WaitContext, Wake, wake_shared};

use crate::arena::Arena;
use crate::id::Id;
use crate::name::Name;
use crate::resource::SharedResource;
use crate::roster::{State, is_held};

/// How many processes one sleeper watches at once.
const WATCHED: usize = 120;

/// How often a sleeper checks the other processes.
const LOOK: Duration = Duration::from_secs(1);

impl Arena {
    /// Sleeps until `word` is not `expected`, a process dies that has a handle of `id`, or `context` ends the wait.
    ///
    /// [`Wake::Notified`] means that the caller should check again. By then, a dead process is swept.
    pub(crate) fn sleep_among(
        &self,
        (word, expected): (&AtomicU32, u32),
        id: Id,
        resource: &SharedResource,
        context: &mut WaitContext<'_>,
    ) -> Wake {
        let joined = &self.header().joined;
        let words = [
            SharedWord { word, expected },
            SharedWord {
                word: joined,
                // Acquire pairs with the Release in `tell_of_joining`: the process is seen below.
                expected: joined.load(Ordering::Acquire),
            },
        ];
        let Some(sharers) = self.sharers(id) else {
            return Wake::Notified;
        };
        let (watched, others) = sharers.split_at(sharers.len().min(WATCHED));
        if others.is_empty() {
            return self.sleep_on(&words, watched, resource, context);
        }
        for &other in others {
            if !is_held(self.slot(other.slot()).life.word()) && self.confirm_death(other) {
                return Wake::Notified;
            }
        }
        let soon = Deadline::after(LOOK);
        let is_soon = soon < context.deadline();
        match self.sleep_on(&words, watched, resource, &mut context.bounded(soon)) {
            Wake::TimedOut if is_soon => Wake::Notified,
            wake => wake,
        }
    }

    /// Returns the other processes that have a handle of `id`. Those whose slots follow the caller's come first, so
    /// that in a large family each process is watched by some others. Returns `None` if one of them was dead, and
    /// its sweeper died, too: this has now completed the sweep.
    fn sharers(&self, id: Id) -> Option<Vec<Name>> {
        let me = self.me().slot();
        // Relaxed: a process that joins later wakes the sleepers.
        let used = self.header().slots_used.get();
        let others = (me + 1..used).chain(1..me.min(used));
        let mut sharers = Vec::new();
        for index in others.filter(|&index| self.is_held_by(index, id)) {
            let (generation, state) = self.slot(index).now();
            let name = Name::new(index, generation);
            match state {
                State::Live => sharers.push(name),
                State::Sweeping => {
                    self.sweep(name);
                    return None;
                }
                _ => {}
            }
        }
        Some(sharers)
    }

    /// Called when the calling process has taken its slot: wakes the threads that sleep among sharers, so that they
    /// watch it, too.
    pub(crate) fn tell_of_joining(&self) {
        let joined = &self.header().joined;
        // Release pairs with the Acquire in `sleep_among`.
        joined.fetch_add(1, Ordering::Release);
        wake_shared(joined, u32::MAX);
    }
}
