//! The one place where a thread blocks.

use interlock_os::futex::{self, Returned};

use crate::deadline::Deadline;
use crate::patience::{Patience, Slept};
use crate::primitive::{Arc, global};
use crate::probe::{self, Event, Resource};
use crate::spin;
use crate::waiter::{ThreadId, Waiter};

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A notifier took the waiter out of its queue.
    Notified,
    /// The deadline passed. The waiter may still stand in its queue.
    TimedOut,
    /// The [`Host`](crate::Host) asked to stop. The waiter may still stand in its queue.
    Interrupted,
}

/// How long the first sleep of a thread that listens for signals lasts at most, in nanoseconds.
///
/// A signal that arrives between the last look at the interpreter and the sleep cuts nothing short; so the thread looks
/// once more this much later, and then sleeps for good.
const FIRST_LISTEN_NANOS: u64 = 20_000_000;

/// Puts the calling thread to sleep until `waiter`, which stands in a queue, is notified, or `patience` ends.
///
/// This is the only function of Interlock that blocks. The caller holds no internal lock. `holder` is who has the
/// resource, as far as that is known, for the probe. When the result is not [`Wake::Notified`], the waiter may still
/// stand in its queue, and the caller takes it out: if it is not there any more, it was notified after all, and the caller
/// owes what a notified waiter owes (see `PROTOCOL.md`).
pub fn block(
    waiter: &Arc<Waiter>,
    resource: Resource,
    holder: Option<ThreadId>,
    patience: &mut Patience<'_>,
) -> Wake {
    if probe::probed() {
        probe::report(Event::WillWait {
            thread: waiter.thread_id(),
            resource,
            holder,
        });
    }
    let wake = sleep_until_notified(waiter, patience);
    if probe::probed() {
        probe::report(Event::Woke {
            thread: waiter.thread_id(),
            resource,
            wake,
        });
    }
    wake
}

fn sleep_until_notified(waiter: &Arc<Waiter>, patience: &mut Patience<'_>) -> Wake {
    let deadline = patience.deadline();
    let mut until = if patience.hears_signals() {
        deadline.or_sooner(FIRST_LISTEN_NANOS)
    } else {
        deadline
    };
    let mut first = true;
    loop {
        let stop = patience.sleep(&mut || sleep(waiter, until, std::mem::take(&mut first)));
        if waiter.is_notified() && !stop {
            return Wake::Notified;
        }
        if stop {
            return Wake::Interrupted;
        }
        if deadline.has_passed() {
            return Wake::TimedOut;
        }
        if !waiter.is_of_this_process() {
            // A signal handler forked, and this is the child, in which our queue is empty: let the caller look again.
            return Wake::Notified;
        }
        until = deadline;
    }
}

/// One sleep: awake for a while if that pays, then in the kernel.
fn sleep(waiter: &Waiter, until: Deadline, spin: bool) -> Slept {
    if (spin && spin::until(|| waiter.is_notified())) || !waiter.fall_asleep() {
        return Slept::Notified(waiter.notifier());
    }
    loop {
        let returned = waiter.sleep(until.nanos());
        if waiter.is_notified() {
            return Slept::Notified(waiter.notifier());
        }
        match returned {
            Returned::Woken => {}
            Returned::TimedOut => return Slept::TimedOut,
            Returned::Interrupted => return Slept::Interrupted,
        }
    }
}

/// Sleeps until the process ends: for a thread that has nothing left that it may do.
pub fn sleep_for_ever() -> ! {
    let word = global::AtomicU32::new(0);
    loop {
        futex::wait(&word, 0, None);
    }
}

/// Sleeps for about `nanos` nanoseconds: the last resort of a thread that waits for a lock word.
pub(crate) fn nap(nanos: u64) {
    let word = global::AtomicU32::new(0);
    futex::wait(&word, 0, Deadline::NEVER.or_sooner(nanos).nanos());
}
