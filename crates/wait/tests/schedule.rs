//! What a scheduler decides: which thread runs, and what time it is.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;
mod simulator;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::Anything;
use interlock_wait::{
    Deadline, SharedWord, WaitContext, WaitQueue, Waiter, Wake, WordLock, block, block_shared, now, spawn,
    wake_shared, watch,
};
use simulator::{Step, simulate};

const HOUR: Duration = Duration::from_secs(3600);

type Line = WordLock<WaitQueue>;

fn wait(line: &Line, deadline: Deadline) -> Wake {
    let waiter = Waiter::thread();
    line.lock().push_back(waiter.clone());
    let wake = block(&waiter, &Anything, &mut WaitContext::until(deadline), || ());
    if wake != Wake::Notified {
        line.lock().remove(&waiter);
    }
    wake
}

/// Tests take turns, because a process has one scheduler.
#[test]
fn a_scheduler_drives_the_threads_that_the_engine_starts() {
    time_passes_when_no_thread_can_go_on();
    an_instant_is_a_time_on_the_schedulers_clock();
    a_wake_up_goes_to_the_scheduler();
    a_sleep_on_shared_words_is_the_schedulers();
    a_thread_starts_when_the_scheduler_says_so();
}

fn time_passes_when_no_thread_can_go_on() {
    let steps = simulate(
        1,
        vec![Box::new(|simulator| {
            let begin = now();
            assert_eq!(wait(&Line::default(), Deadline::after(HOUR)), Wake::TimedOut);
            assert_eq!(now() - begin, HOUR);
            // No thread can make that true meanwhile, and the clock stands still.
            assert!(!watch(1_000, || false));
            assert_eq!(now() - begin, HOUR);
            simulator.say("an hour later");
        })],
    );
    assert!(steps.contains(&Step::Time(1 + HOUR.as_nanos() as u64)));
    assert!(steps.contains(&Step::Says(0, "an hour later")));
}

/// C342
fn an_instant_is_a_time_on_the_schedulers_clock() {
    simulate(
        1,
        vec![Box::new(|_| {
            // A thread that the system holds up for a millisecond in between tries again.
            let is_exact = || Deadline::from(Instant::now() + HOUR) == Deadline::after(HOUR);
            assert!((0..1000).any(|_| is_exact()));
            assert!(Deadline::from(Instant::now()).has_passed());
        })],
    );
}

fn a_wake_up_goes_to_the_scheduler() {
    for seed in 0..50 {
        let line = Arc::new(Line::default());
        let notifiers = line.clone();
        let steps = simulate(
            seed,
            vec![
                Box::new(move |_| assert_eq!(wait(&line, Deadline::NEVER), Wake::Notified)),
                Box::new(move |_| {
                    // Waits until the other thread is in line.
                    while notifiers.lock().is_empty() {
                        wait(&Line::default(), Deadline::after(Duration::from_secs(1)));
                    }
                    notifiers.lock().notify_one().run();
                }),
            ],
        );
        assert_eq!(
            steps.iter().filter(|step| matches!(step, Step::Ended(_))).count(),
            2
        );
    }
}

fn a_sleep_on_shared_words_is_the_schedulers() {
    for seed in 0..50 {
        let words = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let changed = words.clone();
        simulate(
            seed,
            vec![
                Box::new(move |_| {
                    let words = words.each_ref().map(|word| SharedWord { word, expected: 0 });
                    let mut context = WaitContext::endless();
                    assert_eq!(block_shared(&words, &Anything, &mut context), Wake::Notified);
                }),
                Box::new(move |_| {
                    changed[1].store(1, Ordering::Release);
                    wake_shared(&changed[1], 1);
                }),
            ],
        );
    }
}

fn a_thread_starts_when_the_scheduler_says_so() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..50 {
        seen.insert(simulate(
            seed,
            vec![Box::new(|simulator| {
                simulator.say("before");
                // The scheduler decides which of the two ends first.
                spawn(0, || {
                    assert_eq!(wait(&Line::default(), Deadline::after(HOUR)), Wake::TimedOut);
                })
                .unwrap();
                wait(&Line::default(), Deadline::after(HOUR));
                simulator.say("after");
            })],
        ));
    }
    assert!(seen.len() > 1);
}
