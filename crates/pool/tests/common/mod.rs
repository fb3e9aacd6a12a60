//! Helpers of several tests of pools.

use std::sync::Arc;
use std::time::{Duration, Instant};

use interlock_pool::{Task, ThreadPool};
use interlock_sync::Event;

#[allow(dead_code, reason = "not every test needs a busy worker")]
/// Keeps one worker busy until the event is set. The worker is busy when this returns.
pub(crate) fn occupy(pool: &ThreadPool, until: &Arc<Event>) -> Task<()> {
    let (begun, until) = (Arc::new(Event::new()), until.clone());
    let its = begun.clone();
    let task = pool.submit(move || {
        its.set();
        until.wait();
    });
    begun.wait();
    task.unwrap()
}

/// Waits until a condition has become true.
#[allow(dead_code, reason = "not every test waits for a state")]
pub(crate) fn eventually(what: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !what() {
        assert!(Instant::now() < limit, "it should have happened by now");
        std::thread::yield_now();
    }
}
