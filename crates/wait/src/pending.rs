//! The waits that are going on, for observers that ask what another thread waits for.
//!
//! A wait stands in a list from before the observer hears of it until after its end, so its resource is alive. Order of
//! locks: the list, then the state of one resource. A thread that has the lock of a state never takes that of the list.

use crate::fork;
use crate::primitive::Arc;
use crate::primitive::global::{AtomicU32, AtomicU64, Ordering};
use crate::resource::{ResourceId, ResourceKind};
use crate::thread_id::ThreadId;
use crate::thread_ident::ThreadIdent;
use crate::trace_event::{PendingWait, Wait};
use crate::waiter::Waiter;
use crate::word_lock::Loans;

/// The waits, whose resources are lent meanwhile.
static PENDING: Loans<Entry> = Loans::new();

/// The generation of the process whose waits stand in the list.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The number of the next wait.
static NEXT: AtomicU64 = AtomicU64::new(1);

struct Entry {
    /// The process that the wait began in: in the child of a fork, those of the parent do not go on.
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
    /// Returns whether no notification has ended the wait yet.
    fn lasts(&self) -> bool {
        let waiter = self.waiter.as_ref();
        self.generation == fork::generation() && !waiter.is_some_and(|waiter| waiter.is_notified())
    }
}

thread_local! {
    static AT_END: AtEnd = AtEnd(ThreadIdent::current());
}

/// Ends the waits of a thread that ends in the middle of one, as an interpreter may have it.
struct AtEnd(ThreadIdent);

impl Drop for AtEnd {
    fn drop(&mut self) {
        PENDING.end(|entry| entry.thread.ident() == self.0);
    }
}

/// Runs `meanwhile`, and shows the wait to all threads until that is done.
pub(crate) fn during<Q>(wait: &Wait<'_>, waiter: Option<&Arc<Waiter>>, meanwhile: impl FnOnce() -> Q) -> Q {
    // A thread that is about to end, and has dropped that value already, unwinds by itself.
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

/// The waits that an observer has heard of and that no notification has ended, with the owners of what each waits for.
/// Never blocks.
///
/// They come in the order in which their threads showed them. So of several threads that wait for each other and ask at the
/// same time, the one whose wait comes last finds the waits of all others before its own.
///
/// All of them go on while the list is made. So a thread that is among the owners of one, and waits itself in another,
/// has not released anything in between. What other threads do meanwhile may show in some of the entries and not in
/// others; so may what the handler of a signal does on a thread that waits.
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
            // What a fork leaves behind: an entry that says it is of another process.
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
