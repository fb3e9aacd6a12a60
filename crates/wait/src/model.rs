//! Replaces the clock, the system's threads and its futexes in a model (`--cfg loom`).

use std::cell::Cell;

use loom::sync::{Condvar, Mutex};
use loom::thread::{self, Thread};

std::thread_local! {
    /// Loom runs all threads of a model on one thread of the system, and each test on its own.
    static PASSED: Cell<bool> = const { Cell::new(false) };
}

/// Sets the clock of a model: whether all deadlines have passed, except
/// [`Deadline::NEVER`](crate::Deadline::NEVER).
pub fn set_deadlines_passed(passed: bool) {
    PASSED.set(passed);
}

pub(crate) fn have_deadlines_passed() -> bool {
    PASSED.get()
}

/// Returns the identity of the calling thread of the model; a multiple of 8 and not 0, as the system's are.
pub(crate) fn thread_ident() -> u64 {
    let name = format!("{:?}", thread::current().id());
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    8 * (1 + digits.parse::<u64>().unwrap_or(0))
}

/// The place where the thread of one waiter sleeps: a futex, as its manual describes it. A wake-up that finds no sleeper has
/// no effect.
pub(crate) struct Bed {
    kernel: Mutex<()>,
    sleepers: Condvar,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Bed {
            kernel: Mutex::new(()),
            sleepers: Condvar::new(),
        }
    }

    /// Sleeps until woken, if `still` is true. Checking it and falling asleep are one step.
    pub(crate) fn sleep_while(&self, still: impl Fn() -> bool) {
        if let Ok(kernel) = self.kernel.lock() {
            if still() {
                drop(self.sleepers.wait(kernel));
            }
        }
    }

    /// Wakes the thread if it sleeps.
    pub(crate) fn wake(&self) {
        let _kernel = self.kernel.lock();
        self.sleepers.notify_one();
    }
}

/// The threads that found a word lock taken and wait for its release.
///
/// The model has no step between a failed attempt and the entry here, nor between a release and the look here. So no thread
/// waits for a free lock.
#[derive(Default)]
pub(crate) struct Refused(std::sync::Mutex<Vec<Thread>>);

impl Refused {
    /// Waits for the next release.
    pub(crate) fn wait(&self) {
        if let Ok(mut refused) = self.0.lock() {
            refused.push(thread::current());
        }
        thread::park();
    }

    /// Ends the waits.
    pub(crate) fn try_again(&self) {
        let refused = self.0.lock().map(|mut refused| std::mem::take(&mut *refused));
        refused.into_iter().flatten().for_each(|thread| thread.unpark());
    }
}
