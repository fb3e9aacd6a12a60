//! A delay queue on one thread. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::time::Duration;

use interlock_pool::DelayQueue;
use interlock_wait::{Deadline, WaitContext};

fn take(queue: &DelayQueue<u32>) -> Option<u32> {
    queue.take_with(&mut WaitContext::endless())
}

#[test]
fn the_earliest_comes_first_and_of_equals_the_first() {
    let queue = DelayQueue::new();
    let soon = Deadline::after(Duration::from_millis(1));
    let (_, wanted) = queue.put(soon, 3);
    assert!(wanted);
    for (deadline, item) in [(soon, 4), (Deadline::PASSED, 1), (soon, 5), (Deadline::PASSED, 2)] {
        assert!(!queue.put(deadline, item).1);
    }
    let taken: Vec<_> = std::iter::from_fn(|| take(&queue)).collect();
    assert_eq!(taken, [1, 2, 3, 4, 5]);
    assert!(queue.put(Deadline::NEVER, 6).1, "the taker has left");
}

#[test]
fn an_item_that_was_taken_back_does_not_come() {
    let queue = DelayQueue::new();
    let tickets = [1, 2, 3].map(|item| queue.put(Deadline::PASSED, item).0);
    assert_eq!(queue.take_back(tickets[1]), Some(2));
    assert_eq!(queue.take_back(tickets[1]), None);
    assert_eq!((take(&queue), queue.len()), (Some(1), 1));
    assert_eq!(queue.take_back(tickets[0]), None);
    assert_eq!((take(&queue), take(&queue)), (Some(3), None));
}

#[test]
fn a_taker_without_patience_takes_nothing_and_stays_the_taker() {
    let queue = DelayQueue::new();
    let (ticket, _) = queue.put(Deadline::NEVER, 1);
    assert_eq!(queue.take_with(&mut WaitContext::until(Deadline::PASSED)), None);
    assert!(!queue.put(Deadline::NEVER, 2).1);
    assert_eq!(queue.reset(), [1, 2]);
    assert_eq!(queue.take_back(ticket), None);
    assert!(queue.is_empty());
}
