//! The threads that can end a wait.

use crate::thread_ident::ThreadIdent;

/// The state of a resource that can tell which threads can end a wait for it.
pub trait Owned: Send {
    /// Returns these threads, all of which are alive. Called under the lock of the state, so it must only read.
    fn owners(&self) -> Vec<ThreadIdent>;
}
