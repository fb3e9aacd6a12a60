//! The current waits, for observers that ask what another thread waits for.
//!
//! A wait is in a list from before the observer hears of it until after its end, so its resource is alive. Order of
//! locks: the list, then the state of one resource. A thread that holds the lock of a state never takes that of the
//! list.

use crate::fork;
use crate::primitive::Arc;
use crate::primitive::global::{AtomicU32, AtomicU64, Ordering};
use crate::resource::{ResourceId, ResourceKind};
use crate::thread_id::ThreadId;
use crate::thread_ident::ThreadIdent;
use crate::trace_event::{PendingWait, Wait};
use crate::waiter::Waiter;
use crate::word_lock::Loans;

/// The current waits. Their resources are lent to the list meanwhile.
static PENDING: Loans<Entry> = Loans::new();

/// The generation of the process whose waits are in the list.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The number of the next wait.
static NEXT: AtomicU64 = AtomicU64::new(1);

struct Entry {
    /// The process in which the wait began: the parent's waits do not go on in the child of a fork.
    generation: u32,
    thread: ThreadId,
    resource: ResourceId,
    kind: ResourceKind,
    timed: bool,
    sequence: u64,
    /// `None` for a wait on shared words.
    waiter: Option<Arc<Waiter>>,
}

impl Entry {
    /// Returns whether the wait still goes on, not ended by a notification.
    fn lasts(&self) -> bool {
        let waiter = self.waiter.as_ref();
        self.generation == fork::generation() && !waiter.is_some_and(|waiter| waiter.is_notified())
    }
}

thread_local! {
    static AT_END: AtEnd = AtEnd(ThreadIdent::current());
}

/// Removes the waits of a thread that exits in the middle of one, as an interpreter may make it do.
struct AtEnd(ThreadIdent);

impl Drop for AtEnd {
    fn drop(&mut self) {
        PENDING.end(|entry| entry.thread.ident() == self.0);
    }
}

/// Runs `meanwhile`. All threads can see the wait until it is done.
pub(crate) fn during<Q>(wait: &Wait<'_>, waiter: Option<&Arc<Waiter>>, meanwhile: impl FnOnce() -> Q) -> Q {
    // A thread that is about to exit, and has dropped that value already, unwinds.
    let _ = AT_END.try_with(|_| ());
    let generation = fork::generation();
    // Relaxed: the lock of the list orders its changes, and to drop the parent's waits twice does no harm.
    if GENERATION.swap(generation, Ordering::Relaxed) != generation {
        PENDING.end(|entry| entry.generation != generation);
    }
    let entry = Entry {
        generation,
        thread: wait.thread,
        resource: wait.id,
        kind: wait.resource.kind(),
        timed: wait.timed,
        sequence: wait.sequence,
        waiter: waiter.cloned(),
    };
    // Relaxed: a number is given out once, and orders nothing.
    let ticket = NEXT.fetch_add(1, Ordering::Relaxed);
    PENDING.during(ticket, entry, wait.resource.owned(), meanwhile)
}

/// Returns the waits that an observer has heard of and that no notification has ended, each with the owners of its
/// resource. Never blocks.
///
/// They are in the order in which their threads entered them. If several threads wait for each other and call this
/// at the same time, the thread whose wait comes last finds the waits of all others before its own.
///
/// All of them go on while the list is made. So a thread that is an owner in one entry, and waits in another, has
/// not released anything in between. Steps that other threads take meanwhile may show in some entries and not in
/// others. The same holds for the steps of a signal handler on a waiting thread.
pub fn pending_waits() -> Vec<PendingWait> {
    PENDING.look(|entry, owners| {
        entry.lasts().then(|| PendingWait {
            thread: entry.thread,
            resource: entry.resource,
            kind: entry.kind,
            timed: entry.timed,
            owners: owners().into_iter().map(ThreadId::of_ident).collect(),
            sequence: entry.sequence,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Resource;

    struct Anything(ResourceId);

    impl Resource for Anything {
        fn id(&self) -> ResourceId {
            self.0
        }

        fn kind(&self) -> ResourceKind {
            ResourceKind::Event
        }
    }

    #[test]
    fn waits_of_a_process_that_forked_leave_the_list_of_its_child() {
        let anything = Anything(ResourceId::fresh());
        let wait = Wait {
            thread: ThreadId::current(),
            id: anything.id(),
            resource: &anything,
            timed: false,
            sequence: 0,
        };
        let mine = || PENDING.look(|entry, _| (entry.resource == anything.id()).then_some(entry.generation));
        during(&wait, None, || {
            // An entry of another process, as a fork leaves it behind.
            let parent = fork::generation().wrapping_sub(1);
            let entry = Entry {
                generation: parent,
                thread: wait.thread,
                resource: wait.id,
                kind: ResourceKind::Event,
                timed: false,
                sequence: 0,
                waiter: None,
            };
            PENDING.during(u64::MAX, entry, None, || {
                GENERATION.store(parent, Ordering::Relaxed);
                assert_eq!(mine(), [fork::generation(), parent]);
                during(&wait, None, || assert_eq!(mine(), [fork::generation(); 2]));
            });
        });
        assert!(mine().is_empty());
    }
}
