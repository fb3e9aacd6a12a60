//! What a pool of processes knows, under its lock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::answer::WorkerDeath;
use super::call::Call;
use super::worker::{PLACES, Worker};

/// What a pool does when a worker dies that runs a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnWorkerDeath {
    /// The call fails. Another worker takes the dead one's place.
    #[default]
    FailTask,
    /// The call runs again, as often as its limits allow; then it fails. Another worker takes the dead one's place.
    Retry,
    /// All calls fail, and the pool takes no more.
    Break,
}

/// What the supervisor sleeps on, beside deaths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleep {
    /// Calls of its watch only: nobody needs it.
    UntilCalled,
    /// For this number of nanoseconds: all workers have more short calls to run, and to look at each answer would cost more than it brings.
    For(u64),
    /// The next answer.
    UntilAnswered,
}

/// What a pool knows.
pub(super) struct State<H> {
    /// The workers. A seat's number is made of its place here and of the number of workers that there were before.
    pub(super) workers: Vec<Option<Worker<H>>>,
    births: usize,
    /// Calls that were taken back from workers. They come before those that wait.
    pub(super) returned: VecDeque<Arc<Call<H>>>,
    /// How many calls are awaited otherwise than by a thread that waits for that one call: by callbacks, and by waits for many calls.
    pub(super) awaited: usize,
    /// How many threads wait for the answers of calls while another one leads.
    pub(super) followers: usize,
    /// Whether a thread takes answers itself, because it waits for one.
    pub(super) is_led: bool,
    /// How the supervisor sleeps, if it does.
    pub(super) asleep: Option<Sleep>,
    /// Whether the supervisor has set a time to look at calls that lie behind others.
    pub(super) will_rebalance: bool,
    /// Whether a call with a time limit has become the next one of a worker, and the supervisor has not heard of it yet.
    pub(super) has_new_limit: bool,
    /// How long calls run, about, in nanoseconds. 0: it is not known.
    pub(super) average: u64,
    /// How many workers died one after the other without having been ready.
    pub(super) unready_deaths: usize,
    /// Whether any worker was ever ready.
    pub(super) was_ever_ready: bool,
    /// The deaths of workers as long as none was ready: the host may know more of them.
    pub(super) first_deaths: Vec<Arc<WorkerDeath>>,
    /// Workers that the host was asked for and that have no seat yet.
    pub(super) asked_for: usize,
    /// Why the pool is broken.
    pub(super) broken: Option<Arc<WorkerDeath>>,
    /// Whether its host ends the workers: no others are started, and no call runs again.
    pub(super) is_abandoned: bool,
    /// Whether there is a supervisor.
    pub(super) is_supervised: bool,
    /// Whether the last worker of a pool that was shut down has ended.
    pub(super) is_finished: bool,
    /// How many times there was something to tell the host.
    turns: u64,
}

/// How much work lies before a worker at most, in nanoseconds: enough that it never waits for the parent, and so little that hardly a
/// call waits behind another one while a worker is idle.
const AHEAD: u64 = 500_000;
/// How many calls lie before a worker at most, however short.
const MOST_AHEAD: u64 = 128;
/// How much work goes to a worker that is awake before another one is woken, in nanoseconds.
const BUNDLE: u64 = 60_000;
/// Calls shorter than this are not worth a look at each answer.
const SHORT: u64 = 100_000;

impl Sleep {
    /// Returns how much it hears of.
    pub(super) fn rank(self) -> u8 {
        match self {
            Sleep::UntilCalled => 0,
            Sleep::For(_) => 1,
            Sleep::UntilAnswered => 2,
        }
    }
}

impl<H> State<H> {
    pub(super) fn new() -> Self {
        State {
            workers: Vec::new(),
            births: 0,
            returned: VecDeque::new(),
            awaited: 0,
            followers: 0,
            is_led: false,
            asleep: None,
            will_rebalance: false,
            has_new_limit: false,
            average: 0,
            unready_deaths: 0,
            was_ever_ready: false,
            first_deaths: Vec::new(),
            asked_for: 0,
            broken: None,
            is_abandoned: false,
            is_supervised: false,
            is_finished: false,
            turns: 0,
        }
    }

    /// Returns the turn of a thread that has something to tell the host.
    pub(super) fn next_turn(&mut self) -> u64 {
        let turn = self.turns;
        self.turns += 1;
        turn
    }

    /// Returns the number for one more worker. A number is not used again: a worker that has left may still
    /// say something.
    pub(super) fn new_seat(&mut self) -> usize {
        let free = self.workers.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            self.workers.push(None);
            self.workers.len() - 1
        });
        self.births = (self.births + 1) & (u32::MAX as usize / PLACES);
        self.births * PLACES + place
    }

    /// Puts a worker into its place.
    pub(super) fn seat(&mut self, worker: Worker<H>) {
        let place = worker.seat % PLACES;
        self.workers[place] = Some(worker);
    }

    /// Returns the workers that are there.
    pub(super) fn present(&self) -> impl Iterator<Item = &Worker<H>> {
        self.workers.iter().flatten()
    }

    /// Learns how long a call ran.
    pub(super) fn learn(&mut self, nanos: u64) {
        let nanos = nanos.max(1);
        self.average = match self.average {
            0 => nanos,
            // A long call counts at once; that calls have become short is believed after some of them.
            average if nanos > average * 8 => nanos,
            average => average - average / 8 + nanos / 8,
        };
    }

    /// Returns how many calls a worker may have, with the one that it runs.
    pub(super) fn depth(&self) -> usize {
        let ahead = match self.average {
            0 => 1,
            average => (AHEAD / average).clamp(1, MOST_AHEAD),
        };
        1 + usize::try_from(ahead).unwrap_or(1)
    }

    /// Returns the open worker to which the next call goes, if any has fewer than `depth`: as a rule that
    /// with the fewest.
    pub(super) fn freest(&mut self, depth: usize, now: u64) -> Option<&mut Worker<H>> {
        // Waking a worker takes longer than some short calls: they go to one that is awake, as long as it has little before it, and
        // does not run a long call.
        let few = match self.average {
            1..SHORT => usize::try_from(BUNDLE / self.average).unwrap_or(0).min(depth),
            _ => 0,
        };
        let is_awake = |worker: &Worker<H>| {
            let is_busy = worker.is_open() && (1..few).contains(&worker.handed.len());
            is_busy && now.saturating_sub(worker.since) < BUNDLE
        };
        if let Some(at) = (self.workers.iter()).position(|it| it.as_ref().is_some_and(is_awake)) {
            return self.workers[at].as_mut();
        }
        let open = self
            .workers
            .iter_mut()
            .flatten()
            .filter(|worker| worker.is_open());
        // One that is ready comes before one that is being started.
        let freest = open.min_by_key(|worker| (worker.handed.len(), !worker.is_ready));
        freest.filter(|worker| worker.handed.len() < depth)
    }

    /// Returns whether any worker has a call behind another one.
    pub(super) fn has_backlog(&self) -> bool {
        self.present().any(Worker::has_backlog)
    }

    /// How the supervisor has to sleep, if `waiting` calls wait for a worker.
    pub(super) fn wanted_sleep(&self, waiting: usize) -> Sleep {
        let has_backlog = waiting > 0 || !self.returned.is_empty() || self.has_backlog();
        let is_short = self.average != 0 && self.average < SHORT;
        let least = self
            .present()
            .filter(|it| it.is_ready)
            .map(|it| it.handed.len())
            .min();
        if let Some(least @ 2..) = least
            && is_short
        {
            return Sleep::For((self.average * least as u64 / 2).max(50_000));
        }
        match has_backlog || self.awaited > 0 || self.followers > 0 {
            true => Sleep::UntilAnswered,
            false => Sleep::UntilCalled,
        }
    }
}

/// Returns the place of the worker with this number, if it is still there.
pub(super) fn place_of<H>(workers: &mut [Option<Worker<H>>], seat: usize) -> Option<&mut Option<Worker<H>>> {
    let place = workers.get_mut(seat % PLACES)?;
    let is_its = place.as_ref().is_some_and(|worker| worker.seat == seat);
    is_its.then_some(place)
}
