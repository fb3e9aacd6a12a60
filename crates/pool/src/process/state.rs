//! The state of a pool of processes, under its lock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::answer::WorkerDeath;
use super::call::Call;
use super::worker::{PLACES, Worker};

/// What a pool does when a worker that runs a call dies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnWorkerDeath {
    /// The call fails. Another worker takes the dead one's place.
    #[default]
    FailTask,
    /// The call runs again, as often as its limits allow; then it fails. Another worker takes the dead one's place.
    Retry,
    /// All calls fail, and the pool accepts no more.
    Break,
}

/// What ends the supervisor's sleep, besides deaths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleep {
    /// Only a call of its watch: no thread needs it.
    UntilCalled,
    /// A call of its watch, or this number of nanoseconds: all workers have more short calls to run, and looking at
    /// each answer would not pay.
    For(u64),
    /// Also the next answer.
    UntilAnswered,
}

/// The state of a pool.
pub(super) struct State<H> {
    /// The workers. A seat's number combines its place here with the number of workers before it.
    pub(super) workers: Vec<Option<Worker<H>>>,
    births: usize,
    /// Calls that were taken back from workers. They come before the waiting calls.
    pub(super) returned: VecDeque<Arc<Call<H>>>,
    /// How many calls are awaited by callbacks, or by waits for several calls, rather than by a thread that waits
    /// for that single call.
    pub(super) awaited: usize,
    /// How many threads wait for the answers of calls while another thread leads.
    pub(super) followers: usize,
    /// Whether there is a leader: a thread that takes answers itself, because it waits for one.
    pub(super) is_led: bool,
    /// How the supervisor sleeps, if it does.
    pub(super) asleep: Option<Sleep>,
    /// Whether the supervisor has set a time to look at calls that wait behind others.
    pub(super) will_rebalance: bool,
    /// Whether a call with a time limit has become the next call of a worker, and the supervisor does not know it
    /// yet.
    pub(super) has_new_limit: bool,
    /// About how long calls run, in nanoseconds. 0 if it is not known.
    pub(super) average: u64,
    /// How many workers in a row died without having been ready.
    pub(super) unready_deaths: usize,
    /// Whether any worker was ever ready.
    pub(super) was_ever_ready: bool,
    /// The deaths of workers as long as none was ready: the host may know more about them.
    pub(super) first_deaths: Vec<Arc<WorkerDeath>>,
    /// How many workers the host was asked for that have no seat yet.
    pub(super) asked_for: usize,
    /// Why the pool is broken.
    pub(super) broken: Option<Arc<WorkerDeath>>,
    /// Whether the host kills the workers: no others are started, and no call runs again.
    pub(super) is_abandoned: bool,
    /// Whether there is a supervisor.
    pub(super) is_supervised: bool,
    /// Whether the last worker of a pool that was shut down has ended.
    pub(super) is_finished: bool,
    /// How many times there was something to report to the host.
    turns: u64,
}

/// The most work in a worker's queue, in nanoseconds: enough that the worker never waits for the parent, and so
/// little that hardly a call waits behind another one while a worker is idle.
const AHEAD: u64 = 500_000;
/// The most calls in a worker's queue, however short they are.
const MOST_AHEAD: u64 = 128;
/// How much work goes to an awake worker before another worker is woken, in nanoseconds.
const BUNDLE: u64 = 60_000;
/// If calls are shorter than this, the supervisor does not look at each answer.
const SHORT: u64 = 100_000;

impl Sleep {
    /// Returns a rank: a sleep with a higher rank ends on more events.
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

    /// Returns the turn of a thread that has something to report to the host.
    pub(super) fn next_turn(&mut self) -> u64 {
        let turn = self.turns;
        self.turns += 1;
        turn
    }

    /// Returns the number for one more worker. A number is not used again: a worker that has left may still send
    /// something.
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

    /// Updates the average with a call's run time.
    pub(super) fn learn(&mut self, nanos: u64) {
        let nanos = nanos.max(1);
        self.average = match self.average {
            0 => nanos,
            // A long call counts at once. Short calls lower the average only after some of them.
            average if nanos > average * 8 => nanos,
            average => average - average / 8 + nanos / 8,
        };
    }

    /// Returns how many calls a worker may have, including the one that it runs.
    pub(super) fn depth(&self) -> usize {
        let ahead = match self.average {
            0 => 1,
            average => (AHEAD / average).clamp(1, MOST_AHEAD),
        };
        1 + usize::try_from(ahead).unwrap_or(1)
    }

    /// Returns the open worker that gets the next call, if any has fewer than `depth` calls: as a rule the one with
    /// the fewest.
    pub(super) fn freest(&mut self, depth: usize, now: u64) -> Option<&mut Worker<H>> {
        // Waking a worker takes longer than some short calls. So these go to an awake worker, as long as it has
        // little to do, and does not run a long call.
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
        // A ready worker comes before one that is being started.
        let freest = open.min_by_key(|worker| (worker.handed.len(), !worker.is_ready));
        freest.filter(|worker| worker.handed.len() < depth)
    }

    /// Returns whether any worker has a call behind another one.
    pub(super) fn has_backlog(&self) -> bool {
        self.present().any(Worker::has_backlog)
    }

    /// Returns how the supervisor has to sleep if `waiting` calls wait for a worker.
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
