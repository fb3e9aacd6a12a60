//! Ends calls early: before a worker has taken them, or while a worker runs them.

use std::collections::VecDeque;
use std::sync::Arc;

use interlock_wait::primitive::global::Ordering;

use super::call::Call;
use super::deaths::end_running;
use super::dispatch::hand;
use super::duty::Duty;
use super::pool::ProcessPool;
use super::state::State;
use super::worker::{Why, Worker};

impl<H: Send + 'static> ProcessPool<H> {
    /// Cancels a call that no worker has taken. Returns whether it is cancelled now. Never blocks. In the child of a fork, this is
    /// about the child's copy of the call, as it was at the fork: the parent runs the call all the same.
    pub fn cancel(&self, call: &Arc<Call<H>>) -> bool {
        if self.is_of_parent() {
            return self.cancel_copy(call);
        }
        let is_cancelled = self.inner.change(0, |state, finished| {
            self.inner.drain(state, finished);
            // Relaxed: it changes under the lock.
            let was_handed = call.is_handed.load(Ordering::Relaxed);
            let is_free = !was_handed || take_back(state, call);
            let is_cancelled = is_free && call.outcome.cancel().is_ok();
            if is_cancelled {
                match was_handed {
                    true => drop(self.inner.core.running()),
                    false => drop(self.inner.core.take_back(|other| Arc::ptr_eq(other, call))),
                }
                let _ = call.outcome.begin(); // notifies its watches
            }
            self.inner.hand_out(state, finished);
            is_cancelled
        });
        if is_cancelled {
            self.inner.tell_leader(call.number);
        }
        // Relaxed: as in `Finished::tell`.
        if is_cancelled && call.is_awaited.load(Ordering::Relaxed) {
            self.inner.lock().forget_awaited(call);
        }
        is_cancelled
    }

    /// Cancels a call, even while it runs: then kills the process of its worker, and another worker takes that
    /// worker's place. No other call is lost. Returns whether the call is cancelled now: `false` if it has ended.
    /// If the worker answers at this moment, its answer is dropped. Never blocks. In the child of a fork, does what
    /// [`cancel`](Self::cancel) does.
    pub fn cancel_running(&self, call: &Arc<Call<H>>) -> bool {
        if self.is_of_parent() {
            return self.cancel_copy(call);
        }
        loop {
            if self.cancel(call) {
                return true;
            }
            let (is_here, is_cancelled) = self.inner.change(0, |state, finished| {
                let (mut is_here, mut is_cancelled) = (false, false);
                self.inner.drain(state, finished);
                if !finished.has(call) && !call.outcome.phase().is_done() {
                    is_here = state.has(call);
                    is_cancelled = end_call(state, call) && call.outcome.cancel().is_ok();
                }
                if is_cancelled {
                    let _ = call.outcome.begin(); // notifies its watches
                    state.forget_awaited(call);
                }
                self.inner.hand_out(state, finished);
                (is_here, is_cancelled)
            });
            self.inner.tell_leader(call.number);
            self.inner.call_supervisor();
            // Meanwhile it may have come back from a worker that died, or may be about to run.
            if is_cancelled || !is_here {
                return is_cancelled;
            }
        }
    }

    /// Ends a running call by killing the process that runs it. A new worker takes that worker's place, and no
    /// other call is lost. Returns whether the call ends: its answer will be
    /// [`Answer::Stopped`](super::Answer::Stopped), unless the worker answers at this moment. Never blocks. In
    /// the child of a fork, returns `false`.
    pub fn stop(&self, call: &Arc<Call<H>>) -> bool {
        if self.is_of_parent() {
            return false;
        }
        let found = self.inner.change(0, |state, finished| {
            self.inner.drain(state, finished);
            let found = match take_back(state, call) {
                // No worker has taken the call: it ends here.
                true => {
                    finished.push(call.clone(), super::answer::Answer::Stopped);
                    true
                }
                false => end_call(state, call),
            };
            self.inner.hand_out(state, finished);
            found
        });
        self.inner.call_supervisor();
        found
    }

    /// Cancels the waiting calls, and returns them in their order. The host hears of them as of other ends, by
    /// [`Duty::Attend`]. The next call of a worker counts as begun, even if the worker is still starting. Never blocks.
    /// In the child of a fork, does nothing.
    pub fn cancel_waiting(&self) -> Vec<Arc<Call<H>>> {
        if self.is_of_parent() {
            return Vec::new();
        }
        let cancelled = self.inner.change(0, |state, finished| {
            let mut cancelled = Vec::new();
            let is_abandoned = state.is_abandoned;
            for worker in state.workers.iter_mut().flatten() {
                match is_abandoned {
                    true => cancelled.extend(worker.take_back()),
                    false => cancelled.extend(take_back_later(worker)),
                }
            }
            cancelled.extend(state.returned.drain(..));
            let taken_back = cancelled.len() as u64;
            cancelled.extend(self.inner.core.drain());
            self.inner.core.drop_drained(cancelled.len() as u64 - taken_back);
            for _ in 0..taken_back {
                drop(self.inner.core.running());
            }
            cancelled.retain(|call| call.outcome.cancel().is_ok());
            let attended = cancelled.iter().filter(|call| call.has_host());
            attended.for_each(|call| finished.duty(Duty::Attend(Arc::clone(call))));
            cancelled
        });
        for call in &cancelled {
            let _ = call.outcome.begin(); // notifies its watches
            self.inner.tell_leader(call.number);
            // Relaxed: as in `Finished::tell`.
            if call.is_awaited.load(Ordering::Relaxed) {
                self.inner.lock().forget_awaited(call);
            }
        }
        cancelled
    }

    /// In the child of a fork, cancels the child's copy of a call, unless a worker was running it.
    fn cancel_copy(&self, call: &Arc<Call<H>>) -> bool {
        let is_cancelled = !self.is_running(call) && call.outcome.cancel().is_ok();
        if is_cancelled {
            let _ = call.outcome.begin(); // notifies its watches
        }
        is_cancelled
    }
}

/// Takes `call` back from its worker's queue, or out of the calls that were taken back before, unless the worker
/// has taken it. The calls that come back with it go to any worker.
fn take_back<H>(state: &mut State<H>, call: &Arc<Call<H>>) -> bool {
    let State {
        workers, returned, ..
    } = state;
    let has_it = |worker: &&mut Worker<H>| worker.handed.iter().any(|it| Arc::ptr_eq(it, call));
    if let Some(worker) = workers.iter_mut().flatten().find(has_it) {
        returned.extend(worker.take_back());
    }
    match returned.iter().position(|it| Arc::ptr_eq(it, call)) {
        Some(at) => returned.remove(at).is_some(),
        None => false,
    }
}

/// Takes back the calls of a worker behind the one that it runs, or will run next.
fn take_back_later<H>(worker: &mut Worker<H>) -> VecDeque<Arc<Call<H>>> {
    if worker.handed.len() <= 1 {
        return VecDeque::new();
    }
    let mut back = worker.take_back();
    if worker.is_open()
        && !worker.is_running()
        && let Some(first) = back.pop_front()
        && let Err((first, _)) = hand(worker, first)
    {
        back.push_front(first);
    }
    back
}

/// Kills the worker that is running `call`. Returns whether there is one.
fn end_call<H>(state: &mut State<H>, call: &Arc<Call<H>>) -> bool {
    let State {
        workers, returned, ..
    } = state;
    let runs = |worker: &&mut Worker<H>| worker.running().is_some_and(|it| Arc::ptr_eq(it, call));
    match workers.iter_mut().flatten().find(runs) {
        Some(worker) if worker.ended_for.is_none() => {
            end_running(worker, returned, Why::Stopped);
            worker.ended_for.is_some()
        }
        found => found.is_some(),
    }
}

impl<H> State<H> {
    /// Returns whether `call` was handed to a worker, or came back from one.
    fn has(&self, call: &Arc<Call<H>>) -> bool {
        let handed = self.present().flat_map(|worker| &worker.handed);
        handed.chain(&self.returned).any(|it| Arc::ptr_eq(it, call))
    }
}
