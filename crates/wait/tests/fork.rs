//! Real forks, of a process with threads that wait and threads at work on the engine.

#![allow(unsafe_code, reason = "a test forks")]
#![cfg(not(loom))]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{Anything, Counts, eventually};
use interlock_wait::{Deadline, ThreadId, WaitContext, WaitQueue, Waiter, Wake, WordLock, block, fork};

type Line = WordLock<WaitQueue>;

/// Runs `body` in a forked child. Returns whether it returned true there, within a minute.
fn in_a_child(body: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs `body`, which allocates and uses the engine, and ends; the C library's allocator can be used
    // in the child of a process with threads.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: the alarm ends a child that hangs; `_exit` ends it without running what is left of the test.
        unsafe { libc::alarm(60) };
        let status = if body() { 0 } else { 1 };
        // SAFETY: as above.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: the child is this process's, and nobody else waits for it.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

#[test]
fn a_forked_child_finds_every_queue_empty() {
    let line = Line::default();
    let sleeps = AtomicUsize::new(0);
    let generation = fork::generation();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let waiter = Waiter::thread();
            line.lock().push_back(waiter.clone());
            let mut host = Counts(&sleeps);
            let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
            assert_eq!(block(&waiter, &Anything, &mut context, || ()), Wake::Notified);
        });
        eventually(|| sleeps.load(Ordering::SeqCst) == 1);
        let foreign = Waiter::thread();
        line.lock().push_back(foreign.clone());
        assert!(in_a_child(|| {
            let mut queue = line.lock();
            let empty = queue.is_empty() && queue.front().is_none();
            let not_there = !queue.remove(&foreign);
            queue.notify_all().run();
            let own = Waiter::thread();
            queue.push_back(own.clone());
            let alone = queue.len() == 1;
            queue.notify_one().run();
            drop(queue);
            // A wait that began in the parent ends: its queue is not there any more.
            let ends = block(&foreign, &Anything, &mut WaitContext::endless(), || ()) == Wake::Notified;
            empty
                && not_there
                && alone
                && own.is_notified()
                && ends
                && !foreign.is_notified()
                && fork::generation() == generation + 1
        }));
        // The parent's queue has not changed.
        assert_eq!((line.lock().len(), fork::generation()), (2, generation));
        line.lock().notify_all().run();
    });
}

#[test]
fn a_fork_waits_for_engine_work_that_nothing_excludes() {
    let shared = Line::default();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    fork::fork_guarded(|| {
                        let mut line = shared.lock();
                        line.push_back(Waiter::thread());
                        line.notify_one().run();
                    });
                }
            });
        }
        // The lock is free, and its data is intact.
        let whole = || in_a_child(|| shared.try_lock().is_some_and(|line| line.is_empty()));
        let always = (0..200).all(|_| whole());
        over.store(true, Ordering::SeqCst);
        assert!(always);
    });
}

#[test]
fn work_that_excludes_forks_may_fork_itself_and_be_nested() {
    let forked = fork::fork_guarded(|| fork::fork_guarded(|| in_a_child(|| fork::fork_guarded(|| true))));
    assert!(forked);
    assert!(in_a_child(|| fork::fork_guarded(|| true)));
}

#[test]
fn the_thread_that_forks_keeps_its_number() {
    let me = ThreadId::current();
    let other = std::thread::scope(|scope| scope.spawn(ThreadId::current).join().unwrap());
    assert!(in_a_child(|| {
        let newcomer = std::thread::spawn(ThreadId::current).join().unwrap();
        me == ThreadId::current()
            && me == ThreadId::of_ident(me.ident())
            && newcomer.number() > other.number()
    }));
}
