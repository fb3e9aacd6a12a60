//! What several tests of pools need.

use std::sync::Arc;

use interlock_pool::{Task, ThreadPool};
use interlock_sync::Event;

/// Keeps one worker busy until the event is set; it is at it when this returns.
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
