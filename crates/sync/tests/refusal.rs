//! The effect of an observer's refusal on operations that can fail.

#![cfg(not(loom))]

use std::sync::Arc;
use std::time::Duration;

use interlock_sync::{Barrier, Condition, Event, Lock, Mutex, Semaphore};
use interlock_wait::{Observer, TraceEvent, Verdict, Wait, clear_observer, set_observer, take_refusal};

/// Refuses every wait.
struct Refuses;

impl Observer for Refuses {
    fn event(&self, _: TraceEvent) {}

    fn will_wait(&self, _: &Wait<'_>) -> Verdict {
        Verdict::Refuse
    }
}

/// C341: these would wait for ever, or a day.
#[test]
fn a_refused_wait_that_can_fail_ends_at_once() {
    const DAY: Duration = Duration::from_secs(86_400);
    set_observer(Arc::new(Refuses));
    let day = std::time::Instant::now() + DAY;
    let refused = |failed: bool| {
        assert!(failed && take_refusal());
    };
    let (lock, semaphore, flag) = (Lock::new(), Semaphore::new(0), Event::new());
    lock.acquire();
    refused(lock.acquire_timeout(DAY).is_err());
    refused(lock.guard_deadline(day).is_err());
    refused(semaphore.acquire_timeout(DAY).is_err());
    refused(flag.wait_timeout(DAY).is_err());
    refused(flag.wait_deadline(day).is_err());
    let (mutex, changed) = (Mutex::new(1), Condition::new());
    let mut guard = mutex.lock();
    refused(mutex.lock_timeout(DAY).is_err());
    refused(mutex.lock_deadline(day).is_err());
    refused(changed.wait_timeout(&mut guard, DAY).is_err());
    refused(
        changed
            .wait_while_timeout(&mut guard, DAY, |value| *value == 1)
            .is_err(),
    );
    // The guard holds the mutex again.
    *guard += 1;
    let barrier = Barrier::new(2);
    refused(barrier.wait().is_err());
    assert!(barrier.is_broken());
    barrier.reset();
    refused(barrier.wait_timeout(DAY).is_err());
    assert!(barrier.is_broken());
    clear_observer();
}
