//! The steps of FORMAT.md by name, so that a test can make a process die at each.

#[cfg(feature = "steps")]
pub use armed::{arm, call, passed};

/// Called when the calling thread has come to step `name`. If a test has armed this step, the process dies here.
#[inline]
pub(crate) fn at(name: &'static str) {
    #[cfg(feature = "steps")]
    armed::at(name);
    #[cfg(not(feature = "steps"))]
    let _ = name;
}

#[cfg(feature = "steps")]
mod armed {
    use std::collections::BTreeSet;
    use std::sync::OnceLock;

    use interlock_os::process;
    use interlock_wait::WordLock;
    use interlock_wait::primitive::global::{AtomicBool, AtomicU32, Ordering};

    static STEP: OnceLock<String> = OnceLock::new();
    type Work = Box<dyn Fn() + Send + Sync>;

    static CALL: OnceLock<(&str, Work)> = OnceLock::new();
    static IS_CALLED: AtomicBool = AtomicBool::new(false);
    static LEFT: AtomicU32 = AtomicU32::new(0);
    static PASSED: WordLock<BTreeSet<&'static str>> = WordLock::new(BTreeSet::new());

    /// Makes the process die when it comes to step `name` for the `count`th time, counted from 1. May be called
    /// once in a process.
    pub fn arm(name: &str, count: u32) {
        // Relaxed: the same thread comes to the step, or one that was started later.
        LEFT.store(count, Ordering::Relaxed);
        let _ = STEP.set(name.to_owned());
    }

    /// Makes the process run `work` when it next comes to step `name`. May be called once in a process.
    pub fn call(name: &'static str, work: impl Fn() + Send + Sync + 'static) {
        let _ = CALL.set((name, Box::new(work)));
    }

    /// Returns the steps that this process has come to so far.
    pub fn passed() -> Vec<&'static str> {
        PASSED.lock().iter().copied().collect()
    }

    /// Notes a step. In a child that was forked while another thread was here, the lock stays held, and no notes
    /// are made.
    fn note(name: &'static str) {
        for _ in 0..100 {
            if let Some(mut passed) = PASSED.try_lock() {
                passed.insert(name);
                return;
            }
            std::hint::spin_loop();
        }
    }

    pub(super) fn at(name: &'static str) {
        if let Some((step, work)) = CALL.get()
            && *step == name
            // Relaxed: the same thread comes to the step, or it does not matter which.
            && !IS_CALLED.swap(true, Ordering::Relaxed)
        {
            work();
        }
        let Some(step) = STEP.get() else {
            note(name);
            return;
        };
        // Relaxed: see `arm`.
        if step == name && LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
            process::kill_self();
        }
    }
}
