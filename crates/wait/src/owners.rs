//! Which threads can end a wait.

use crate::thread_ident::ThreadIdent;

/// The state of a resource that knows which threads can end a wait for it.
pub trait Owned: Send {
    /// These threads, all of which live. Called under the lock of the state, so it must only look.
    fn owners(&self) -> Vec<ThreadIdent>;
}
