//! Calls that have ended: their waiters are told when the pool's lock is released.

use std::sync::Arc;

use interlock_wait::primitive::global::Ordering;

use super::answer::Answer;
use super::call::Call;
use super::duty::Duty;
use super::inner::Inner;

/// What is left to do when the pool's lock is released.
pub(super) struct Finished<H> {
    calls: Vec<(Arc<Call<H>>, Answer)>,
    duties: Vec<Duty<H>>,
    /// Calls that were cancelled before they began.
    dropped: u64,
    /// What is dropped when no lock is held.
    pub(super) garbage: Vec<Arc<Call<H>>>,
}

impl<H> Finished<H> {
    pub(super) fn new() -> Self {
        Finished {
            calls: Vec::new(),
            duties: Vec::new(),
            dropped: 0,
            garbage: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, call: Arc<Call<H>>, answer: Answer) {
        self.calls.push((call, answer));
    }

    /// Whether `call` is about to end.
    pub(super) fn has(&self, call: &Arc<Call<H>>) -> bool {
        self.calls.iter().any(|(other, _)| Arc::ptr_eq(other, call))
    }

    pub(super) fn duty(&mut self, duty: Duty<H>) {
        self.duties.push(duty);
    }

    /// A call was cancelled before it began.
    pub(super) fn drop_one(&mut self, call: Arc<Call<H>>) {
        self.dropped += 1;
        self.garbage.push(call);
    }
}

impl<H: Send> Finished<H> {
    /// Tells everybody. The caller holds no lock, and waits itself for the call `own`, if any.
    pub(super) fn tell(self, pool: &Inner<H>, own: u64) {
        for (call, answer) in self.calls {
            let failed = !matches!(&answer, Answer::Given(given) if !given.failed);
            if matches!(answer, Answer::Given(_)) {
                drop(call.take_payload());
            }
            // It may have been ended by somebody else meanwhile; then this answer is dropped.
            let ended = call.outcome.finish(answer).is_ok();
            match failed {
                true => pool.core.running().fail(),
                false => pool.core.running().succeed(),
            }
            if call.number != own {
                pool.tell_leader(call.number);
            }
            // Relaxed: the lock of the outcome orders it. A thread that sets it afterwards finds that the call has ended.
            if call.is_awaited.load(Ordering::Relaxed) {
                pool.state.lock().forget_awaited(&call);
            }
            if ended && call.has_host() {
                pool.put_duty(Duty::Attend(call));
            }
        }
        for _ in 0..self.dropped {
            drop(pool.core.running());
        }
        for duty in self.duties {
            pool.put_duty(duty);
        }
    }
}
