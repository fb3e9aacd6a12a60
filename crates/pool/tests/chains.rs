//! Long chains of continuations. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::sync::Arc;

use interlock_pool::{Task, TaskError, ThreadPool};
use interlock_sync::Event;

/// On a thread of 2 MiB, as that of every test and of every worker is, a nested call for each link would need far more.
const LINKS: usize = 1_000_000;

/// A task that waits for the event, and the end of a long chain of continuations that each add one.
fn chain(pool: &ThreadPool, event: &Arc<Event>, links: usize) -> (Task<()>, Task<usize>) {
    let its = event.clone();
    let busy = pool.submit(move || its.wait()).unwrap();
    let first = pool.submit(|| 0).unwrap();
    let last = (0..links).fold(first, |tail, _| tail.then(|number| number.unwrap_or(0) + 1));
    (busy, last)
}

#[test]
fn a_chain_of_any_length_needs_no_stack() {
    let pool = ThreadPool::new(1);
    let event = Arc::new(Event::new());
    let (busy, last) = chain(&pool, &event, LINKS);
    event.set();
    busy.result().unwrap();
    assert_eq!(last.result().unwrap(), LINKS);
}

#[test]
fn a_chain_of_any_length_can_be_cancelled() {
    let pool = ThreadPool::new(1);
    let event = Arc::new(Event::new());
    let (busy, last) = chain(&pool, &event, LINKS);
    assert_eq!(pool.cancel_waiting(), 1);
    assert_eq!(
        last.result().unwrap(),
        LINKS,
        "the first link hears of the cancellation, and counts"
    );
    event.set();
    busy.result().unwrap();
}

#[test]
fn the_callbacks_of_a_chain_come_in_the_order_of_nested_calls() {
    let pool = ThreadPool::new(1);
    let event = Arc::new(Event::new());
    let (busy, last) = chain(&pool, &event, 10);
    let inner = pool.submit(|| 1).unwrap();
    // Within a continuation, a call that ends another task calls the continuations of that one before it returns.
    let outer = last.then(move |_| {
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let its = order.clone();
        assert!(inner.cancel());
        let heard = inner.then(move |result| {
            its.lock().unwrap().push("continuation");
            matches!(result, Err(TaskError::Cancelled))
        });
        order.lock().unwrap().push("after");
        assert!(heard.is_done());
        let order = order.lock().unwrap().clone();
        (heard.result().unwrap(), order)
    });
    event.set();
    busy.result().unwrap();
    assert_eq!(outer.result().unwrap(), (true, vec!["continuation", "after"]));
}
