//! Sleeping for what any process that shares an object can end, by what it does or by its death. (FORMAT.md, "Sharers".)

use std::time::Duration;

use interlock_wait::primitive::{AtomicU32, Ordering};
use interlock_wait::{Deadline, SharedWord, WaitContext, Wake, wake_shared};

use crate::arena::Arena;
use crate::id::Id;
use crate::name::Name;
use crate::resource::SharedResource;
use crate::roster::{State, is_held};

/// How many processes' lives one sleeper watches at once.
const WATCHED: usize = 120;

/// How often a sleeper looks at the lives of the others.
const LOOK: Duration = Duration::from_secs(1);

impl Arena {
    /// Sleeps until `word` is not `expected`, a process dies that has a handle of `id`, or `context` ends the wait.
    ///
    /// [`Wake::Notified`] says that the caller should look again. What a dead process had is given back then.
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

    /// Returns the other processes that have a handle of `id`: those first whose slots follow the caller's,
    /// so that in a large family each is watched by some. `None` if one of them is dead, and the process that
    /// cleared it away died meanwhile: that is done now.
    fn sharers(&self, id: Id) -> Option<Vec<Name>> {
        let me = self.me().slot();
        // Relaxed: a process that joins later is told of.
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

    /// The calling process has taken its slot: those that sleep among others look at it, too.
    pub(crate) fn tell_of_joining(&self) {
        let joined = &self.header().joined;
        // Release pairs with the Acquire in `sleep_among`.
        joined.fetch_add(1, Ordering::Release);
        wake_shared(joined, u32::MAX);
    }
}
