//! How long a wait may last, and what may end it early.

use std::fmt;

use crate::deadline::Deadline;
use crate::observer::refuse;
use crate::resource::Resource;
use crate::spin;
use crate::wake::Slept;

/// With less time left than this, an operation does not look again before it waits: yielding the processor may take
/// that long.
const LEAST_NANOS: u32 = 10_000_000;

/// The host of the calling thread, such as an interpreter that other threads need while this one sleeps.
///
/// Engine code runs while the thread is attached to its host; only the sleep itself happens detached.
pub trait Host {
    /// Detaches the thread, runs `sleep`, and attaches it again. Returns whether the wait must end, because a
    /// signal handler has asked for that.
    ///
    /// Called under no internal lock, so signal handlers may use the very object that the thread waits for. Run
    /// them only after a `sleep` that returned without a notification: a notified thread may already own the lock
    /// that it waits for.
    fn sleep(&mut self, sleep: &mut (dyn FnMut() -> Slept + Send)) -> bool;

    /// Returns whether signals are handled on this thread, so that it must not sleep through one.
    fn hears_signals(&self) -> bool;

    /// Returns whether a signal handler has asked for the end of the operation, in any of its sleeps.
    ///
    /// Always false for a host that ends no waits.
    fn has_stopped(&self) -> bool {
        false
    }

    /// Called when an observer has refused a wait of the operation, which ends now.
    ///
    /// A host that remembers this for each operation can tell it apart from refusals in operations of signal
    /// handlers that run meanwhile. Otherwise use [`take_refusal`](crate::take_refusal).
    fn refused(&mut self) {
        refuse();
    }
}

/// How long the caller of one operation is willing to wait, and the host of its thread.
///
/// One value serves one operation, through all its sleeps.
pub struct WaitContext<'a> {
    deadline: Deadline,
    host: Option<&'a mut dyn Host>,
    persistence: Persistence,
    /// The resource that is reported to an observer, in place of the one that the operation waits for.
    resource: Option<&'a dyn Resource>,
}

/// What may end the waits of an operation besides a notification and the deadline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Persistence {
    /// The host, and an observer that refuses the wait.
    Yields,
    /// Nothing.
    Insists,
    /// Nothing, and no observer hears of the waits.
    Unwinds,
}

impl WaitContext<'static> {
    /// Makes a context for a thread without a host. Its wait ends when it is notified, or at `deadline`; signals do
    /// not end it.
    pub fn until(deadline: Deadline) -> Self {
        WaitContext {
            deadline,
            host: None,
            persistence: Persistence::Yields,
            resource: None,
        }
    }

    /// Makes a context for a thread without a host. Only a notification, or an observer that refuses it, ends its
    /// wait.
    pub fn endless() -> Self {
        Self::until(Deadline::NEVER)
    }

    /// Makes a context for a thread without a host. Only a notification ends its wait: for an operation that cannot
    /// fail.
    pub fn uninterruptible() -> Self {
        WaitContext {
            persistence: Persistence::Insists,
            ..Self::endless()
        }
    }

    /// Makes a context for a thread without a host. Only a notification or `deadline` ends its wait: for the
    /// engine's own threads, which have nothing else to do.
    pub fn within(deadline: Deadline) -> Self {
        WaitContext {
            persistence: Persistence::Insists,
            ..Self::until(deadline)
        }
    }

    /// Makes a context for a thread that takes back what its callers' guards are going to release, while the panic
    /// of a host unwinds. Only a notification ends its wait, and neither the host nor the observer is called again.
    pub fn unwinding() -> Self {
        WaitContext {
            persistence: Persistence::Unwinds,
            ..Self::uninterruptible()
        }
    }
}

impl<'a> WaitContext<'a> {
    /// Makes a context for a thread with a host. Its wait ends when it is notified, at `deadline`, or when `host`
    /// ends it.
    pub fn hosted(deadline: Deadline, host: &'a mut dyn Host) -> Self {
        WaitContext {
            deadline,
            host: Some(host),
            persistence: Persistence::Yields,
            resource: None,
        }
    }

    /// Returns the deadline of the operation.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Makes a context for a step of the operation that ends at `deadline` at the latest. Never blocks.
    pub fn bounded(&mut self, deadline: Deadline) -> WaitContext<'_> {
        WaitContext {
            deadline: self.deadline.min(deadline),
            persistence: self.persistence,
            resource: self.resource,
            host: self.reborrow(),
        }
    }

    /// Makes a context for a step of the operation that has no deadline, but that the host may end.
    pub fn endlessly(&mut self) -> WaitContext<'_> {
        WaitContext {
            deadline: Deadline::NEVER,
            persistence: self.persistence,
            resource: self.resource,
            host: self.reborrow(),
        }
    }

    /// Makes a context for a step that must not be left half done, such as taking back the lock of a condition. It
    /// has no deadline, and the host can't end its wait. Signals are still heard.
    pub fn insisting(&mut self) -> WaitContext<'_> {
        WaitContext {
            deadline: Deadline::NEVER,
            persistence: self.persistence.max(Persistence::Insists),
            resource: None, // the resource that is taken back is another one
            host: self.reborrow(),
        }
    }

    /// Makes a context for a step whose wait is reported to an observer as one for `resource`: for instance, a wait
    /// for messages from several objects, as one for these objects.
    pub fn named<'b>(&'b mut self, resource: &'b dyn Resource) -> WaitContext<'b> {
        WaitContext {
            deadline: self.deadline,
            persistence: self.persistence,
            resource: Some(resource),
            host: self.reborrow(),
        }
    }

    /// The resource that is reported to an observer, in place of the one that the operation waits for.
    pub(crate) fn resource(&self) -> Option<&'a dyn Resource> {
        self.resource
    }

    fn reborrow(&mut self) -> Option<&mut dyn Host> {
        self.host.as_mut().map(|host| &mut **host as &mut dyn Host)
    }

    /// Returns whether the host has asked for the end of the operation, even if it did so in a step that could not
    /// be ended.
    ///
    /// An operation checks this after such a step, so that it does nothing that its caller would not learn of.
    pub fn is_stopped(&self) -> bool {
        self.host.as_ref().is_some_and(|host| host.has_stopped())
    }

    /// Returns whether nothing but a notification ends the step.
    pub(crate) fn insists(&self) -> bool {
        self.persistence != Persistence::Yields
    }

    /// Returns whether no observer hears of the waits.
    pub(crate) fn is_unwinding(&self) -> bool {
        self.persistence == Persistence::Unwinds
    }

    /// Records that an observer has refused a wait of the operation.
    pub(crate) fn refuse(&mut self) {
        match &mut self.host {
            Some(host) => host.refused(),
            None => refuse(),
        }
    }

    /// Returns whether the thread has to handle signals.
    pub(crate) fn hears_signals(&self) -> bool {
        self.host.as_ref().is_some_and(|host| host.hears_signals())
    }

    /// Lets a moment pass, for an operation that looks again before it lines up. Returns `false` at once if that
    /// does not pay: after some rounds (the caller counts them, from 0), if little time is left, on a single
    /// processor, and for a thread with a host, because other threads may need the host.
    pub fn pause(&self, round: u32) -> bool {
        self.host.is_none() && self.deadline.is_later_than(LEAST_NANOS) && spin::pause(round)
    }

    /// Runs one sleep, within the host if there is one. Returns whether the wait must end.
    pub(crate) fn sleep(&mut self, sleep: &mut (dyn FnMut() -> Slept + Send)) -> bool {
        match &mut self.host {
            Some(host) => host.sleep(sleep) && self.persistence == Persistence::Yields,
            None => {
                sleep();
                false
            }
        }
    }
}

impl fmt::Debug for WaitContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitContext")
            .field("remaining", &self.deadline().remaining())
            .finish_non_exhaustive()
    }
}
