//! Waiting awake for something that may come in microseconds.

use std::cell::Cell;

use interlock_os::{clock, thread};

use crate::deadline::Deadline;
use crate::primitive::global::{AtomicUsize, Ordering};
use crate::schedule::scheduler;

/// How many processors there are. Asked once, or by several threads at once, which get the same answer.
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
/// A shorter spin does not pay. The thread sleeps at once instead, and tries a long spin in one of `TRY_ONE_IN` waits.
const SHORTEST_NANOS: u32 = 1_000;
const TRY_ONE_IN: u32 = 64;

/// Forgets the threads that spin: in the child of a fork, where they do not exist.
pub(crate) fn forget_spinners() {
    // Relaxed: see `Place::take`.
    SPINNERS.store(0, Ordering::Relaxed);
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
    static EXPERIENCE: Cell<Experience> = const { Cell::new(Experience { budget: LONGEST_NANOS, skipped: 0 }) };
}

impl Experience {
    /// How long to spin now, if at all.
    fn nanos(self) -> Option<u32> {
        match self.budget {
            SHORTEST_NANOS.. => Some(self.budget),
            _ if self.skipped >= TRY_ONE_IN => Some(LONGEST_NANOS),
            _ => None,
        }
    }

    /// What to do next time: the longest spin after one that paid, and half of the budget after one that did not.
    fn after(self, came: bool) -> Self {
        let budget = if came { LONGEST_NANOS } else { self.budget / 2 };
        Experience { budget, skipped: 0 }
    }
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

/// Spins until `done`, for as long as it has paid on this thread lately, unless `deadline` comes before that. Returns whether
/// `done` came true. Blocks for those microseconds, and is woken by nothing.
///
/// Never spins on a single processor, nor if all other processors have a spinning thread already.
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
    let came = spin_for(nanos, done);
    EXPERIENCE.set(experience.after(came));
    came
}

/// How often a thread looks before it lines up for a lock.
const BRIEF_LOOKS: u32 = 100;

/// Looks a few times whether `done` comes true, with pauses in between, before the thread does what costs more: it lines up.
/// Returns whether it did. Looks once if nothing can change meanwhile: on a single processor, or under a scheduler.
#[inline]
pub fn spin_briefly(mut done: impl FnMut() -> bool) -> bool {
    if cfg!(loom) || processors() == 1 || scheduler().is_some() {
        return done();
    }
    for _ in 0..BRIEF_LOOKS {
        if done() {
            return true;
        }
        std::hint::spin_loop();
    }
    false
}

/// Waits awake until `done`, for at most `nanos` nanoseconds. Returns whether `done` came true.
///
/// For a host that expects another thread to act in a moment. The calling thread may have preempted that thread, so it yields
/// its processor again and again.
pub fn watch(nanos: u32, done: impl Fn() -> bool) -> bool {
    if scheduler().is_some() {
        return done();
    }
    let end = clock::monotonic_nanos() + u64::from(nanos);
    loop {
        for _ in 0..8 {
            if done() {
                return true;
            }
            std::hint::spin_loop();
        }
        thread::yield_now();
        if clock::monotonic_nanos() >= end {
            return done();
        }
    }
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

/// For how many rounds a thread looks again before it lines up: first after short spins, then after giving way.
const SPINS: u32 = 4;
const ROUNDS: u32 = 8;

/// Lets a moment pass, a little longer in each round, for a thread that then looks again, before it lines up and sleeps.
/// Returns `false` at once after the last round, on a single processor, in a model, and under a scheduler.
pub(crate) fn pause(round: u32) -> bool {
    if cfg!(loom) || round >= ROUNDS || processors() == 1 || scheduler().is_some() {
        return false;
    }
    if round < SPINS {
        (0..1 << round).for_each(|_| std::hint::spin_loop());
    } else {
        thread::yield_now();
    }
    true
}
