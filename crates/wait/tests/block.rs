//! The ends of a wait: a notification, a deadline, the host.

#![cfg(not(loom))]

mod common;
mod hosts;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake as Task, Waker};
use std::time::{Duration, Instant};

use common::{Anything, Bomb, Counts, Runs, eventually, panics_in};
use hosts::Stops;
use interlock_wait::{
    Deadline, Host, Slept, ThreadIdent, WaitContext, WaitQueue, Waiter, Wake, WordLock, block,
};

type Line = WordLock<WaitQueue>;

fn line_up(line: &Line) -> Arc<Waiter> {
    let waiter = Waiter::thread();
    line.lock().push_back(waiter.clone());
    waiter
}

#[test]
fn a_notification_ends_a_wait_that_has_begun_and_one_that_has_not() {
    let line = Line::default();
    let sleeps = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let waiter = line_up(&line);
            let mut host = Counts(&sleeps);
            let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
            assert_eq!(block(&waiter, &Anything, &mut context, || ()), Wake::Notified);
        });
        eventually(|| sleeps.load(Ordering::SeqCst) == 1);
        line.lock().notify_one().run();
    });
    let waiter = line_up(&line);
    line.lock().notify_one().run();
    assert_eq!(
        block(&waiter, &Anything, &mut WaitContext::endless(), || ()),
        Wake::Notified
    );
}

#[test]
fn a_deadline_ends_a_wait_not_before_its_time() {
    let line = Line::default();
    for timeout in [Duration::ZERO, Duration::from_millis(5)] {
        let waiter = line_up(&line);
        let began = Instant::now();
        let mut context = WaitContext::until(Deadline::after(timeout));
        assert_eq!(block(&waiter, &Anything, &mut context, || ()), Wake::TimedOut);
        assert!(began.elapsed() >= timeout);
        assert!(line.lock().remove(&waiter));
    }
    let waiter = line_up(&line);
    let mut context = WaitContext::until(Deadline::PASSED);
    assert_eq!(block(&waiter, &Anything, &mut context, || ()), Wake::TimedOut);
}

#[test]
fn a_wait_without_time_does_not_sleep_and_finds_what_is_there() {
    let line = Line::default();
    let sleeps = AtomicUsize::new(0);
    let mut host = Counts(&sleeps);
    let mut context = WaitContext::hosted(Deadline::PASSED, &mut host);
    let waiter = line_up(&line);
    assert_eq!(block(&waiter, &Anything, &mut context, || ()), Wake::TimedOut);
    line.lock().notify_one().run();
    assert_eq!(block(&waiter, &Anything, &mut context, || ()), Wake::Notified);
    assert_eq!(sleeps.load(Ordering::SeqCst), 0);
}

#[test]
fn a_notification_at_the_last_moment_is_found_by_who_leaves() {
    let line = Line::default();
    let waiter = line_up(&line);
    let mut host = Runs(|| {
        line.lock().notify_one().run();
        true
    });
    let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
    assert_eq!(block(&waiter, &Anything, &mut context, || ()), Wake::Interrupted);
    assert!(!line.lock().remove(&waiter) && waiter.is_notified());
}

#[test]
fn a_wait_that_unwinds_leaves_its_queue() {
    let line = Line::default();
    for notified in [0, 1] {
        let waiter = line_up(&line);
        let mut left = None;
        panics_in(
            |context| {
                block(&waiter, &Anything, context, || {
                    left = Some(line.lock().remove(&waiter));
                })
            },
            || line.lock().notify(notified).run(),
        );
        assert_eq!(left, Some(notified == 0));
        assert!(line.lock().is_empty());
    }
}

#[test]
fn a_host_ends_a_wait_unless_the_wait_insists() {
    let line = Line::default();
    let waiter = line_up(&line);
    let mut host = Stops::at_once();
    let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
    assert_eq!(block(&waiter, &Anything, &mut context, || ()), Wake::Interrupted);

    let mut wants_to_stop = 0;
    let mut host = Runs(|| {
        wants_to_stop += 1;
        if wants_to_stop == 3 {
            line.lock().notify_all().run();
        }
        true
    });
    let mut context = WaitContext::hosted(Deadline::PASSED, &mut host);
    assert_eq!(
        block(&waiter, &Anything, &mut context.insisting(), || ()),
        Wake::Notified
    );
    assert_eq!(wants_to_stop, 3);
}

#[test]
fn a_host_learns_who_notified() {
    struct Learns(Option<Slept>);

    impl Host for Learns {
        fn sleep(&mut self, rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
            self.0 = Some(rest());
            false
        }

        fn hears_signals(&self) -> bool {
            false
        }
    }

    let line = Line::default();
    let waiter = line_up(&line);
    let notifier = std::thread::scope(|scope| {
        let notifier = scope.spawn(|| {
            line.lock().notify_one().run();
            ThreadIdent::current()
        });
        notifier.join().unwrap()
    });
    let mut host = Learns(None);
    let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
    assert_eq!(block(&waiter, &Anything, &mut context, || ()), Wake::Notified);
    assert_eq!(host.0, Some(Slept::Notified(Some(notifier))));
}

/// Panics as often as it says: when it is woken, when that panic is dropped, and so on.
struct WakesOrPanics {
    woken: Arc<AtomicUsize>,
    panics: u32,
}

impl Task for WakesOrPanics {
    fn wake(self: Arc<Self>) {
        if let Some(less) = self.panics.checked_sub(1) {
            resume_unwind(Box::new(Bomb(less)));
        }
        self.woken.fetch_add(1, Ordering::SeqCst);
    }
}

/// C368
#[test]
fn a_waker_that_panics_costs_the_others_nothing() {
    let line = Line::default();
    let woken = Arc::new(AtomicUsize::new(0));
    for panics in [0, 1, 2, 0, 3, 2, 0] {
        let task = WakesOrPanics {
            woken: woken.clone(),
            panics,
        };
        line.lock().push_back(Waiter::task(Waker::from(Arc::new(task))));
    }
    let wakeups = line.lock().notify_all();
    wakeups.run();
    assert_eq!(woken.load(Ordering::SeqCst), 3);
}

/// C368
#[test]
fn a_waker_that_panics_when_it_is_dropped_costs_its_task_nothing() {
    struct Silent(#[allow(dead_code, reason = "dropped with it")] Bomb);

    impl Task for Silent {
        fn wake(self: Arc<Self>) {}
    }

    let bomb = || Waker::from(Arc::new(Silent(Bomb(2))));
    let line = Line::default();
    let leaves = Waiter::task(bomb());
    line.lock().push_back(leaves.clone());
    leaves.set_waker(&bomb());
    leaves.set_waker(Waker::noop());
    leaves.set_waker(&bomb());
    line.lock().remove(&leaves);
    drop(leaves);
    line.lock().push_back(Waiter::task(bomb()));
    line.lock().notify_one().run();
    assert!(line.lock().is_empty());
}

#[test]
fn ten_thousand_waiters_keep_their_order() {
    let line = Line::default();
    let waiters: Vec<_> = (0..10_000).map(|_| line_up(&line)).collect();
    assert_eq!(line.lock().len(), 10_000);
    for waiter in &waiters {
        line.lock().notify_one().run();
        assert!(waiter.is_notified());
    }
    assert!(line.lock().is_empty());
}

#[test]
fn a_signal_just_before_the_first_sleep_is_heard_soon() {
    /// Notices a signal when it checks after a sleep that the signal did not interrupt.
    struct Hears;

    impl Host for Hears {
        fn sleep(&mut self, rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
            assert_eq!(rest(), Slept::TimedOut);
            true
        }

        fn hears_signals(&self) -> bool {
            true
        }
    }

    // So often that a thread for which spins never paid stops spinning.
    for _ in 0..10 {
        let line = Line::default();
        let waiter = line_up(&line);
        let mut host = Hears;
        let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
        assert_eq!(block(&waiter, &Anything, &mut context, || ()), Wake::Interrupted);
        assert!(line.lock().remove(&waiter));
    }
}
