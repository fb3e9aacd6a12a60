//! How sleeps and waits end.

use crate::thread_ident::ThreadIdent;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// A notifier took the waiter out of its queue.
    Notified,
    /// The deadline passed. The waiter may still stand in its queue.
    TimedOut,
    /// The host of the thread (an interpreter) asked to stop, or an observer refused the wait. The waiter may still stand in its queue.
    Interrupted,
}

/// How one sleep ended, of which a wait may take several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slept {
    /// A notification came, from this thread if it is known.
    Notified(Option<ThreadIdent>),
    /// The time that was set for this sleep is over.
    TimedOut,
    /// A signal handler ran on this thread.
    Interrupted,
}
