//! Pools of processes: claims C240 to C249, C253, C304, C321 and C350, of PROCESS_PROTOCOL.md.

mod processes;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use interlock_pool::process::{Answer, Call, Duty, Limits, OnWorkerDeath, ProcessPool};
use interlock_pool::{Waited, Watch};
use interlock_queue::{Fifo, HostQueue, Queue};

use processes::{
    Hosted, Pool, endless, eventually, exit, kill, settings, signal, start_and_end, turn, wait_for,
    within_a_minute,
};

#[test]
fn each_call_has_its_answer() {
    let _turn = turn();
    let hosted = Hosted::new(settings(2, OnWorkerDeath::FailTask));
    let calls = hosted.submit_numbers(3000);
    hosted.assert_numbers(&calls);
    let one_at_a_time =
        (0..300).all(|i| hosted.text(&hosted.submit(format!("echo {i}").as_bytes())) == i.to_string());
    assert!(one_at_a_time);
    assert_eq!(hosted.pool.pending(), 0);
    eventually("they are counted", || hosted.pool.stats().done == 3300);
    let stats = hosted.pool.stats();
    assert_eq!((stats.submitted, stats.failed), (3300, 0));
    assert!(hosted.end().is_empty());
}

#[test]
fn large_calls_and_answers_come_whole() {
    let _turn = turn();
    let hosted = Hosted::new(settings(1, OnWorkerDeath::FailTask));
    let text = "x".repeat(300_000);
    let call = hosted.submit(format!("echo {text}").as_bytes());
    assert_eq!(hosted.text(&call), text);
    let failed = hosted.submit(b"fail because");
    assert!(matches!(hosted.answer(&failed), Answer::Given(given) if given.failed));
    hosted.end();
}

#[test]
fn a_death_costs_the_call_that_was_running_c240() {
    let _turn = turn();
    let hosted = Hosted::new(settings(2, OnWorkerDeath::FailTask));
    for round in 0..20 {
        let calls = hosted.submit_numbers(100);
        let dies = hosted.submit(b"die");
        let after = hosted.submit_numbers(100);
        match hosted.answer(&dies) {
            Answer::WorkerDied(death) => {
                assert!(
                    death.was_running && death.was_ready && death.pid != 0,
                    "{round}: {death:?}"
                );
            }
            other => panic!("{round}: {other:?}"),
        }
        hosted.assert_numbers(&calls);
        hosted.assert_numbers(&after);
    }
    hosted.end();
}

#[test]
fn a_call_runs_again_as_often_as_it_may_c241() {
    let _turn = turn();
    let hosted = Hosted::new(settings(2, OnWorkerDeath::Retry));
    let limits = Limits {
        retries: 2,
        ..Limits::default()
    };
    let dies = hosted.submit_with(b"die", limits);
    assert!(matches!(hosted.answer(&dies), Answer::WorkerDied(_)));
    let waits = hosted.submit_with(b"wait long", limits);
    eventually("it runs", || hosted.pool.is_running(&waits));
    hosted.pool.processes().into_iter().for_each(kill);
    hosted.gate.set();
    assert_eq!(hosted.text(&waits), "long");
    hosted.end();
}

#[test]
fn a_call_that_comes_back_after_a_shutdown_has_a_worker_c304() {
    let _turn = turn();
    let hosted = Hosted::new(settings(2, OnWorkerDeath::Retry));
    let limits = Limits {
        retries: 1,
        ..Limits::default()
    };
    let calls: Vec<_> = (0..3)
        .map(|i| hosted.submit_with(format!("wait {i}").as_bytes(), limits))
        .collect();
    let run = || calls.iter().filter(|call| hosted.pool.is_running(call)).count();
    eventually("two run", || run() == 2);
    hosted.pool.shutdown();
    let killed = hosted.pool.processes()[1]; // the third call is behind that of the other one
    kill(killed);
    eventually("two run without it", || {
        !hosted.pool.processes().contains(&killed) && run() == 2
    });
    hosted.gate.set();
    hosted.assert_numbers(&calls);
    hosted.end();
}

#[test]
fn a_pool_that_breaks_fails_all_c242() {
    let _turn = turn();
    let hosted = Hosted::new(settings(2, OnWorkerDeath::Break));
    let waits: Vec<_> = (0..10).map(|_| hosted.submit(b"wait x")).collect();
    eventually("one runs", || hosted.pool.is_running(&waits[0]));
    kill(hosted.pool.processes()[0]);
    for call in &waits {
        assert!(matches!(hosted.answer(call), Answer::Broken(_)));
    }
    assert!(hosted.pool.broken().is_some());
    let call = Call::new(&hosted.arena, &[b"echo"], Limits::default()).unwrap();
    assert!(hosted.pool.submit(&call, &mut endless()).is_err());
    hosted.end();
}

#[test]
fn no_call_waits_behind_another_one_while_a_worker_is_idle_c243() {
    let _turn = turn();
    // Which thread takes the last answers of the other worker differs from time to time.
    for _ in 0..20 {
        let hosted = Hosted::new(settings(2, OnWorkerDeath::FailTask));
        // Short calls first, so that many are handed out at once.
        let calls = hosted.submit_numbers(500);
        for call in &calls {
            hosted.text(call);
        }
        let waits = hosted.submit(b"wait x");
        let calls = hosted.submit_numbers(100);
        hosted.assert_numbers(&calls);
        hosted.gate.set();
        assert_eq!(hosted.text(&waits), "x");
        hosted.end();
    }
}

#[test]
fn a_call_is_cancelled_unless_a_worker_has_it_c244() {
    let _turn = turn();
    let hosted = Hosted::new(settings(1, OnWorkerDeath::FailTask));
    let runs = hosted.submit(b"wait x");
    eventually("it runs", || hosted.pool.is_running(&runs));
    let calls = hosted.submit_numbers(10);
    assert!(!hosted.pool.cancel(&runs));
    assert!(calls.iter().step_by(2).all(|call| hosted.pool.cancel(call)));
    hosted.gate.set();
    for (i, call) in calls.iter().enumerate().filter(|(i, _)| i % 2 == 1) {
        assert_eq!(hosted.text(call), i.to_string());
    }
    assert!(calls[0].phase().is_cancelled());
    eventually("they are counted", || {
        let stats = hosted.pool.stats();
        (stats.done, stats.dropped) == (6, 5)
    });
    hosted.end();
}

#[test]
fn calls_that_wait_are_cancelled_all_at_once_c244() {
    let _turn = turn();
    let hosted = Hosted::new(settings(1, OnWorkerDeath::FailTask));
    let runs = hosted.submit(b"wait x");
    eventually("it runs", || hosted.pool.is_running(&runs));
    let calls = hosted.submit_numbers(10);
    for (i, call) in calls.iter().enumerate().take(3) {
        assert!(hosted.pool.await_answer(call, Some(i)));
    }
    let cancelled = hosted.pool.cancel_waiting();
    assert_eq!(cancelled.len(), 10);
    assert!(calls.iter().all(|call| call.phase().is_cancelled()));
    hosted.gate.set();
    assert_eq!(hosted.text(&runs), "x");
    assert_eq!(hosted.end(), [0, 1, 2]);
}

#[test]
fn a_call_that_is_late_or_stopped_costs_no_other_c245() {
    let _turn = turn();
    let hosted = Hosted::new(settings(1, OnWorkerDeath::FailTask));
    let late = hosted.submit_with(
        b"wait x",
        Limits {
            time: Some(Duration::from_millis(50)),
            ..Limits::default()
        },
    );
    let calls = hosted.submit_numbers(10);
    assert!(matches!(hosted.answer(&late), Answer::TimedOut));
    let stopped = hosted.submit(b"wait x");
    eventually("it runs", || hosted.pool.is_running(&stopped));
    let more = hosted.submit_numbers(10);
    assert!(hosted.pool.stop(&stopped));
    assert!(matches!(hosted.answer(&stopped), Answer::Stopped));
    hosted.assert_numbers(&calls);
    hosted.assert_numbers(&more);
    hosted.end();
}

#[test]
fn callbacks_and_watches_are_told_without_a_waiter_c246() {
    let _turn = turn();
    let hosted = Hosted::new(settings(2, OnWorkerDeath::FailTask));
    let watch: Arc<Watch> = Arc::new(Queue::with_store(Fifo::default(), 0));
    let mut hosts = 0;
    for i in 0..200 {
        let call = hosted.submit(format!("echo {i}").as_bytes());
        hosts += usize::from(hosted.pool.await_answer(&call, Some(i)));
        let watched = hosted.submit(format!("echo {i}").as_bytes());
        watched.watch(&watch, i);
        hosted.pool.await_answer(&watched, None);
    }
    for _ in 0..200 {
        watch.get_with(&mut within_a_minute()).unwrap();
    }
    assert_eq!(hosted.end().len(), hosts);
}

#[test]
fn a_worker_ends_after_so_many_calls_c247() {
    let _turn = turn();
    let mut settings = settings(2, OnWorkerDeath::Break);
    settings.calls_per_worker = Some(3);
    let hosted = Hosted::new(settings);
    let calls = hosted.submit_numbers(50);
    hosted.assert_numbers(&calls);
    assert!(hosted.pool.broken().is_none());
    hosted.end();
}

#[test]
fn a_stopped_worker_is_not_a_dead_one_c248() {
    let _turn = turn();
    let hosted = Hosted::new(settings(2, OnWorkerDeath::FailTask));
    let runs = hosted.submit(b"wait x");
    eventually("it runs", || hosted.pool.is_running(&runs));
    let processes = hosted.pool.processes();
    processes.iter().for_each(|&pid| signal(pid, libc::SIGSTOP));
    let call = hosted.submit(b"echo y");
    hosted.gate.set();
    processes.iter().for_each(|&pid| signal(pid, libc::SIGCONT));
    assert_eq!(hosted.text(&call), "y");
    assert_eq!(hosted.text(&runs), "x");
    assert_eq!(hosted.pool.processes(), processes);
    hosted.end();
}

#[test]
fn a_storm_of_kills_costs_what_was_running_c249() {
    let _turn = turn();
    let hosted = Hosted::new(settings(3, OnWorkerDeath::FailTask));
    let calls = hosted.submit_numbers(6000);
    let mut kills = 0;
    while !calls.iter().all(|call| call.phase().is_done()) {
        let processes = hosted.pool.processes();
        if let Some(&pid) = processes.get(kills % processes.len().max(1)) {
            kill(pid);
            kills += 1;
        }
        thread::sleep(Duration::from_millis(3)); // sleep: the time between two kills
        hosted.pool.look();
        assert!(kills < 20_000, "{:?}", hosted.pool.stats());
    }
    let mut lost = 0;
    for (i, call) in calls.iter().enumerate() {
        match hosted.answer(call) {
            Answer::Given(given) => given
                .bytes
                .with(|bytes| assert_eq!(bytes, i.to_string().as_bytes())),
            Answer::WorkerDied(death) => {
                assert!(death.was_running);
                lost += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(lost <= kills);
    hosted.end();
}

#[test]
fn what_is_left_with_a_call_is_dropped_though_no_host_attends_c253() {
    struct Left(Arc<AtomicUsize>);
    impl Drop for Left {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let _turn = turn();
    let arena = interlock_shm::Arena::home().unwrap();
    let settings = settings(1, OnWorkerDeath::FailTask);
    for ends_first in [true, false] {
        let pool = ProcessPool::<Left>::new(&arena, settings).unwrap();
        let dropped = Arc::new(AtomicUsize::new(0));
        let call = Call::new(&arena, &[b"x"], Limits::default()).unwrap();
        pool.submit(&call, &mut within_a_minute()).unwrap();
        assert!(pool.await_answer(&call, Some(Left(dropped.clone()))));
        if ends_first {
            pool.end_duties();
        }
        // No worker can be started, so the call ends.
        pool.give_up(b"the test has no workers");
        assert!(call.phase().is_done());
        pool.end_duties();
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_pool_breaks_if_its_first_worker_ends_by_itself_and_not_if_it_is_killed_c350() {
    let _turn = turn();
    let arena = interlock_shm::Arena::home().unwrap();
    for is_killed in [false, true] {
        let pool = Pool::new(&arena, settings(1, OnWorkerDeath::FailTask)).unwrap();
        let call = Call::new(&arena, &[b"echo"], Limits::default()).unwrap();
        let seat = pool.add_worker().unwrap().unwrap();
        pool.submit(&call, &mut within_a_minute()).unwrap();
        let end: fn() = match is_killed {
            true => || kill(std::process::id()),
            false => exit,
        };
        let pid = start_and_end(&pool, &arena, &seat, end);
        if is_killed {
            let mut duties = std::iter::from_fn(|| pool.next_duty(&mut within_a_minute()));
            assert!(duties.any(|duty| matches!(duty, Duty::Start)));
            assert!(pool.broken().is_none());
            pool.exited(pid + 1); // of no worker
            assert!(pool.broken().is_none());
            pool.exited(pid); // a host may know better
        }
        assert!(pool.wait(&call, &mut within_a_minute()) == Waited::Done);
        match call.take_answer() {
            Some(Answer::Broken(death)) => assert!(death.pid == pid && !death.was_ready, "{death:?}"),
            other => panic!("{other:?}"),
        }
        wait_for(pid);
    }
}

#[test]
fn a_host_hears_of_ends_in_the_order_of_the_answers_c321() {
    const CALLS: usize = 20_000;
    let _turn = turn();
    let hosted = Hosted::new(settings(1, OnWorkerDeath::FailTask));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    hosted.pool.look();
                }
            });
        }
        let mut last = None;
        for i in 0..CALLS {
            let call = Call::new(&hosted.arena, &[b"echo x"], Limits::default()).unwrap();
            assert!(hosted.pool.await_answer(&call, Some(i)));
            hosted.pool.submit(&call, &mut within_a_minute()).unwrap();
            last = Some(call);
        }
        hosted.answer(&last.unwrap());
        is_over.store(true, Ordering::Relaxed);
    });
    let heard = hosted.end();
    assert_eq!(heard.len(), CALLS);
    let early = heard.iter().enumerate().find(|&(at, &number)| number != at);
    assert_eq!(early, None, "a call was heard of before its turn");
}
