//! The consequences of a worker's death: its call is lost or runs again, and the host is asked for another worker.

use std::sync::Arc;

use interlock_os::clock::monotonic_nanos;
use interlock_os::process::{self, Ended, Process};
use interlock_wait::primitive::global::Ordering;

use super::answer::{Answer, WorkerDeath};
use super::call::Call;
use super::duty::Duty;
use super::finished::Finished;
use super::inner::Inner;
use super::state::{OnWorkerDeath, State};
use super::worker::{Why, Worker};
use crate::outcome::Phase;

/// The pool gives up when this many workers more than twice its limit have died in a row, none of them ready.
const UNREADY_DEATHS: usize = 16;

impl<H: Send> Inner<H> {
    /// Buries the dead workers. The caller holds the lock. A dead process has been swept by now, so its queue tells
    /// exactly which calls it has taken, and gives back the rest.
    pub(super) fn bury_dead(&self, state: &mut State<H>, finished: &mut Finished<H>) {
        for place in 0..state.workers.len() {
            let is_dead =
                |worker: &Worker<H>| !worker.name.is_none() && self.arena.is_cleared_away(worker.name);
            if state.workers[place].as_ref().is_some_and(is_dead) {
                // All its answers are there now, and no more will come.
                self.drain(state, finished);
                if let Some(worker) = state.workers[place].take() {
                    self.bury(state, finished, worker);
                }
            }
        }
    }

    fn bury(&self, state: &mut State<H>, finished: &mut Finished<H>, mut worker: Worker<H>) {
        let was_running = worker.is_running();
        let running = match was_running {
            true => worker.handed.pop_front(),
            false => None,
        };
        self.core.leave(worker.token);
        finished.duty(Duty::Ended {
            seat: worker.seat,
            pid: worker.pid,
        });
        let death = Arc::new(self.death_of(&worker, was_running));
        // Taken out of its queue, because large payloads lie there.
        for call in worker.take_back().into_iter().rev() {
            match state.is_abandoned {
                true => self.lose(state, finished, call, &death),
                false => state.returned.push_front(call),
            }
        }
        // A call that is neither in the queue nor running can't exist. If it does, end it, so that no thread waits
        // for it for ever.
        for call in worker.handed.drain(..) {
            finished.push(call, Answer::WorkerDied(death.clone()));
        }
        if !worker.is_ready {
            state.unready_deaths += 1;
        }
        let is_first = !worker.is_ready && !state.was_ever_ready && !state.is_abandoned;
        if is_first {
            state.first_deaths.push(death.clone());
        }
        let is_hopeless = worker.refusal.is_some()
            || (is_first && matches!(death.ended, Some(Ended::Exited(_))))
            || state.unready_deaths > UNREADY_DEATHS + 2 * self.core.limit();
        // The pool has killed it because of this call.
        let ended_for = (worker.ended_for)
            .filter(|&(_, number)| running.as_ref().is_some_and(|call| call.number == number));
        let has_lost = running.is_some() && ended_for.is_none();
        match (running, ended_for) {
            (Some(call), Some((Why::TimedOut, _))) => finished.push(call, Answer::TimedOut),
            (Some(call), Some((Why::Stopped, _))) => finished.push(call, Answer::Stopped),
            (Some(call), None) => self.lose(state, finished, call, &death),
            (None, _) => {}
        }
        let was_wanted = worker.is_closed || worker.left == Some(0) || worker.ended_for.is_some();
        let breaks = self.settings.on_worker_death == OnWorkerDeath::Break && (has_lost || !was_wanted);
        if is_hopeless || breaks {
            self.break_down(state, finished, &death);
        }
        self.ask_for_workers(state, finished);
    }

    /// Called when the process `pid` has exited by itself. If it was a worker, and no worker was ever ready, all
    /// other workers would exit for the same reason. So all calls fail.
    pub(super) fn exited(&self, state: &mut State<H>, finished: &mut Finished<H>, pid: u32) {
        let death = state.first_deaths.iter().find(|death| death.pid == pid).cloned();
        if let Some(death) = death {
            self.break_down(state, finished, &death);
        }
    }

    fn death_of(&self, worker: &Worker<H>, was_running: bool) -> WorkerDeath {
        let known = self.arena.death_of(worker.name);
        let (label, ended) = known.map_or((String::new(), None), |death| (death.label, death.ended));
        WorkerDeath {
            pid: worker.pid,
            name: worker.name,
            label,
            ended,
            was_ready: worker.is_ready,
            was_running,
            refusal: worker.refusal.clone(),
        }
    }

    /// Decides what happens to the call that a dead worker was running.
    fn lose(
        &self,
        state: &mut State<H>,
        finished: &mut Finished<H>,
        call: Arc<Call<H>>,
        death: &Arc<WorkerDeath>,
    ) {
        match self.settings.on_worker_death {
            OnWorkerDeath::Retry if !state.is_abandoned && call.may_run_again() => {
                state.returned.push_front(call);
            }
            OnWorkerDeath::Break => {
                finished.push(call, Answer::Broken(death.clone()));
            }
            _ => {
                finished.push(call, Answer::WorkerDied(death.clone()));
            }
        }
    }

    /// Lets all calls fail. The pool accepts no more.
    pub(super) fn break_down(
        &self,
        state: &mut State<H>,
        finished: &mut Finished<H>,
        death: &Arc<WorkerDeath>,
    ) {
        if state.broken.is_some() {
            return;
        }
        state.broken = Some(death.clone());
        self.core.shutdown();
        let mut lost: Vec<_> = state.returned.drain(..).collect();
        for worker in state.workers.iter_mut().flatten() {
            lost.extend(worker.handed.drain(..));
        }
        while let Ok(call) = self.core.try_take() {
            match call.outcome.phase() {
                Phase::Pending => lost.push(call),
                _ => {
                    let _ = call.outcome.begin();
                    finished.drop_one(call);
                }
            }
        }
        for call in lost {
            finished.push(call, Answer::Broken(death.clone()));
        }
        finished.duty(Duty::Broken(death.clone()));
    }

    /// Asks the host for a worker in place of one that is gone, if there is work for it.
    pub(super) fn ask_for_workers(&self, state: &mut State<H>, finished: &mut Finished<H>) {
        if state.broken.is_none() && !state.is_abandoned {
            for _ in 0..self.missing_workers(state) {
                state.asked_for += 1;
                finished.duty(Duty::Start);
            }
        }
    }

    /// Returns how many more workers are needed, besides those that exist or were asked for: one for each call that
    /// has no free worker, up to the limit. A pool that keeps its workers needs as many as the limit allows, as
    /// long as it accepts calls.
    pub(super) fn missing_workers(&self, state: &State<H>) -> usize {
        let missing = (self.core.limit()).saturating_sub(self.core.workers() + state.asked_for);
        if self.settings.keeps_workers && !self.core.is_shut_down() {
            return missing;
        }
        let idle = state
            .present()
            .filter(|it| it.is_open() && it.handed.is_empty())
            .count();
        let behind_others: usize = state.present().map(|it| it.handed.len().saturating_sub(1)).sum();
        let unfinished = self.core.waiting() + state.returned.len() + behind_others;
        missing.min(unfinished.saturating_sub(idle + state.asked_for))
    }

    /// Kills the workers whose calls have exceeded their time limits. Returns when the next limit ends, in the
    /// clock's nanoseconds.
    pub(super) fn end_late(&self, state: &mut State<H>) -> Option<u64> {
        let has_limit = |worker: &Worker<H>| worker.handed.iter().any(|call| call.limits.time.is_some());
        if !state.present().any(has_limit) {
            return None;
        }
        let now = monotonic_nanos();
        let State {
            workers, returned, ..
        } = state;
        let mut next: Option<u64> = None;
        for worker in workers
            .iter_mut()
            .flatten()
            .filter(|worker| worker.ended_for.is_none())
        {
            let Some(limit) = worker.handed.front().and_then(|call| call.limits.time) else {
                continue;
            };
            let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
            if !worker.is_running() {
                worker.since = now;
            }
            let mut due = worker.since.saturating_add(limit);
            if due <= now {
                end_running(worker, returned, Why::TimedOut);
                due = now + LOOK_AGAIN;
            }
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        next
    }
}

/// When to look again after a call exceeded its limit: its worker is about to die, or had just answered.
const LOOK_AGAIN: u64 = 1_000_000;

/// Kills the process of a worker that runs a call. The calls behind it go to other workers. The caller has taken
/// all answers. If the worker answers at this moment, the answer counts.
pub(super) fn end_running<H>(
    worker: &mut Worker<H>,
    returned: &mut std::collections::VecDeque<Arc<Call<H>>>,
    why: Why,
) {
    returned.extend(worker.take_back());
    let Some(number) = worker.running().map(|call| call.number) else {
        return;
    };
    worker.ended_for = Some((why, number));
    match Process::open(worker.pid) {
        Ok(Some(process)) => process.kill(),
        Ok(None) => {}
        Err(_) => process::kill(worker.pid),
    }
}

impl<H> State<H> {
    /// Called when the call ends: no thread has to look for its answer any more.
    pub(super) fn forget_awaited(&mut self, call: &Call<H>) {
        // Relaxed: it changes under the lock.
        if call.is_awaited.swap(false, Ordering::Relaxed) {
            self.awaited -= 1;
        }
    }
}
