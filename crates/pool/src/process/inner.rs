//! The part that a pool of processes and its supervisor share.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use interlock_queue::{Discard, Fifo, HostQueue, PutError, Queue as LocalQueue};
use interlock_shm::{Arena, Error, Queue, Watch};
use interlock_wait::fork::{self, ForkGuard};
use interlock_wait::primitive::global::{AtomicU64, Ordering};
use interlock_wait::{WaitContext, WordLock, WordLockGuard};

use super::answer::Answer;
use super::call::Call;
use super::callback_order::Turns;
use super::duty::Duty;
use super::finished::Finished;
use super::state::{OnWorkerDeath, Sleep, State};

use crate::core::PoolCore;
use crate::panics::contained;

/// The settings of a pool of processes.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The greatest number of workers.
    pub workers: usize,
    /// How many calls may wait in the pool; 0 stands for any number. Those that a worker was given ahead do not count.
    pub max_pending: usize,
    /// How many calls a worker runs before it ends.
    pub calls_per_worker: Option<u32>,
    /// What to do when a worker dies.
    pub on_worker_death: OnWorkerDeath,
    /// Whether the pool always keeps the greatest number of workers. Otherwise they are started as calls come.
    pub keeps_workers: bool,
}

/// The part that the pool and its supervisor share.
pub(super) struct Inner<H> {
    pub(super) arena: Arc<Arena>,
    pub(super) settings: Settings,
    pub(super) core: PoolCore<Arc<Call<H>>>,
    state: WordLock<State<H>>,
    /// The queue of the answers of all workers.
    pub(super) answers: Queue,
    /// The watch that the supervisor sleeps on.
    pub(super) supervisor: Watch,
    /// The watch that the leader sleeps on: a thread that takes answers because it waits for one.
    pub(super) leader: Watch,
    /// The call that the leader waits for; 0 if there is no leader.
    led_for: AtomicU64,
    duties: LocalQueue<Fifo<Duty<H>>>,
    /// The order in which reports go into `duties`: two threads may report at the same time what they have found
    /// one after the other.
    turns: WordLock<Turns<H>>,
    /// The process that owns the pool. Its forked children do not.
    generation: u32,
}

impl<H: Send> Inner<H> {
    /// Creates a pool in `arena`, without workers.
    ///
    /// # Errors
    /// The arena is full.
    pub(super) fn new(arena: &Arc<Arena>, settings: Settings) -> Result<Self, Error> {
        Ok(Inner {
            arena: Arc::clone(arena),
            settings,
            core: PoolCore::new(settings.workers, settings.max_pending),
            state: WordLock::new(State::new()),
            answers: Queue::new(arena, None)?,
            supervisor: Watch::new(),
            leader: Watch::new(),
            led_for: AtomicU64::new(0),
            duties: LocalQueue::with_store(Fifo::default(), 0),
            turns: WordLock::new(Turns::new()),
            generation: fork::generation(),
        })
    }

    /// Returns whether the pool belongs to the process that forked this one.
    pub(super) fn is_of_parent(&self) -> bool {
        self.generation != fork::generation()
    }

    /// Locks the state, in a step during which this process does not fork.
    ///
    /// Under this lock messages are kept and given back, in such steps, too. So a thread that waits for the lock in a
    /// step must not wait for one that has the lock, and waits for a fork to begin its step.
    pub(super) fn lock(&self) -> Locked<'_, H> {
        let step = ForkGuard::enter();
        Locked {
            state: self.state.lock(),
            _step: step,
        }
    }

    /// Takes answers, and hands out calls.
    pub(super) fn feed(&self) {
        self.feed_as(0);
    }

    /// The same, on a thread that waits for the call `own`.
    pub(super) fn feed_as(&self, own: u64) {
        self.change(own, |state, finished| {
            self.drain(state, finished);
            self.hand_out(state, finished);
        });
    }

    /// Changes the state under the lock, wakes the supervisor if it is needed, releases the lock, and then notifies
    /// the waiters of the calls that have ended by then, also if `work` panics. `own` is the call that the caller
    /// itself waits for, if any.
    pub(super) fn change<R>(&self, own: u64, work: impl FnOnce(&mut State<H>, &mut Finished<H>) -> R) -> R {
        let mut news = News {
            inner: self,
            own,
            finished: Finished::new(),
        };
        // Released before the news is told, also by a panic.
        let mut state = self.lock();
        let result = work(&mut state, &mut news.finished);
        self.rouse(&state);
        news.finished.take_turn(&mut state);
        result
    }

    /// Ends a call, and tells the threads that wait for it. Returns whether its host hears of that.
    fn end(&self, call: &Call<H>, answer: Answer, own: u64) -> bool {
        let failed = !matches!(&answer, Answer::Given(given) if !given.failed);
        if matches!(answer, Answer::Given(_)) {
            drop(call.take_payload());
        }
        // Another thread may have ended the call meanwhile; then this answer is dropped.
        let ended = call.outcome.finish(answer).is_ok();
        match failed {
            true => self.core.running().fail(),
            false => self.core.running().succeed(),
        }
        if call.number != own {
            self.tell_leader(call.number);
        }
        // Relaxed: the lock of the outcome orders it. A thread that sets it afterwards finds that the call has ended.
        if call.is_awaited.load(Ordering::Relaxed) {
            self.lock().forget_awaited(call);
        }
        ended && call.has_host()
    }

    /// Wakes the supervisor if its sleep would not end by itself when it is needed. The caller holds the lock.
    ///
    /// The supervisor learns that a worker has become idle only if it takes the answer itself.
    pub(super) fn rouse(&self, state: &State<H>) {
        let hears_too_little = |asleep: Sleep| asleep.rank() < state.wanted_sleep(self.core.waiting()).rank();
        if state
            .asleep
            .is_some_and(|asleep| state.has_new_limit || hears_too_little(asleep) || self.is_unheard(state))
        {
            self.supervisor.call();
        }
    }

    /// Returns whether calls wait behind others while a worker is idle, and the supervisor does not know.
    fn is_unheard(&self, state: &State<H>) -> bool {
        !state.will_rebalance && self.is_uneven(state)
    }

    /// Records that the leader waits for the call `number`; 0 if there is no leader.
    pub(super) fn set_leader(&self, number: u64) {
        // Relaxed: the lock of the call's outcome orders it: the thread looks there after this, and the one that ends the call
        // looks here after that.
        self.led_for.store(number, Ordering::Relaxed);
    }

    /// Wakes the leader if it waits for the call `number`, which has ended.
    pub(super) fn tell_leader(&self, number: u64) {
        // Relaxed: as above.
        if self.led_for.load(Ordering::Relaxed) == number {
            self.leader.call();
        }
    }

    pub(super) fn put_duty(&self, duty: Duty<H>) {
        if let Some(refused) = self.try_put_duty(duty) {
            refused.drop_host();
        }
    }

    /// Puts the reports of a thread when its turn comes, and then those of threads that came before their turns.
    pub(super) fn put_in_turn(&self, turn: u64, duties: Vec<Duty<H>>) {
        let refused: Vec<_> = {
            let mut turns = self.turns.lock();
            let now = turns.take(turn, duties).into_iter();
            now.filter_map(|duty| self.try_put_duty(duty)).collect()
        };
        // The hosts' values are dropped without the lock.
        refused.into_iter().for_each(Duty::drop_host);
    }

    /// Returns the duty if the host is gone: the queue has no bound, so it was shut down.
    fn try_put_duty(&self, duty: Duty<H>) -> Option<Duty<H>> {
        match self.duties.try_put(duty) {
            Err(PutError::ShutDown(duty)) => Some(duty),
            _ => None,
        }
    }

    /// Returns the next duty of the host. `None` when `context` ends the wait.
    pub(super) fn next_duty(&self, context: &mut WaitContext<'_>) -> Option<Duty<H>> {
        self.duties.get_with(context).ok()
    }

    /// Drops the values that the host has left with calls, when these calls end.
    pub(super) fn end_duties(&self) {
        self.duties.shutdown(Discard::Nothing);
        while let Ok(duty) = self.duties.try_get() {
            duty.drop_host();
        }
    }

    /// Makes the supervisor look at everything.
    pub(super) fn call_supervisor(&self) {
        self.supervisor.call();
    }
}

/// The reports of the calling thread to the waiters and the host, made when this is dropped, even if a panic unwinds:
/// calls have ended, and other threads wait for their turns.
struct News<'a, H: Send> {
    inner: &'a Inner<H>,
    own: u64,
    finished: Finished<H>,
}

impl<H: Send> Drop for News<'_, H> {
    fn drop(&mut self) {
        let (inner, finished) = (self.inner, &mut self.finished);
        if finished.has_news() && finished.turn.is_none() {
            finished.take_turn(&mut inner.lock());
        }
        let mut duties = Vec::new();
        for (call, answer) in finished.calls.drain(..) {
            // What one waiter does to this thread is not the next one's fault.
            if contained(|| inner.end(&call, answer, self.own)).unwrap_or_else(|| call.has_host()) {
                duties.push(Duty::Attend(call));
            }
        }
        for _ in 0..finished.dropped {
            contained(|| drop(inner.core.running()));
        }
        duties.append(&mut finished.duties);
        if let Some(turn) = finished.turn {
            inner.put_in_turn(turn, duties);
        }
    }
}

/// The locked state of a pool. See [`Inner::lock`].
pub(super) struct Locked<'a, H> {
    // The lock is released before the step ends.
    state: WordLockGuard<'a, State<H>>,
    _step: ForkGuard,
}

impl<H> Deref for Locked<'_, H> {
    type Target = State<H>;

    fn deref(&self) -> &State<H> {
        &self.state
    }
}

impl<H> DerefMut for Locked<'_, H> {
    fn deref_mut(&mut self) -> &mut State<H> {
        &mut self.state
    }
}
