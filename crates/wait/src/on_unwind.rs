//! Undoes something if a panic unwinds.

use std::fmt;

/// Calls a function if it is dropped before it was defused, that is, when a panic unwinds.
pub struct OnUnwind<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnUnwind<F> {
    /// Makes a guard that calls `undo` if a panic comes before [`OnUnwind::defuse`].
    #[inline]
    pub fn new(undo: F) -> Self {
        OnUnwind(Some(undo))
    }

    /// Called when there is nothing to undo any more.
    #[inline]
    pub fn defuse(mut self) {
        self.0 = None;
    }
}

impl<F: FnOnce()> Drop for OnUnwind<F> {
    #[inline]
    fn drop(&mut self) {
        if let Some(undo) = self.0.take() {
            undo();
        }
    }
}

impl<F: FnOnce()> fmt::Debug for OnUnwind<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnUnwind").finish_non_exhaustive()
    }
}
