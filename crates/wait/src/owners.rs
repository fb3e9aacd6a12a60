//! Which threads can end a wait.

use crate::thread_ident::ThreadIdent;

/// The state of a resource that knows which threads can end a wait for it.
pub trait Owned: Send {
    /// These threads, all of which live. Called under the lock of the state, so it must only look.
    fn owners(&self) -> Vec<ThreadIdent>;
}

/// An [`Owned`] state under its lock: the part of a [`Resource`](crate::Resource) that other threads ask while a thread
/// waits for it.
pub trait Owners: Sync {
    /// The threads that can end a wait, at this moment. None on a thread that may not take the lock (see
    /// [`RawLock::covers_this_thread`](crate::RawLock::covers_this_thread)).
    fn ask(&self) -> Vec<ThreadIdent>;
}
