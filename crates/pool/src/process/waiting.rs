//! Waits for the answer of a call. The waiting thread takes answers itself (it leads), unless another thread does.

use std::sync::Arc;

use interlock_wait::{OnUnwind, WaitContext};

use super::call::Call;
use super::inner::Inner;
use crate::outcome::Waited;

/// The part of a waiting thread.
enum Part {
    /// It takes answers, for all waiting threads.
    Leads,
    /// Another thread does that.
    Follows,
    /// The answer is there.
    None,
}

impl<H: Send> Inner<H> {
    /// Blocks until `call` has ended, or until `context` ends the wait.
    pub(super) fn wait(&self, call: &Arc<Call<H>>, context: &mut WaitContext<'_>) -> Waited {
        match self.begin_waiting(call) {
            Part::None => Waited::Done,
            // It stops waiting also if its wait unwinds.
            Part::Leads => {
                let _stops = OnUnwind::new(|| {
                    self.stop_waiting(|state| {
                        state.is_led = false;
                        self.set_leader(0);
                    });
                });
                self.lead(call, context)
            }
            Part::Follows => {
                let _stops = OnUnwind::new(|| self.stop_waiting(|state| state.followers -= 1));
                call.outcome.wait_with(context)
            }
        }
    }

    fn begin_waiting(&self, call: &Arc<Call<H>>) -> Part {
        self.change(0, |state, finished| {
            self.drain(state, finished);
            self.hand_out(state, finished);
            if finished.has(call) || call.outcome.phase().is_done() {
                Part::None
            } else if !state.is_led && !state.is_finished {
                state.is_led = true;
                self.set_leader(call.number);
                Part::Leads
            } else {
                state.followers += 1;
                Part::Follows
            }
        })
    }

    fn stop_waiting(&self, change: impl FnOnce(&mut super::state::State<H>)) {
        let mut state = self.lock();
        change(&mut state);
        self.rouse(&state);
    }

    /// Takes answers until the answer of `call` has come.
    fn lead(&self, call: &Arc<Call<H>>, context: &mut WaitContext<'_>) -> Waited {
        loop {
            let seen = self.leader.calls();
            self.feed_as(call.number);
            if call.outcome.phase().is_done() {
                return Waited::Done;
            }
            if self
                .answers
                .wait_for_message_or(&self.leader, seen, context)
                .is_err()
            {
                self.feed_as(call.number);
                return match call.outcome.phase().is_done() {
                    true => Waited::Done,
                    false if context.deadline().has_passed() => Waited::TimedOut,
                    false => Waited::Interrupted,
                };
            }
        }
    }
}
