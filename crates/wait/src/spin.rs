//! Waits awake for something that may come within microseconds.

use std::cell::Cell;

use interlock_os::{clock, thread};

use crate::deadline::Deadline;
use crate::primitive::global::{AtomicUsize, Ordering};
use crate::schedule::scheduler;

/// Returns how many processors there are. Asks the system once, or several times if threads do so at once; they get
/// the same answer.
///
/// (Not a `OnceLock`: if another thread fills it during a fork, the child waits for ever.)
pub(crate) fn processors() -> usize {
    static PROCESSORS: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: the number stands for itself.
    match PROCESSORS.load(Ordering::Relaxed) {
        0 => {
            let processors = thread::processors();
            // Relaxed: as above.
            PROCESSORS.store(processors, Ordering::Relaxed);
            processors
        }
        processors => processors,
    }
}

/// The number of threads that spin for a notification: always smaller than the number of processors.
static SPINNERS: AtomicUsize = AtomicUsize::new(0);

/// The longest spin, in nanoseconds: about the cost of a sleep in the kernel and a wake-up on an idle processor. A thread that
/// spins that long and then sleeps takes at most twice the time. A thread that is notified meanwhile saves the whole cost.
const LONGEST_NANOS: u32 = 50_000;
/// A shorter spin does not pay. A thread whose budget is smaller sleeps at once, and tries a long spin in one of
/// `TRY_ONE_IN` waits.
const SHORTEST_NANOS: u32 = 1_000;
const TRY_ONE_IN: u32 = 64;
/// After how many waits a new thread tries a long spin. Most short-lived threads have fewer waits.
const FIRST_TRY: u32 = 16;

/// Forgets the threads that spin, and what this thread has learned. For the child of a fork, where the others do
/// not exist.
pub(crate) fn forget_spinners() {
    // Relaxed: see `Place::take`.
    SPINNERS.store(0, Ordering::Relaxed);
    EXPERIENCE.set(Experience::NONE);
}

/// What a thread has learned from its waits.
#[derive(Clone, Copy)]
struct Experience {
    /// How long to spin next, in nanoseconds.
    budget: u32,
    /// How many waits have passed without a spin.
    skipped: u32,
}

thread_local! {
    /// A new thread sleeps in its first waits. As a rule there is no work for it yet, and the thread that started
    /// it may be about to run on the same processor.
    static EXPERIENCE: Cell<Experience> = const { Cell::new(Experience::NONE) };
}

impl Experience {
    /// The experience of a new thread.
    const NONE: Self = Experience {
        budget: 0,
        skipped: TRY_ONE_IN - FIRST_TRY,
    };

    /// Returns how long to spin now, if at all.
    fn nanos(self) -> Option<u32> {
        match self.budget {
            SHORTEST_NANOS.. => Some(self.budget),
            _ if self.skipped >= TRY_ONE_IN => Some(LONGEST_NANOS),
            _ => None,
        }
    }

    /// Returns what to do next time: the longest spin after a spin that paid, and half of the budget after one that
    /// did not.
    fn after(self, came: bool) -> Self {
        let budget = if came { LONGEST_NANOS } else { self.budget / 2 };
        Experience { budget, skipped: 0 }
    }
}

/// A place among the threads that may spin.
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

/// Spins until `done`, for as long as it has paid on this thread lately, unless `deadline` comes before that.
/// Returns whether `done` came true. Blocks for those microseconds; nothing wakes it early.
///
/// Never spins on a single processor, or if all other processors are busy with spinning threads already.
pub fn until(deadline: Deadline, done: impl Fn() -> bool) -> bool {
    if done() {
        return true;
    }
    if cfg!(loom) || scheduler().is_some() {
        // A model has no clock to learn from, and a scheduler runs another thread instead.
        return false;
    }
    let experience = EXPERIENCE.get();
    let place = experience
        .nanos()
        .filter(|&nanos| deadline.is_later_than(nanos))
        .zip(Place::take());
    let Some((nanos, _place)) = place else {
        EXPERIENCE.set(Experience {
            skipped: experience.skipped.saturating_add(1),
            ..experience
        });
        return false;
    };
    let came = look_for(nanos, 16, || {}, done);
    EXPERIENCE.set(experience.after(came));
    came
}

/// How often a thread pauses at first before it looks again. Each look takes the cache line away from the thread
/// that works on it. With rare looks, that thread finishes in a fraction of the time, and perhaps even does its
/// work once more.
const FIRST_PAUSES: u32 = 8;
/// For how many rounds a thread only pauses, each time twice as long, before it yields its processor.
const SPINS: u32 = 4;
/// For how many rounds a thread looks again before it lines up.
const ROUNDS: u32 = 8;

/// Lets a moment pass before a thread looks again, a little longer in each round (counted from 0).
pub(crate) fn let_a_moment_pass(round: u32) {
    if round < SPINS && processors() > 1 {
        (0..FIRST_PAUSES << round).for_each(|_| std::hint::spin_loop());
    } else {
        thread::yield_now();
    }
}

/// Returns whether waiting awake is useless, because nothing can change meanwhile: on a single processor, in a
/// model, and under a scheduler.
fn is_in_vain() -> bool {
    cfg!(loom) || processors() == 1 || scheduler().is_some()
}

/// Checks a few times whether `done` comes true, with pauses in between, before the thread lines up, which costs
/// more. Returns whether it came true. Checks only once if nothing can change meanwhile.
#[inline]
pub fn spin_briefly(mut done: impl FnMut() -> bool) -> bool {
    if !is_in_vain() {
        for round in 0..SPINS {
            if done() {
                return true;
            }
            let_a_moment_pass(round);
        }
    }
    done()
}

/// Lets a moment pass for a thread that looks again before it lines up and sleeps. Returns `false` at once after
/// the last round, and if nothing can change meanwhile.
pub(crate) fn pause(round: u32) -> bool {
    if round >= ROUNDS || is_in_vain() {
        return false;
    }
    let_a_moment_pass(round);
    true
}

/// Waits awake until `done`, for at most `nanos` nanoseconds. Returns whether `done` came true.
///
/// For a host that expects another thread to act soon. The calling thread may have preempted that thread, so it
/// yields its processor again and again.
pub fn watch(nanos: u32, done: impl Fn() -> bool) -> bool {
    if scheduler().is_some() {
        return done();
    }
    look_for(nanos, 8, thread::yield_now, done)
}

/// Checks repeatedly whether `done` comes true, for at most `nanos` nanoseconds. After every `looks` checks it
/// calls `between` and reads the clock. Returns whether `done` came true.
fn look_for(nanos: u32, looks: u32, between: impl Fn(), done: impl Fn() -> bool) -> bool {
    let end = clock::monotonic_nanos() + u64::from(nanos);
    loop {
        for _ in 0..looks {
            if done() {
                return true;
            }
            std::hint::spin_loop();
        }
        between();
        if clock::monotonic_nanos() >= end {
            return done();
        }
    }
}
