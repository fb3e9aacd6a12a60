//! Waiting awake: for a lock word that is held for instructions, and for a notification that may come in microseconds.

use std::cell::Cell;
use std::sync::OnceLock;

use interlock_os::{clock, thread};

use crate::block::nap;
use crate::primitive::global::{AtomicUsize, Ordering};

/// How a thread waits for a lock word: by spinning, then by giving way, then in short naps.
pub(crate) struct Backoff {
    rounds: u32,
}

impl Backoff {
    const SPINS: u32 = 6;
    const YIELDS: u32 = 16;
    const LONGEST_NAP_NANOS: u64 = 200_000;

    pub(crate) fn new() -> Self {
        Backoff { rounds: 0 }
    }

    /// Waits a little, each time a little longer, at most 0.2 ms.
    pub(crate) fn pause(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        if cfg!(loom) {
            give_way();
        } else if self.rounds <= Self::SPINS && processors() > 1 {
            for _ in 0..1 << self.rounds {
                std::hint::spin_loop();
            }
        } else if self.rounds <= Self::YIELDS {
            give_way();
        } else {
            nap((1000 << (self.rounds - Self::YIELDS).min(8)).min(Self::LONGEST_NAP_NANOS));
        }
    }
}

/// Lets another thread run.
pub(crate) fn give_way() {
    #[cfg(not(loom))]
    thread::yield_now();
    #[cfg(loom)]
    loom::thread::yield_now();
}

fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(thread::processors)
}

/// The threads that spin for a notification now: always fewer than there are processors.
static SPINNERS: AtomicUsize = AtomicUsize::new(0);

/// The longest spin, in nanoseconds; about what a sleep and a wake-up through the kernel cost.
const LONGEST_NANOS: u32 = 24_000;
/// The spin of a thread that has no experience yet.
const FIRST_NANOS: u32 = 8_000;
/// A spin shorter than this is not worth its start: the thread sleeps at once, and tries one in this many waits.
const SHORTEST_NANOS: u32 = 1_000;
const TRY_ONE_IN: u32 = 32;

thread_local! {
    /// How long this thread spins next, and how many waits it has skipped spinning since the last.
    static BUDGET: Cell<(u32, u32)> = const { Cell::new((FIRST_NANOS, 0)) };
}

/// A place among the threads that spin, if there is one.
struct Place;

impl Place {
    fn take() -> Option<Self> {
        // Relaxed: a count of competitors, which orders nothing.
        let place = SPINNERS.fetch_add(1, Ordering::Relaxed) + 1 < processors();
        let taken = Place;
        place.then_some(taken)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Relaxed: see `take`.
        SPINNERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Spins until `done`, for as long as has paid on this thread lately; whether it came true.
///
/// Never spins on a single processor, nor when that would leave no processor for those who have work.
pub(crate) fn until(done: impl Fn() -> bool) -> bool {
    if done() {
        return true;
    }
    let (budget, skipped) = BUDGET.get();
    if budget < SHORTEST_NANOS && skipped < TRY_ONE_IN {
        BUDGET.set((budget, skipped + 1));
        return false;
    }
    let Some(_place) = Place::take() else { return false };
    let came = spin_for(budget.max(SHORTEST_NANOS), done);
    let next = if came {
        (budget * 2).clamp(SHORTEST_NANOS, LONGEST_NANOS)
    } else {
        budget / 2
    };
    BUDGET.set((next, 0));
    came
}

/// Spins until `done`, for at most `nanos` nanoseconds; whether it came true.
///
/// For an embedder that expects another thread to act in a moment. Returns at once on a single processor, and when that
/// would leave no processor for those who have work.
pub fn watch(nanos: u32, done: impl Fn() -> bool) -> bool {
    if done() {
        return true;
    }
    let Some(_place) = Place::take() else { return false };
    spin_for(nanos, done)
}

fn spin_for(nanos: u32, done: impl Fn() -> bool) -> bool {
    let end = clock::monotonic_nanos() + u64::from(nanos);
    loop {
        for _ in 0..16 {
            if done() {
                return true;
            }
            std::hint::spin_loop();
        }
        if clock::monotonic_nanos() >= end {
            return done();
        }
    }
}
