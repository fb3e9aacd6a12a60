//! The one place where a thread blocks.

#[cfg(not(loom))]
use interlock_os::futex;
use interlock_os::futex::Returned;

use crate::deadline::Deadline;
use crate::event::{Event, Resource};
use crate::patience::Patience;
use crate::primitive::Arc;
#[cfg(not(loom))]
use crate::primitive::global;
use crate::probe;
use crate::spin;
use crate::waiter::{ThreadId, Waiter};
use crate::wake::{Slept, Wake};

/// How long a thread that listens for signals sleeps at first, in nanoseconds.
///
/// A signal that arrived between its last look and the sleep cuts no sleep short; so the thread looks for it this much
/// later, and then sleeps for good.
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
    let listens = patience.hears_signals();
    let mut first = true;
    loop {
        if !waiter.is_of_this_process() {
            // A signal handler forked, and this is the child, in which our queue is empty: let the caller look again.
            return Wake::Notified;
        }
        if first && is_over(deadline) {
            return match waiter.is_notified() {
                true => Wake::Notified,
                false => Wake::TimedOut,
            };
        }
        let stop = patience.sleep(&mut || match std::mem::take(&mut first) {
            true => first_sleep(waiter, deadline, listens),
            false => sleep(waiter, deadline),
        });
        if waiter.is_notified() && !stop {
            return Wake::Notified;
        }
        if stop {
            return Wake::Interrupted;
        }
        if deadline.has_passed() {
            return Wake::TimedOut;
        }
    }
}

/// Whether a wait has no time at all, so that its host need not detach, nor the kernel be asked.
///
/// A model's deadline may pass at any moment of a sleep, so a model always goes to sleep.
fn is_over(deadline: Deadline) -> bool {
    cfg!(not(loom)) && deadline.has_passed()
}

/// The first sleep of a wait: awake for a while if that pays, then in the kernel.
fn first_sleep(waiter: &Waiter, deadline: Deadline, listens: bool) -> Slept {
    if spin::until(deadline, || waiter.is_notified()) {
        return Slept::Notified(waiter.notifier());
    }
    let until = match listens {
        true => deadline.or_sooner(FIRST_LISTEN_NANOS),
        false => deadline,
    };
    sleep(waiter, until)
}

/// One sleep in the kernel.
fn sleep(waiter: &Waiter, until: Deadline) -> Slept {
    if !waiter.fall_asleep() {
        return Slept::Notified(waiter.notifier());
    }
    loop {
        let returned = sleep_in_kernel(waiter, until);
        if waiter.is_notified() {
            return Slept::Notified(waiter.notifier());
        }
        let slept = match returned {
            Returned::Woken => continue,
            Returned::TimedOut => Slept::TimedOut,
            Returned::Interrupted => Slept::Interrupted,
        };
        if waiter.look_away() {
            return slept;
        }
    }
}

/// Sleeps while nobody notified; returns early for whatever reason the kernel finds.
#[cfg(not(loom))]
#[expect(clippy::disallowed_methods, reason = "I1: the one place that sleeps")]
fn sleep_in_kernel(waiter: &Waiter, until: Deadline) -> Returned {
    futex::wait(waiter.word(), Waiter::ASLEEP, until.nanos())
}

/// A model's kernel: it has no clock, so a wait with a deadline may time out at any moment, and does at once.
#[cfg(loom)]
fn sleep_in_kernel(waiter: &Waiter, until: Deadline) -> Returned {
    if until.nanos().is_some() {
        return Returned::TimedOut;
    }
    waiter.sleep_in_bed();
    Returned::Woken
}

/// Sleeps for about `nanos` nanoseconds: the last resort of a thread that waits for a lock word.
#[cfg(not(loom))]
#[expect(clippy::disallowed_methods, reason = "I1: the one place that sleeps")]
pub(crate) fn nap(nanos: u64) {
    let word = global::AtomicU32::new(0);
    futex::wait(&word, 0, Deadline::NEVER.or_sooner(nanos).nanos());
}
