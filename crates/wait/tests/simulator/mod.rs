//! A scheduler that runs one thread at a time, on a virtual clock. A seed gives a schedule.

#![allow(dead_code, reason = "each file of tests uses what it needs")]

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use interlock_wait::{
    Interest, Observer, ResourceKind, Returned, Scheduler, TraceEvent, Wake, clear_observer, clear_scheduler,
    set_observer, set_scheduler, spawn,
};

thread_local! {
    /// The number of this thread, if it is one of a simulation.
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    Ready(Returned),
    Parked { places: Vec<usize>, until: Option<u64> },
    Ended,
}

/// An event, without the parts that differ between two runs: numbers of threads and resources count from 0 in each
/// run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Waits(usize, ResourceKind, usize),
    Woke(usize, ResourceKind, usize, bool),
    Acquired(usize, usize),
    Released(usize, usize),
    /// A note from a thread of the test.
    Says(usize, &'static str),
    Ended(usize),
    /// The virtual clock went on to this time.
    Time(u64),
}

#[derive(Default)]
struct State {
    now: u64,
    random: u64,
    threads: Vec<Status>,
    running: Option<usize>,
    resources: Vec<u64>,
    steps: Vec<Step>,
}

pub(crate) struct Simulator {
    state: Mutex<State>,
    changed: Condvar,
}

/// The function of a thread of a simulation.
pub(crate) type Thread = Box<dyn FnOnce(&Simulator) + Send>;

/// Runs threads under a simulator until all have ended, and returns what happened. A test runs one at a time.
pub(crate) fn simulate(seed: u64, threads: Vec<Thread>) -> Vec<Step> {
    let simulator = Arc::new(Simulator {
        state: Mutex::new(State {
            now: 1,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            ..State::default()
        }),
        changed: Condvar::new(),
    });
    set_scheduler(simulator.clone());
    set_observer(simulator.clone());
    for thread in threads {
        let its = simulator.clone();
        spawn(0, move || thread(&its)).unwrap();
    }
    let mut state = simulator.lock();
    simulator.choose(&mut state);
    while state.threads.iter().any(|status| *status != Status::Ended) {
        assert!(
            state.running.is_some(),
            "no thread can go on: {:?}",
            state.threads
        );
        state = simulator.wait(state);
    }
    let steps = std::mem::take(&mut state.steps);
    drop(state);
    clear_observer();
    clear_scheduler();
    steps
}

impl Simulator {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a note from the calling thread.
    pub(crate) fn say(&self, what: &'static str) {
        if let Some(me) = NUMBER.get() {
            self.lock().steps.push(Step::Says(me, what));
        }
    }

    /// Lets the seed decide which thread runs. If none can, lets time pass until the first deadline.
    fn choose(&self, state: &mut State) {
        let mut ready = ready(state);
        if ready.is_empty() {
            let deadlines = state.threads.iter().filter_map(|status| match status {
                Status::Parked { until, .. } => *until,
                _ => None,
            });
            if let Some(first) = deadlines.min() {
                state.now = state.now.max(first);
                state.steps.push(Step::Time(state.now));
                for status in &mut state.threads {
                    if matches!(status, Status::Parked { until: Some(until), .. } if *until <= first) {
                        *status = Status::Ready(Returned::TimedOut);
                    }
                }
                ready = self::ready(state);
            }
        }
        // Xorshift: <https://www.jstatsoft.org/article/view/v008i14>.
        state.random ^= state.random << 13;
        state.random ^= state.random >> 7;
        state.random ^= state.random << 17;
        let choice = (state.random >> 32) as usize % ready.len().max(1);
        state.running = ready.get(choice).copied();
        self.changed.notify_all();
    }

    /// Lets another thread be chosen, and waits for the calling thread's turn. Returns how its parking ended.
    fn stand_still(&self, mut state: MutexGuard<'_, State>, me: usize, status: Status) -> Returned {
        state.threads[me] = status;
        self.choose(&mut state);
        self.take_turn(state, me)
    }

    fn take_turn(&self, mut state: MutexGuard<'_, State>, me: usize) -> Returned {
        loop {
            if let (Some(running), Status::Ready(returned)) = (state.running, &state.threads[me])
                && running == me
            {
                return *returned;
            }
            state = self.wait(state);
        }
    }
}

fn ready(state: &State) -> Vec<usize> {
    let numbered = state.threads.iter().enumerate();
    let ready = numbered.filter(|(_, status)| matches!(status, Status::Ready(_)));
    ready.map(|(number, _)| number).collect()
}

impl Scheduler for Simulator {
    fn now(&self) -> u64 {
        self.lock().now
    }

    fn park(&self, places: &[usize], until: Option<u64>, still: &dyn Fn() -> bool) -> Returned {
        let me = NUMBER.get().unwrap();
        let state = self.lock();
        if !still() {
            return Returned::Woken;
        }
        if until.is_some_and(|until| until <= state.now) {
            return Returned::TimedOut;
        }
        let places = places.to_vec();
        self.stand_still(state, me, Status::Parked { places, until })
    }

    fn unpark(&self, place: usize, most: u32) {
        let mut state = self.lock();
        let parked = state
            .threads
            .iter_mut()
            .filter(|status| matches!(status, Status::Parked { places, .. } if places.contains(&place)));
        for status in parked.take(most as usize) {
            *status = Status::Ready(Returned::Woken);
        }
    }

    fn will_start(&self) -> u64 {
        let mut state = self.lock();
        state.threads.push(Status::Ready(Returned::Woken));
        state.threads.len() as u64 - 1
    }

    fn began(&self, number: u64) {
        NUMBER.set(Some(number as usize));
        self.take_turn(self.lock(), number as usize);
    }

    fn ended(&self, number: u64) {
        // The thread's further steps, such as dropping its own values, are not part of the schedule.
        NUMBER.set(None);
        let mut state = self.lock();
        state.threads[number as usize] = Status::Ended;
        state.steps.push(Step::Ended(number as usize));
        self.choose(&mut state);
    }
}

impl Observer for Simulator {
    fn interest(&self) -> Interest {
        Interest::Acquisitions
    }

    fn event(&self, event: TraceEvent) {
        let Some(me) = NUMBER.get() else {
            return;
        };
        let mut state = self.lock();
        let mut number = |resource: u64| {
            let known = state.resources.iter().position(|&other| other == resource);
            known.unwrap_or_else(|| {
                state.resources.push(resource);
                state.resources.len() - 1
            })
        };
        let step = match event {
            TraceEvent::WillWait { kind, resource, .. } => Step::Waits(me, kind, number(resource.number())),
            TraceEvent::Woke {
                kind, resource, wake, ..
            } => Step::Woke(me, kind, number(resource.number()), wake == Wake::Notified),
            TraceEvent::Acquired { resource, .. } => Step::Acquired(me, number(resource.number())),
            TraceEvent::Released { resource, .. } => Step::Released(me, number(resource.number())),
            _ => return,
        };
        state.steps.push(step);
        // Another thread may be faster.
        self.stand_still(state, me, Status::Ready(Returned::Woken));
    }
}
