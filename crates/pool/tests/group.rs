//! Waiting for threads together, and for something that happens once.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use interlock_pool::{Group, Job, Latch, launch};
use interlock_wait::{Deadline, Patience};

static GROUP: Group = Group::new();

struct Counts(Arc<AtomicUsize>);

impl Job for Counts {
    fn run(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn ended(self: Box<Self>) {
        GROUP.leave();
    }
}

#[test]
fn a_group_is_waited_for_until_the_last_has_left() {
    let runs = Arc::new(AtomicUsize::new(0));
    for round in 1..=50 {
        for _ in 0..4 {
            GROUP.enter();
            drop(launch(1 << 17, Box::new(Counts(runs.clone()))).unwrap());
        }
        assert!(GROUP.wait_with(&mut Patience::endless()));
        assert_eq!(runs.load(Ordering::SeqCst), 4 * round);
    }
    let group = Group::default();
    assert!(group.wait_with(&mut Patience::endless()), "nobody is in it");
    group.enter();
    assert!(!group.wait_with(&mut Patience::until(Deadline::PASSED)));
}

#[test]
fn a_latch_opens_once_for_all() {
    let latch = Arc::new(Latch::default());
    assert!(!latch.wait_with(&mut Patience::until(Deadline::PASSED)));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(latch.wait_with(&mut Patience::endless())));
        }
        latch.open();
    });
    assert!(latch.is_open() && latch.wait_with(&mut Patience::until(Deadline::PASSED)));
}

struct PanicsAtItsEnd(Arc<Latch>);

impl Job for PanicsAtItsEnd {
    fn run(&mut self) {}

    fn ended(self: Box<Self>) {
        self.0.open();
        std::panic::resume_unwind(Box::new("a panic that the test asked for"));
    }
}

#[test]
fn a_job_whose_end_panics_does_not_take_the_next_one_with_it() {
    for _ in 0..100 {
        let ended = Arc::new(Latch::default());
        drop(launch(1 << 16, Box::new(PanicsAtItsEnd(ended.clone()))).unwrap());
        let soon = Deadline::after(std::time::Duration::from_secs(10));
        assert!(ended.wait_with(&mut Patience::until(soon)), "the job was run");
    }
}
