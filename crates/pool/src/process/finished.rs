//! Calls that have ended. Their waiters are notified when the pool's lock is released.

use std::sync::Arc;

use super::answer::Answer;
use super::call::Call;
use super::duty::Duty;
use super::state::State;

/// The work that is left to do when the pool's lock is released.
pub(super) struct Finished<H> {
    pub(super) calls: Vec<(Arc<Call<H>>, Answer)>,
    pub(super) duties: Vec<Duty<H>>,
    /// Calls that were cancelled before they began.
    pub(super) dropped: u64,
    /// Calls to drop when no lock is held.
    pub(super) garbage: Vec<Arc<Call<H>>>,
    /// Its turn among the changes that have something to report to the host, counted from 0. `None` if it has
    /// nothing to report.
    pub(super) turn: Option<u64>,
}

impl<H> Finished<H> {
    pub(super) fn new() -> Self {
        Finished {
            calls: Vec::new(),
            duties: Vec::new(),
            dropped: 0,
            garbage: Vec::new(),
            turn: None,
        }
    }

    /// Takes its turn if a host may be told something.
    pub(super) fn take_turn(&mut self, state: &mut State<H>) {
        self.turn = self.has_news().then(|| state.next_turn());
    }

    /// Returns whether there may be something to report to the host.
    pub(super) fn has_news(&self) -> bool {
        !self.calls.is_empty() || !self.duties.is_empty()
    }

    pub(super) fn push(&mut self, call: Arc<Call<H>>, answer: Answer) {
        self.calls.push((call, answer));
    }

    /// Returns whether `call` is about to end.
    pub(super) fn has(&self, call: &Arc<Call<H>>) -> bool {
        self.calls.iter().any(|(other, _)| Arc::ptr_eq(other, call))
    }

    pub(super) fn duty(&mut self, duty: Duty<H>) {
        self.duties.push(duty);
    }

    /// Called when a call was cancelled before it began.
    pub(super) fn drop_one(&mut self, call: Arc<Call<H>>) {
        self.dropped += 1;
        self.garbage.push(call);
    }
}
