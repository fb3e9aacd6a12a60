//! How long a wait may last, and what may end it early.

use std::fmt;

use crate::deadline::Deadline;
use crate::observer::refuse;
use crate::resource::Resource;
use crate::spin;
use crate::wake::Slept;

/// With less time than this an operation does not look again before it waits: giving way may take that long.
const LEAST_NANOS: u32 = 10_000_000;

/// What hosts the calling thread, such as an interpreter that other threads need while this one sleeps.
///
/// Engine code runs while the thread is attached to its host; only the sleep itself happens detached.
pub trait Host {
    /// Detaches, runs `sleep`, attaches again. Whether the wait must end: a signal handler asked for that.
    ///
    /// Called under no internal lock, so that what the handlers of signals do may use the very object that is waited on.
    /// Run them only after a `sleep` that came back without a notification: a notified thread may own the lock already
    /// that it waits for.
    fn sleep(&mut self, sleep: &mut (dyn FnMut() -> Slept + Send)) -> bool;

    /// Returns whether signals are handled on this thread, so that it must not sleep through one.
    fn hears_signals(&self) -> bool;

    /// Returns whether a signal handler has asked for the end of the operation, in whichever of its sleeps.
    ///
    /// For a host that ends no waits, never.
    fn has_stopped(&self) -> bool {
        false
    }

    /// An observer has refused a wait of the operation, which ends now.
    ///
    /// A host that remembers this for each operation tells it from the refusals of those that signal handlers begin meanwhile.
    /// Without that, [`take_refusal`](crate::take_refusal) tells of it.
    fn refused(&mut self) {
        refuse();
    }
}

/// How long the caller of one operation is willing to wait, and what hosts it meanwhile.
///
/// One value serves one operation, through however many sleeps that takes.
pub struct WaitContext<'a> {
    deadline: Deadline,
    host: Option<&'a mut dyn Host>,
    persistence: Persistence,
    /// What an observer hears of, in place of the resource that the operation waits for.
    resource: Option<&'a dyn Resource>,
}

/// What may end the waits of an operation beside a notification and the deadline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Persistence {
    /// The host, and an observer that refuses them.
    Yields,
    /// Nothing.
    Insists,
    /// Nothing, and no observer hears of them.
    Unwinds,
}

impl WaitContext<'static> {
    /// A thread without a host, which waits until notified or until `deadline`; signals do not end the wait.
    pub fn until(deadline: Deadline) -> Self {
        WaitContext {
            deadline,
            host: None,
            persistence: Persistence::Yields,
            resource: None,
        }
    }

    /// A thread without a host, which waits until notified, however long that takes, or until an observer refuses the
    /// wait.
    pub fn endless() -> Self {
        Self::until(Deadline::NEVER)
    }

    /// A thread without a host, whose wait nothing but a notification ends: for an operation that cannot fail.
    pub fn uninterruptible() -> Self {
        WaitContext {
            persistence: Persistence::Insists,
            ..Self::endless()
        }
    }

    /// A thread without a host, whose wait nothing but a notification or `deadline` ends: for the engine's own threads, which
    /// have nothing else to do.
    pub fn within(deadline: Deadline) -> Self {
        WaitContext {
            persistence: Persistence::Insists,
            ..Self::until(deadline)
        }
    }

    /// A thread that takes back what its callers' guards are going to release, while the panic of a host or an observer unwinds.
    /// Nothing but a notification ends its wait, and nobody is asked: neither of them is called again.
    pub fn unwinding() -> Self {
        WaitContext {
            persistence: Persistence::Unwinds,
            ..Self::uninterruptible()
        }
    }
}

impl<'a> WaitContext<'a> {
    /// A thread that waits until notified, until `deadline`, or until `host` ends the wait.
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

    /// The same thread, for a step of the operation that ends at `deadline` if not before. Never blocks.
    pub fn bounded(&mut self, deadline: Deadline) -> WaitContext<'_> {
        WaitContext {
            deadline: self.deadline.min(deadline),
            persistence: self.persistence,
            resource: self.resource,
            host: self.reborrow(),
        }
    }

    /// The same thread, for a step of the operation that may take as long as it takes, but that the host may end.
    pub fn endlessly(&mut self) -> WaitContext<'_> {
        WaitContext {
            deadline: Deadline::NEVER,
            persistence: self.persistence,
            resource: self.resource,
            host: self.reborrow(),
        }
    }

    /// The same thread, for a step that must not be left half done, such as taking back the lock of a condition: no
    /// deadline, and the host can't end the wait. Signals are still heard.
    pub fn insisting(&mut self) -> WaitContext<'_> {
        WaitContext {
            deadline: Deadline::NEVER,
            persistence: self.persistence.max(Persistence::Insists),
            resource: None, // what is taken back is another thing
            host: self.reborrow(),
        }
    }

    /// The same thread, for a step whose wait an observer hears of as one for `resource`: a wait for messages from several
    /// things, for instance, as one for these.
    pub fn named<'b>(&'b mut self, resource: &'b dyn Resource) -> WaitContext<'b> {
        WaitContext {
            deadline: self.deadline,
            persistence: self.persistence,
            resource: Some(resource),
            host: self.reborrow(),
        }
    }

    /// What an observer hears of, in place of the resource that the operation waits for.
    pub(crate) fn resource(&self) -> Option<&'a dyn Resource> {
        self.resource
    }

    fn reborrow(&mut self) -> Option<&mut dyn Host> {
        self.host.as_mut().map(|host| &mut **host as &mut dyn Host)
    }

    /// Returns whether the host has asked for the end of the operation, if only in a step that could not be
    /// ended.
    ///
    /// An operation that comes to such a step looks afterwards, so that it does nothing that its caller would not hear of.
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

    /// Returns whether the thread has to look after signals.
    pub(crate) fn hears_signals(&self) -> bool {
        self.host.as_ref().is_some_and(|host| host.hears_signals())
    }

    /// Lets a moment pass, for an operation that looks again before it lines up. Returns `false` at once if that does not pay:
    /// after some rounds (the caller counts them, from 0), if little time is left, on a single processor, and for a thread
    /// with a host, which others may need.
    pub fn pause(&self, round: u32) -> bool {
        self.host.is_none() && self.deadline.is_later_than(LEAST_NANOS) && spin::pause(round)
    }

    /// Runs one sleep where the host wants it; whether the wait must end.
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
