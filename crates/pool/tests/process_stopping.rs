//! Calls of pools of processes that are cancelled while they run: claims C302, C303, C421, C422 and C436 of PROCESS_PROTOCOL.md.

mod processes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use interlock_pool::process::{Limits, OnWorkerDeath};
use interlock_pool::{Waited, Watch};

use processes::{Hosted, eventually, in_a_child, settings, turn, within_a_minute};

#[test]
fn a_call_that_is_cancelled_while_it_runs_costs_no_other_c302() {
    let _turn = turn();
    for policy in [
        OnWorkerDeath::FailTask,
        OnWorkerDeath::Retry,
        OnWorkerDeath::Break,
    ] {
        let hosted = Hosted::new(settings(1, policy));
        let limits = Limits {
            retries: 3,
            ..Limits::default()
        };
        let runs = hosted.submit_with(b"wait x", limits);
        eventually("it runs", || hosted.pool.is_running(&runs));
        let others = hosted.submit_numbers(10);
        assert!(hosted.pool.cancel_running(&runs));
        assert!(runs.phase().is_cancelled());
        assert!(runs.take_answer().is_none());
        hosted.assert_numbers(&others);
        assert!(
            !hosted.pool.cancel_running(&others[0]),
            "one that has ended is not cancelled"
        );
        hosted.end();
    }
}

#[test]
fn a_call_is_cancelled_once_or_has_its_answer_c302() {
    let _turn = turn();
    let hosted = Hosted::new(settings(2, OnWorkerDeath::FailTask));
    let mut cancelled = 0;
    for round in 0..200 {
        let calls = hosted.submit_numbers(4);
        if round % 2 == 0 {
            hosted.pool.look();
        }
        let is_cancelled = hosted.pool.cancel_running(&calls[round % 4]);
        cancelled += usize::from(is_cancelled);
        for (i, call) in calls.iter().enumerate() {
            match i == round % 4 && is_cancelled {
                true => assert!(call.phase().is_cancelled() && call.take_answer().is_none()),
                false => assert_eq!(hosted.text(call), i.to_string()),
            }
        }
    }
    assert!(cancelled > 0);
    hosted.end();
}

#[test]
fn the_child_of_a_fork_ends_none_of_its_parents_calls_c421() {
    let _turn = turn();
    let hosted = Hosted::new(settings(1, OnWorkerDeath::FailTask));
    let runs = hosted.submit(b"wait x");
    eventually("it runs", || hosted.pool.is_running(&runs));
    let calls = hosted.submit_numbers(5);
    let (pool, stats) = (&hosted.pool, hosted.pool.stats());
    assert!(in_a_child(|| {
        let ends_none = !pool.cancel(&runs) && !pool.cancel_running(&runs) && !pool.stop(&runs);
        let copies = pool.cancel(&calls[0]) && pool.cancel_running(&calls[4]) && !pool.stop(&calls[2]);
        let watch = Arc::new(Watch::new(0));
        calls[1].watch(&watch, 7);
        let hears = pool.cancel(&calls[1]) && watch.try_get().is_ok();
        let are_cancelled = [0, 1, 4].iter().all(|&at| calls[at].phase().is_cancelled());
        let starts_none = pool.missing_workers() == 0 && pool.add_worker().unwrap().is_none();
        pool.shutdown();
        ends_none && copies && hears && are_cancelled && starts_none && pool.cancel_waiting().is_empty()
    }));
    let now = hosted.pool.stats();
    assert_eq!((now.waiting, now.running), (stats.waiting, stats.running));
    hosted.gate.set();
    assert_eq!(hosted.text(&runs), "x");
    hosted.assert_numbers(&calls);
    hosted.end();
}

#[test]
fn a_large_answer_that_had_come_is_there_for_parent_and_child_c422() {
    let _turn = turn();
    let hosted = Hosted::new(settings(1, OnWorkerDeath::FailTask));
    let large = |byte: &str| byte.repeat(200_000);
    let call = hosted.submit(format!("echo {}", large("a")).as_bytes());
    let last = hosted.submit(b"echo last");
    assert_eq!(hosted.text(&last), "last");
    assert!(call.phase().is_done());
    assert!(in_a_child(|| hosted.text(&call) == large("a")));
    let others: Vec<_> = (0..4)
        .map(|_| hosted.submit(format!("echo {}", large("b")).as_bytes()))
        .collect();
    assert!(others.iter().all(|call| hosted.text(call) == large("b")));
    assert!(hosted.text(&call) == large("a"));
    hosted.end();
}

/// A large answer is taken and kept under the lock of the pool, for which the supervisor waits.
#[test]
fn forks_beside_large_answers_stop_no_thread_c436() {
    let _turn = turn();
    let hosted = Hosted::new(settings(2, OnWorkerDeath::FailTask));
    let large = "a".repeat(100_000);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Relaxed: the number of forks does not matter.
            while !is_over.load(Ordering::Relaxed) {
                assert!(in_a_child(|| true));
            }
        });
        for _ in 0..200 {
            let calls = [(); 4].map(|()| hosted.submit(format!("echo {large}").as_bytes()));
            assert!(calls.iter().all(|call| hosted.text(call) == large));
        }
        is_over.store(true, Ordering::Relaxed); // Relaxed: as above
    });
    hosted.end();
}

/// The waiting thread leads; no answer comes that would wake it.
#[test]
fn a_thread_that_waits_hears_of_a_cancellation_c303() {
    let _turn = turn();
    let hosted = Hosted::new(settings(1, OnWorkerDeath::FailTask));
    let runs = hosted.submit(b"wait x");
    eventually("it runs", || hosted.pool.is_running(&runs));
    let waits = hosted.submit(b"echo y");
    let watch = Arc::new(Watch::new(0));
    runs.watch(&watch, 7);
    hosted.pool.await_answer(&runs, None);
    for (call, runs) in [(waits, false), (runs, true)] {
        let (pool, its) = (hosted.pool.clone(), call.clone());
        let waiter = std::thread::spawn(move || pool.wait(&its, &mut within_a_minute()));
        std::thread::sleep(Duration::from_millis(50)); // sleep: until the waiter sleeps, as a rule
        let is_cancelled = match runs {
            true => hosted.pool.cancel_running(&call),
            false => hosted.pool.cancel(&call),
        };
        assert!(is_cancelled);
        let ended = || waiter.is_finished();
        eventually("the waiter goes on", ended);
        assert!(matches!(waiter.join(), Ok(Waited::Done)));
    }
    assert_eq!(watch.try_get().ok(), Some(7));
    hosted.end();
}
