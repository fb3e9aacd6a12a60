//! Threads are reused, each job runs once, and who learns that a job ended finds its thread idle.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::collections::HashSet;
use std::sync::mpsc;

use interlock_pool::{Job, Lease, launch};
use interlock_wait::ThreadId;

struct Report {
    tell: mpsc::Sender<ThreadId>,
    panics: bool,
}

impl Job for Report {
    fn run(&mut self) {
        assert!(!self.panics, "a panic that the test asked for");
    }

    fn ended(self: Box<Self>) {
        self.tell.send(ThreadId::current()).unwrap();
    }
}

fn run(stack_size: usize, panics: bool) -> ThreadId {
    let (tell, hear) = mpsc::channel();
    let told = launch(stack_size, Box::new(Report { tell, panics })).unwrap();
    let ran_on = hear.recv().unwrap();
    assert_eq!(told.thread(), ran_on);
    ran_on
}

#[test]
fn a_thread_is_not_reused_while_somebody_has_a_lease_on_it() {
    let mut leases = Vec::new();
    for _ in 0..20 {
        let (tell, hear) = mpsc::channel();
        leases.push(launch(1 << 17, Box::new(Report { tell, panics: false })).unwrap());
        hear.recv().unwrap();
    }
    let threads: HashSet<_> = leases.iter().map(Lease::thread).collect();
    assert_eq!(threads.len(), 20);
    drop(leases);
    assert!(threads.contains(&run(1 << 17, false)));
}

#[test]
fn a_thread_whose_job_ended_runs_the_next_even_after_a_panic() {
    let stack_size = 1 << 20;
    let first = run(stack_size, false);
    assert_eq!(run(stack_size, true), first);
    for _ in 0..1000 {
        assert_eq!(run(stack_size, false), first);
    }
}

#[test]
fn a_thread_is_reused_for_its_own_stack_size_only() {
    let small = run(1 << 19, false);
    assert_ne!(run(1 << 18, false), small);
    assert_eq!(run(1 << 19, false), small);
}
