//! Blocks threads: the loop around each sleep.

use crate::deadline::Deadline;
use crate::observer::{Interest, Verdict, ask, next_sequence, observes, report};
use crate::on_unwind::OnUnwind;
#[cfg(not(loom))]
use crate::pending::during;
use crate::primitive::Arc;
use crate::resource::Resource;
use crate::schedule::Returned;
#[cfg(not(loom))]
use crate::sleep;
use crate::spin;
use crate::thread_id::ThreadId;
use crate::thread_ident::ThreadIdent;
use crate::trace_event::{TraceEvent, Wait};
use crate::wait_context::WaitContext;
use crate::waiter::Waiter;
use crate::wake::{Slept, Wake};

/// How long a thread that listens for signals sleeps at first, in nanoseconds.
///
/// A signal that arrives after the thread's last check and before the sleep does not end the sleep. So the thread checks
/// again after this time, and only then sleeps without a limit.
pub(crate) const FIRST_LISTEN_NANOS: u64 = 20_000_000;

/// Puts the calling thread to sleep until `waiter`, which stands in a queue, is notified, or `context` ends the wait.
///
/// Every thread that waits in a queue blocks here. The caller holds no internal lock. An observer can ask
/// `resource` what the thread waits for. When the result is not [`Wake::Notified`], the waiter may still stand in
/// its queue, and the caller has to take it out. If it is not there any more, it was notified after all, and the
/// caller has the duties of a notified waiter (see `PROTOCOL.md`).
///
/// If a host panics, `leave` runs. It does what the caller does after an interrupted wait. So a panic leaves no
/// waiter in a queue, and loses no notification.
pub fn block(
    waiter: &Arc<Waiter>,
    resource: &dyn Resource,
    context: &mut WaitContext<'_>,
    leave: impl FnOnce(),
) -> Wake {
    let unwinds = OnUnwind::new(leave);
    let wake = traced(Some(waiter), resource, context, |context| {
        until_notified(&**waiter, context)
    });
    unwinds.defuse();
    wake
}

/// Runs a wait. If there is an observer of waits, calls it at the beginning and at the end.
#[inline]
pub(crate) fn traced(
    waiter: Option<&Arc<Waiter>>,
    resource: &dyn Resource,
    context: &mut WaitContext<'_>,
    sleep: impl FnOnce(&mut WaitContext<'_>) -> Wake,
) -> Wake {
    // A model has no observer: process-wide state is not part of it.
    if cfg!(not(loom)) && observes(Interest::Waits) && !context.is_unwinding() {
        let resource = context.resource().unwrap_or(resource);
        let wait = Wait {
            thread: ThreadId::current(),
            id: resource.id(),
            resource,
            timed: context.deadline() != Deadline::NEVER,
            sequence: waiter.map_or_else(next_sequence, |waiter| waiter.sequence()),
        };
        observed(&wait, waiter, context, sleep)
    } else {
        sleep(context)
    }
}

/// Runs a wait, and reports it to the observer. If the observer refuses it, it ends as if the host had ended it,
/// unless the operation insists.
fn observed(
    wait: &Wait<'_>,
    waiter: Option<&Arc<Waiter>>,
    context: &mut WaitContext<'_>,
    sleep: impl FnOnce(&mut WaitContext<'_>) -> Wake,
) -> Wake {
    let wake = during(wait, waiter, || {
        if ask(wait) == Verdict::Refuse && !context.insists() {
            context.refuse();
            Wake::Interrupted
        } else {
            sleep(context)
        }
    });
    report(TraceEvent::Woke {
        thread: wait.thread,
        resource: wait.id,
        kind: wait.resource.kind(),
        wake,
        sequence: next_sequence(),
    });
    wake
}

#[cfg(loom)]
fn during<Q>(_: &Wait<'_>, _: Option<&Arc<Waiter>>, meanwhile: impl FnOnce() -> Q) -> Q {
    meanwhile()
}

/// The object that a thread sleeps on: its waiter's word, or words in shared memory.
pub(crate) trait Sleeps: Sync {
    /// Returns whether the thread need not sleep any longer.
    fn is_notified(&self) -> bool;

    /// Returns whether the wait began in this process, or goes on in a forked one.
    fn is_of_this_process(&self) -> bool;

    /// Returns the thread that notified, if it is known.
    fn notifier(&self) -> Option<ThreadIdent>;

    /// Sleeps once in the kernel.
    fn sleep(&self, until: Deadline) -> Slept;

    /// Returns whether it may pay to wait awake first, because the thread can check for the event without calling
    /// the kernel.
    fn may_spin(&self) -> bool {
        true
    }
}

pub(crate) fn until_notified(sleeper: &impl Sleeps, context: &mut WaitContext<'_>) -> Wake {
    let deadline = context.deadline();
    let listens = context.hears_signals();
    let mut first = true;
    loop {
        if !sleeper.is_of_this_process() {
            // A signal handler forked, and this is the child, in which the queue is empty. The caller checks again.
            return Wake::Notified;
        }
        if first && is_over(deadline) {
            return match sleeper.is_notified() {
                true => Wake::Notified,
                false => Wake::TimedOut,
            };
        }
        let stop = context.sleep(&mut || match std::mem::take(&mut first) {
            true => first_sleep(sleeper, deadline, listens),
            false => sleeper.sleep(deadline),
        });
        if sleeper.is_notified() && !stop {
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

/// The first sleep of a wait: waits awake for a while if that pays, then sleeps in the kernel.
fn first_sleep(sleeper: &impl Sleeps, deadline: Deadline, listens: bool) -> Slept {
    if sleeper.may_spin() && spin::until(deadline, || sleeper.is_notified()) {
        return Slept::Notified(sleeper.notifier());
    }
    sleeper.sleep(match listens {
        true => deadline.or_sooner(FIRST_LISTEN_NANOS),
        false => deadline,
    })
}

/// Returns whether a wait has no time at all. Then its host need not detach, and the kernel need not be called.
///
/// A model's deadline may pass at any moment of a sleep, so a model always goes to sleep.
fn is_over(deadline: Deadline) -> bool {
    cfg!(not(loom)) && deadline.has_passed()
}

impl Sleeps for Waiter {
    fn is_notified(&self) -> bool {
        Waiter::is_notified(self)
    }

    fn is_of_this_process(&self) -> bool {
        Waiter::is_of_this_process(self)
    }

    fn notifier(&self) -> Option<ThreadIdent> {
        Waiter::notifier(self)
    }

    fn sleep(&self, until: Deadline) -> Slept {
        if !self.fall_asleep() {
            return Slept::Notified(self.notifier());
        }
        loop {
            let returned = sleep_in_kernel(self, until);
            if Waiter::is_notified(self) {
                return Slept::Notified(self.notifier());
            }
            let slept = match returned {
                Returned::Woken => continue,
                Returned::TimedOut => Slept::TimedOut,
                Returned::Interrupted => Slept::Interrupted,
            };
            if self.enter_handler() {
                return slept;
            }
        }
    }
}

#[cfg(not(loom))]
fn sleep_in_kernel(waiter: &Waiter, until: Deadline) -> Returned {
    sleep::sleep(waiter.word(), Waiter::ASLEEP, until)
}

/// The kernel of a model. It has no clock: a wait with a deadline may time out at any moment, and does so at once.
#[cfg(loom)]
fn sleep_in_kernel(waiter: &Waiter, until: Deadline) -> Returned {
    if until.nanos().is_some() {
        return Returned::TimedOut;
    }
    waiter.sleep_in_bed();
    Returned::Woken
}
