//! A point that several threads pass together.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use interlock_wait::primitive::Arc;
use interlock_wait::{
    Deadline, Place, RawLock, RawWordLock, Resource, ResourceId, ResourceKind, StateLock, TaskLine,
    ThreadIdent, Turn, WaitContext, WaitQueue, Waiter, Wake, Wakeups, WordLock, block,
};

use crate::error::{BarrierError, Broken};
use crate::host::{Arrival, Hosted, Stepwise};

/// A point that a fixed number of parties pass together, again and again: Python's `threading.Barrier`.
///
/// When a party gives up, the barrier breaks: all waiting parties fail, and so do those that arrive later, until
/// [`Barrier::reset`].
///
/// ```
/// use interlock::sync::Barrier;
///
/// let barrier = Barrier::new(3);
/// std::thread::scope(|scope| {
///     for _ in 0..3 {
///         scope.spawn(|| assert!(barrier.wait().unwrap() < 3));
///     }
/// });
/// ```
pub struct Barrier<R: RawLock = RawWordLock> {
    state: StateLock<State, R>,
}

/// State table of `phase`:
///
/// | phase | arrivals | left by |
/// |---|---|---|
/// | `Filling` | wait, counted | the last party arrives: `Leading`; [`Barrier::abort`], a party gives up: `Broken` |
/// | `Leading` | wait for the next round, not counted yet | [`Stepwise::open`]: `Filling`, next round; `abort`: `Broken` |
/// | `Broken` | fail | [`Barrier::reset`]: `Filling` |
/// | `Retired` | fail; the parties of its last round continue elsewhere | never |
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Filling,
    Leading,
    Broken,
    Retired,
}

/// The state of a barrier at the moment it was retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired {
    /// How many parties wait. Each gets `Broken::Retired` with its index, and continues elsewhere.
    pub waiting: usize,
    /// Whether the barrier was broken.
    pub broken: bool,
}

/// Why a party gives up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum GivesUp {
    /// Its time is over. This breaks the barrier.
    TimedOut,
    /// The host raises an exception in its thread. The others wait on for another party, as in Python.
    Interrupted,
    /// Its task was dropped, or its host has panicked. This breaks the barrier.
    Gone,
}

struct State {
    parties: usize,
    phase: Phase,
    /// The party that leads, in `Leading`.
    leader: Option<ThreadIdent>,
    /// Created by the first party that waits in it.
    round: Option<Arc<Round>>,
    waiting: usize,
    waiters: WaitQueue,
    early: WaitQueue,
}

/// Shared by the parties of one round: whether it was broken or reset.
#[derive(Default)]
struct Round {
    broken: WordLock<bool>,
}

impl Barrier {
    /// Creates a barrier for `parties` threads.
    ///
    /// # Panics
    /// `parties` is 0: no thread would ever be the last to arrive.
    #[cfg(not(loom))]
    pub const fn new(parties: usize) -> Self {
        assert!(parties > 0, "a barrier needs one party at least");
        Barrier {
            state: StateLock::new(State::new(parties)),
        }
    }

    /// Creates a barrier for `parties` threads.
    #[cfg(loom)]
    pub fn new(parties: usize) -> Self {
        Self::new_in(parties)
    }
}

impl<R: RawLock> Barrier<R> {
    /// Like [`Barrier::new`], with a raw lock of the caller's choice. May have 0 parties until
    /// [`Hosted::begin_with`](crate::host::Hosted::begin_with).
    #[doc(hidden)]
    pub fn new_in(parties: usize) -> Self {
        Barrier {
            state: StateLock::new(State::new(parties)),
        }
    }

    /// Arrives and waits for the other parties; the last to arrive opens the barrier for all. Returns the index of
    /// arrival, counted from 0. Blocks until all parties have arrived.
    ///
    /// # Errors
    /// The barrier is broken, or was broken or reset while this party waited. An observer that refuses the wait breaks it.
    pub fn wait(&self) -> Result<usize, BarrierError> {
        self.wait_within(Deadline::NEVER)
    }

    /// Like [`Barrier::wait`], but waits for at most `timeout`. A party that times out breaks the barrier.
    ///
    /// # Errors
    /// The party timed out, or the barrier is broken, or was broken or reset while this party waited.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use interlock::sync::Barrier;
    ///
    /// let barrier = Barrier::new(2);
    /// let error = barrier.wait_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert!(error.is_timed_out() && barrier.is_broken());
    /// barrier.reset();
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> Result<usize, BarrierError> {
        self.wait_within(Deadline::after(timeout))
    }

    /// Like [`Barrier::wait`], but waits until `deadline` at the latest. A party that times out breaks the barrier.
    ///
    /// # Errors
    /// The party timed out, or the barrier is broken, or was broken or reset while this party waited.
    pub fn wait_deadline(&self, deadline: Instant) -> Result<usize, BarrierError> {
        self.wait_within(Deadline::from(deadline))
    }

    /// Arrives as a task, as soon as the future is polled, and waits for the other parties, which may be threads or
    /// tasks. Blocks no thread.
    ///
    /// A task that has arrived is a party: dropping its future breaks the barrier.
    ///
    /// ```
    /// use std::future::Future;
    /// use std::pin::pin;
    /// use std::task::{Context, Poll, Waker};
    ///
    /// use interlock::sync::Barrier;
    ///
    /// let barrier = Barrier::new(2);
    /// let mut arriving = pin!(barrier.wait_async());
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(arriving.as_mut().poll(&mut context).is_pending());
    /// assert_eq!(barrier.wait(), Ok(1));
    /// assert_eq!(arriving.as_mut().poll(&mut context), Poll::Ready(Ok(0)));
    /// ```
    pub fn wait_async(&self) -> Arriving<'_, R> {
        Arriving(Place::new(Party {
            barrier: self,
            joined: None,
        }))
    }

    fn wait_within(&self, deadline: Deadline) -> Result<usize, BarrierError> {
        let passed = match self.arrive_with(&mut WaitContext::until(deadline)) {
            Ok(Arrival::Through(index)) => Ok(index),
            Ok(Arrival::Leads(index)) => self.open().map(|()| index),
            Err(error) => Err(error),
        };
        passed.map_err(|error| match error {
            Broken::TimedOut => BarrierError::TimedOut,
            Broken::Interrupted => {
                // An observer has refused the wait.
                self.abort();
                BarrierError::Broken
            }
            _ => BarrierError::Broken,
        })
    }

    /// Ends a wait without a notification, unless the round had already ended.
    fn give_up(
        &self,
        waiter: &Arc<Waiter>,
        round: &Arc<Round>,
        index: usize,
        why: GivesUp,
    ) -> Result<(), Broken> {
        let mut state = self.state.lock();
        // In one step with the removal: `retire` counts this party as one that continues elsewhere.
        if state.is_retired_with(round) {
            return Err(Broken::Retired(index));
        }
        let in_time = !state.waiters.remove(waiter);
        // In one step with the removal: otherwise the round could fill up in between, and count this party.
        if in_time {
            drop(state);
        } else if why == GivesUp::Interrupted {
            state.waiting -= 1;
        } else {
            let wakeups = state.break_round(Phase::Broken);
            drop(state);
            wakeups.into_iter().for_each(Wakeups::run);
        }
        match why {
            GivesUp::TimedOut if in_time => Ok(()),
            GivesUp::TimedOut => Err(Broken::TimedOut),
            GivesUp::Interrupted | GivesUp::Gone => Err(Broken::Interrupted),
        }
    }

    /// Breaks the barrier: waiting parties fail, and so do those that arrive later, until it is reset. Never blocks.
    pub fn abort(&self) {
        self.break_round(Phase::Broken);
    }

    /// Makes the barrier empty and unbroken. Waiting parties fail. Never blocks.
    pub fn reset(&self) {
        self.break_round(Phase::Filling);
    }

    fn break_round(&self, next: Phase) {
        let wakeups = self.state.lock().break_round(next);
        wakeups.into_iter().for_each(Wakeups::run);
    }

    /// How many parties pass the barrier together.
    pub fn parties(&self) -> usize {
        self.state.lock().parties
    }

    /// How many parties wait in the round that is filling at this moment. Never blocks.
    pub fn waiting(&self) -> usize {
        let state = self.state.lock();
        if state.phase == Phase::Filling {
            state.waiting
        } else {
            0
        }
    }

    /// Whether the barrier is broken at this moment. Never blocks.
    pub fn is_broken(&self) -> bool {
        self.state.lock().phase == Phase::Broken
    }
}

impl<R: RawLock> Stepwise for Barrier<R> {
    fn arrive_with(&self, context: &mut WaitContext<'_>) -> Result<Arrival, Broken> {
        let waiter = Waiter::thread();
        let (round, index) = loop {
            let mut state = self.state.lock();
            match state.phase {
                Phase::Broken | Phase::Retired => return Err(Broken::Broken),
                Phase::Leading => {}
                Phase::Filling => {
                    let index = state.waiting;
                    state.waiting += 1;
                    if state.waiting == state.parties {
                        state.phase = Phase::Leading;
                        state.leader = Some(ThreadIdent::current());
                        return Ok(Arrival::Leads(index));
                    }
                    state.waiters.push_back(waiter.clone());
                    break (state.round.get_or_insert_default().clone(), index);
                }
            }
            // The round is full and its leader is not done: wait for the next round. The deadline applies only once
            // this party is in a round, and no round counts on it yet.
            let early = Waiter::thread();
            state.early.push_back(early.clone());
            drop(state);
            let leave = || self.state.lock().early.remove(&early);
            if block(&early, self, &mut context.endlessly(), || {
                leave();
            }) == Wake::Interrupted
            {
                leave();
                return Err(Broken::Interrupted);
            }
        };
        let wake = block(&waiter, self, context, || {
            // The panic goes on in place of the error.
            let _ = self.give_up(&waiter, &round, index, GivesUp::Gone);
        });
        if self.state.lock().is_retired_with(&round) {
            return Err(Broken::Retired(index));
        }
        match wake {
            Wake::Notified if waiter.is_notified() => {}
            // This is the child of a fork: the other parties do not exist here.
            Wake::Notified => {
                self.abort();
                return Err(Broken::Broken);
            }
            Wake::TimedOut => self.give_up(&waiter, &round, index, GivesUp::TimedOut)?,
            Wake::Interrupted => self.give_up(&waiter, &round, index, GivesUp::Interrupted)?,
        }
        let broken = *round.broken.lock();
        if broken {
            Err(Broken::Broken)
        } else {
            Ok(Arrival::Through(index))
        }
    }

    fn open(&self) -> Result<(), Broken> {
        let mut state = self.state.lock();
        // After a reset, another party may lead the next round.
        if state.phase != Phase::Leading || state.leader != Some(ThreadIdent::current()) {
            return Err(Broken::Broken);
        }
        let wakeups = state.end_round(Phase::Filling);
        drop(state);
        wakeups.into_iter().for_each(Wakeups::run);
        Ok(())
    }
}

/// A task that arrives.
struct Party<'a, R: RawLock> {
    barrier: &'a Barrier<R>,
    /// Its round, and its index in it.
    joined: Option<(Arc<Round>, usize)>,
}

impl<R: RawLock> TaskLine for Party<'_, R> {
    fn leave(&mut self, waiter: &Arc<Waiter>) {
        match &self.joined {
            Some((round, index)) => {
                // No caller is left to get the error.
                let _ = self.barrier.give_up(waiter, round, *index, GivesUp::Gone);
            }
            None => {
                self.barrier.state.lock().early.remove(waiter);
            }
        }
    }
}

impl<R: RawLock> Party<'_, R> {
    fn arrive(&mut self, turn: Turn<'_>) -> Option<Result<usize, BarrierError>> {
        if let Some((round, index)) = &self.joined {
            let passes = turn.was_notified()
                && !self.barrier.state.lock().is_retired_with(round)
                && !*round.broken.lock();
            if !turn.was_notified() {
                // This is the child of a fork: the other parties do not exist here.
                self.barrier.abort();
            }
            return Some(if passes {
                Ok(*index)
            } else {
                Err(BarrierError::Broken)
            });
        }
        let mut state = self.barrier.state.lock();
        match state.phase {
            Phase::Broken | Phase::Retired => Some(Err(BarrierError::Broken)),
            Phase::Leading => {
                turn.line_up(&mut state.early);
                None
            }
            Phase::Filling => {
                let index = state.waiting;
                let is_last = index + 1 == state.parties;
                if is_last {
                    let wakeups = state.end_round(Phase::Filling);
                    drop(state);
                    wakeups.into_iter().for_each(Wakeups::run);
                } else if !turn.is_a_look() {
                    state.waiting += 1;
                    turn.line_up(&mut state.waiters);
                    self.joined = Some((state.round.get_or_insert_default().clone(), index));
                }
                is_last.then_some(Ok(index))
            }
        }
    }
}

/// The future of [`Barrier::wait_async`]. Dropping it after it was polled, before it has its result, breaks the barrier.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Arriving<'a, R: RawLock = RawWordLock>(Place<Party<'a, R>>);

impl<R: RawLock> Future for Arriving<'_, R> {
    type Output = Result<usize, BarrierError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context, Party::arrive)
    }
}

impl<R: RawLock> fmt::Debug for Arriving<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arriving").finish_non_exhaustive()
    }
}

impl State {
    const fn new(parties: usize) -> Self {
        State {
            parties,
            phase: Phase::Filling,
            leader: None,
            round: None,
            waiting: 0,
            waiters: WaitQueue::new(),
            early: WaitQueue::new(),
        }
    }

    /// Returns whether the barrier was retired while this round was filling.
    fn is_retired_with(&self, round: &Arc<Round>) -> bool {
        let is_own = |own: &Arc<Round>| Arc::ptr_eq(own, round);
        self.phase == Phase::Retired && self.round.as_ref().is_some_and(is_own)
    }

    fn break_round(&mut self, next: Phase) -> [Wakeups; 2] {
        if let Some(round) = &self.round {
            *round.broken.lock() = true;
        }
        self.end_round(next)
    }

    fn end_round(&mut self, next: Phase) -> [Wakeups; 2] {
        self.phase = next;
        self.leader = None;
        self.round = None;
        self.waiting = 0;
        [self.waiters.notify_all(), self.early.notify_all()]
    }
}

impl<R: RawLock> Resource for Barrier<R> {
    fn id(&self) -> ResourceId {
        self.state.lock().waiters.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Barrier
    }
}

impl<R: RawLock> fmt::Debug for Barrier<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties())
            .field("waiting", &self.waiting())
            .field("is_broken", &self.is_broken())
            .finish()
    }
}

impl<R: RawLock> Hosted for Barrier<R> {
    type Begin = usize;
    type Retired = (Retired, Wakeups);

    fn begin_with(&self, parties: usize) {
        self.state.lock().parties = parties;
    }

    /// Each wait ends with `Broken::Retired`. Must not be called while a party leads: the barrier belongs to the leader then.
    fn retire(&self) -> (Retired, Wakeups) {
        let mut state = self.state.lock();
        debug_assert!(state.phase != Phase::Leading, "a party leads");
        let retired = Retired {
            waiting: state.waiting,
            broken: state.phase == Phase::Broken,
        };
        state.phase = Phase::Retired;
        (retired, state.waiters.notify_all())
    }
}
