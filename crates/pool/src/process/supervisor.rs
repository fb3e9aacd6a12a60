//! The supervisor: a thread that takes answers, hands out calls, and learns of deaths, when no other thread does. It needs no host.

use std::sync::Arc;

use interlock_os::clock::monotonic_nanos;
use interlock_shm::{Name, Side};
use interlock_wait::{Deadline, WaitContext, spawn_named};

use super::duty::Duty;
use super::finished::Finished;
use super::inner::Inner;
use super::state::{Sleep, State};
use crate::panics::contained;
use crate::step::{set_worker, step};

/// The stack of the supervisor, which runs no code of programs.
const STACK: usize = 256 << 10;

/// How often the supervisor looks at a seat whose process is being started, in nanoseconds, until the host reports
/// the process.
const STARTING: u64 = 50_000_000;

/// How the supervisor sleeps next.
struct Next {
    sleep: Sleep,
    /// In the clock's nanoseconds.
    until: Option<u64>,
    lives: Vec<Name>,
}

impl<H: Send + 'static> Inner<H> {
    /// Starts the supervisor, unless there is one.
    pub(super) fn ensure_supervisor(self: &Arc<Self>) -> std::io::Result<()> {
        {
            let mut state = self.lock();
            if state.is_supervised || state.is_finished {
                return Ok(());
            }
            state.is_supervised = true;
        }
        let inner = Arc::clone(self);
        let started = spawn_named("interlock-supervisor", STACK, move || inner.supervise());
        if started.is_err() {
            self.lock().is_supervised = false;
        }
        started
    }

    /// Ends a pool that was never used, so that it has no supervisor and needs none. Returns whether it did. This
    /// avoids starting a thread, about which a program that forks might be warned.
    pub(super) fn end_unused(&self) -> bool {
        let mut state = self.lock();
        let is_unused = !state.is_supervised && !state.is_finished && self.is_over(&state);
        state.is_finished |= is_unused;
        is_unused
    }

    /// Returns whether no call will run any more: after a shutdown, all workers have ended, and no call waits, or
    /// all calls fail.
    fn is_over(&self, state: &State<H>) -> bool {
        self.core.is_shut_down()
            && self.core.workers() == 0
            && state.asked_for == 0
            && ((self.core.waiting() == 0 && state.returned.is_empty()) || state.broken.is_some())
    }

    fn supervise(&self) {
        // Its steps are guarded from forks of other threads.
        set_worker(true);
        let mut context = WaitContext::uninterruptible();
        // Whatever panics, it goes on: the pool has no other supervisor. An observer that panics does not hear of its next sleep.
        loop {
            context = match contained(|| self.look_and_sleep(&mut context)) {
                Some(true) => WaitContext::uninterruptible(),
                Some(false) => break,
                None => WaitContext::unwinding(),
            };
        }
        set_worker(false);
    }

    /// Looks at everything, and sleeps until it is time to look again. Returns `false` if there is nothing more to do.
    fn look_and_sleep(&self, context: &mut WaitContext<'_>) -> bool {
        let seen = self.supervisor.calls();
        let next = step(|| {
            self.change(0, |state, finished| {
                let next = self.look(state, finished);
                state.asleep = next.as_ref().map(|next| next.sleep);
                next
            })
        });
        if let Some(next) = &next {
            self.sleep(seen, next, context);
            self.lock().asleep = None;
        }
        next.is_some()
    }

    /// Looks at everything. Returns `None` if there is nothing more to do.
    fn look(&self, state: &mut State<H>, finished: &mut Finished<H>) -> Option<Next> {
        self.drain(state, finished);
        self.bury_dead(state, finished);
        state.has_new_limit = false;
        let late = self.end_late(state);
        self.rebalance(state);
        self.hand_out(state, finished);
        let uneven = self.next_rebalance(state);
        state.will_rebalance = uneven.is_some();
        self.close_workers(state, finished);
        self.ask_for_workers(state, finished);
        if self.is_over(state) {
            state.is_finished = true;
            finished.duty(Duty::Finished);
            return None;
        }
        let sleep = state.wanted_sleep(self.core.waiting());
        let now = monotonic_nanos();
        let nap = match sleep {
            Sleep::For(nanos) => Some(now + nanos),
            _ => None,
        };
        let starting = state.present().any(|worker| worker.name.is_none());
        let starting = starting.then_some(now + STARTING);
        Some(Next {
            sleep,
            until: [late, uneven, nap, starting].into_iter().flatten().min(),
            lives: state
                .present()
                .map(|worker| worker.name)
                .filter(|name| !name.is_none())
                .collect(),
        })
    }

    /// After a shutdown, closes the workers' queues, unless a worker has calls that another worker may take. The
    /// workers end when they have run their calls. The host waits for those that have nothing more to do.
    fn close_workers(&self, state: &mut State<H>, finished: &mut Finished<H>) {
        let is_over = self.core.is_shut_down() && self.core.waiting() == 0 && state.returned.is_empty();
        let all = is_over && !state.has_backlog();
        for place in &mut state.workers {
            let Some(worker) = place else {
                continue;
            };
            if !worker.is_closed && (all || worker.left == Some(0)) {
                worker.is_closed = true;
                let mut context = WaitContext::uninterruptible();
                // This can fail only if the wait for the queue's lock ends, and nothing ends this wait.
                let _ = (worker.calls).shutdown(interlock_shm::Shutdown::Drain, &mut context);
            }
            let has_ended = worker.is_closed && worker.handed.is_empty() && worker.pid != 0;
            if has_ended && let Some(worker) = place.take() {
                self.core.leave(worker.token);
                let (seat, pid) = (worker.seat, worker.pid);
                finished.duty(Duty::Ended { seat, pid });
            }
        }
    }

    fn sleep(&self, seen: u32, next: &Next, context: &mut WaitContext<'_>) {
        let deadline = match next.until {
            Some(nanos) => {
                let left = nanos.saturating_sub(monotonic_nanos());
                Deadline::after(std::time::Duration::from_nanos(left))
            }
            None => Deadline::NEVER,
        };
        let mut context = context.bounded(deadline);
        let lives = (&*self.arena, &*next.lives);
        match next.sleep {
            Sleep::UntilAnswered => {
                let answers = [self.answers.awaited(Side::Get)];
                self.supervisor.wait_beside(seen, &answers, lives, &mut context);
            }
            _ => self.supervisor.wait_beside(seen, &[], lives, &mut context),
        }
    }
}
