//! A delay queue, in every order of its threads. The names are those of the claims in `PROTOCOL.md`.

#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

#[path = "../../wait/tests/model/mod.rs"]
mod model;

use interlock_pool::DelayQueue;
use interlock_wait::{Deadline, WaitContext};
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

type Numbers = DelayQueue<u32>;

/// A taker that takes until nothing is left.
fn takes_all(queue: &Arc<Numbers>) -> JoinHandle<Vec<u32>> {
    let queue = queue.clone();
    thread::spawn(move || std::iter::from_fn(|| queue.take_with(&mut WaitContext::endless())).collect())
}

#[test]
fn an_item_always_has_a_taker() {
    model::check(|| {
        let queue = Arc::new(Numbers::new());
        assert!(queue.put(Deadline::PASSED, 1).1);
        let first = takes_all(&queue);
        let second = queue.put(Deadline::PASSED, 2).1.then(|| takes_all(&queue));
        let mut taken = first.join().unwrap();
        taken.extend(second.into_iter().flat_map(|taker| taker.join().unwrap()));
        assert_eq!(taken, [1, 2]);
        assert!(queue.put(Deadline::NEVER, 3).1, "both have left");
    });
}

#[test]
fn an_item_is_taken_or_taken_back_and_never_both() {
    model::check(|| {
        let queue = Arc::new(Numbers::new());
        let (ticket, _) = queue.put(Deadline::PASSED, 1);
        let taker = takes_all(&queue);
        let back = queue.take_back(ticket);
        assert_eq!(taker.join().unwrap().len() + back.iter().len(), 1);
        assert_eq!(queue.take_back(ticket), None);
    });
}

#[test]
fn an_earlier_item_wakes_the_taker() {
    model::check(|| {
        let queue = Arc::new(Numbers::new());
        queue.put(Deadline::NEVER, 1);
        let taker = {
            let queue = queue.clone();
            thread::spawn(move || queue.take_with(&mut WaitContext::endless()))
        };
        assert!(!queue.put(Deadline::PASSED, 2).1);
        assert_eq!(taker.join().unwrap(), Some(2));
    });
}

#[test]
fn a_taker_whose_item_was_taken_back_hears_of_the_next() {
    model::check(|| {
        let queue = Arc::new(Numbers::new());
        let (ticket, _) = queue.put(Deadline::NEVER, 1);
        let taker = takes_all(&queue);
        assert_eq!(queue.take_back(ticket), Some(1));
        let second = queue.put(Deadline::PASSED, 2).1.then(|| takes_all(&queue));
        let mut taken = taker.join().unwrap();
        taken.extend(second.into_iter().flat_map(|taker| taker.join().unwrap()));
        assert_eq!(taken, [2]);
    });
}
