//! The outcomes of tasks, with real threads. The names are those of the claims in `PROTOCOL.md`.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use interlock_pool::{Outcome, Phase, Refusal, Waited, Watch};
use interlock_queue::Queue;
use interlock_wait::{Deadline, WaitContext};

type Numbers = Outcome<usize, usize>;

/// Outcomes in a chunk: two threads that go through one in opposite directions meet somewhere in it.
const CHUNK: usize = 100;

fn pending(count: usize) -> Vec<Numbers> {
    (0..count).map(|_| Outcome::new()).collect()
}

/// A context with a deadline, so that a lost notification does not make the wait endless.
fn long() -> WaitContext<'static> {
    WaitContext::until(Deadline::after(Duration::from_secs(60)))
}

/// Runs both bodies on each chunk of outcomes at the same time, on two threads: the first from the front, the
/// second from the back. Returns the result of each body for each outcome.
fn race<A: Send, B: Send>(
    outcomes: &[Numbers],
    first: impl Fn(usize, &Numbers) -> A + Sync,
    second: impl Fn(usize, &Numbers) -> B + Sync,
) -> (Vec<A>, Vec<B>) {
    let together = Barrier::new(2);
    let numbered: Vec<_> = outcomes.iter().enumerate().collect();
    std::thread::scope(|scope| {
        let forwards = scope.spawn(|| {
            let mut said = Vec::new();
            for chunk in numbered.chunks(CHUNK) {
                together.wait();
                said.extend(chunk.iter().map(|&(number, outcome)| first(number, outcome)));
            }
            said
        });
        let backwards = scope.spawn(|| {
            let mut said = Vec::new();
            for chunk in numbered.chunks(CHUNK) {
                together.wait();
                let mut of_chunk: Vec<_> = chunk
                    .iter()
                    .rev()
                    .map(|&(n, outcome)| second(n, outcome))
                    .collect();
                of_chunk.reverse();
                said.extend(of_chunk);
            }
            said
        });
        (forwards.join().unwrap(), backwards.join().unwrap())
    })
}

#[test]
fn cancel_and_begin_race() {
    let outcomes = pending(100_000);
    let (began, cancelled) = race(
        &outcomes,
        |_, outcome| outcome.begin().unwrap(),
        |_, outcome| match outcome.cancel() {
            Ok(due) => due.is_some(),
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Phase(Phase::Running));
                false
            }
        },
    );
    for ((outcome, began), cancelled) in outcomes.iter().zip(began).zip(cancelled) {
        assert!(began != cancelled);
        let phase = if began {
            Phase::Running
        } else {
            Phase::CancelledAndNotified
        };
        assert_eq!(outcome.phase(), phase);
    }
}

#[test]
fn it_is_finished_once() {
    let outcomes = pending(20_000);
    let (firsts, seconds) = race(
        &outcomes,
        |number, outcome| match number % 3 {
            0 => outcome.cancel().is_ok(),
            _ => outcome.finish(number).is_ok(),
        },
        |number, outcome| match outcome.finish(number + 1) {
            Ok(_) => true,
            Err((refusal, value)) => {
                assert!(matches!(refusal, Refusal::Phase(phase) if phase.is_done()));
                assert_eq!(value, number + 1, "it comes back");
                false
            }
        },
    );
    for (number, outcome) in outcomes.iter().enumerate() {
        assert!(firsts[number] != seconds[number]);
        let value = outcome.value(|value| *value);
        let cancelled = number % 3 == 0 && firsts[number];
        assert_eq!(outcome.phase().is_cancelled(), cancelled);
        assert_eq!(
            value,
            (!cancelled).then_some(if firsts[number] { number } else { number + 1 })
        );
        assert!(outcome.finish(7).is_err() && outcome.value(|value| *value) == value);
    }
}

#[test]
fn no_waiter_sleeps_past_the_end() {
    let outcomes = pending(3_000);
    let together = Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for outcome in &outcomes {
                    together.wait();
                    assert_eq!(outcome.wait_with(&mut long()), Waited::Done);
                }
            });
        }
        for (number, outcome) in outcomes.iter().enumerate() {
            together.wait();
            if number % 2 == 0 {
                drop(outcome.cancel().unwrap());
            } else {
                drop(outcome.finish(number).unwrap());
            }
        }
    });
    let never = Numbers::new();
    let mut no_patience = WaitContext::until(Deadline::PASSED);
    assert_eq!(never.wait_with(&mut no_patience), Waited::TimedOut);
    drop(never.finish(1).unwrap());
    assert_eq!(never.wait_with(&mut no_patience), Waited::Done);
}

#[test]
fn every_callback_is_handed_out_once() {
    let outcomes = pending(50_000);
    let handed: Vec<_> = outcomes.iter().map(|_| AtomicUsize::new(0)).collect();
    let hand = |number: usize| handed[number].fetch_add(1, Ordering::SeqCst);
    race(
        &outcomes,
        |number, outcome| {
            for _ in 0..2 {
                if let Err((refusal, late)) = outcome.listen(number) {
                    assert!(matches!(refusal, Refusal::Phase(phase) if phase.is_done()));
                    hand(late);
                }
            }
        },
        |number, outcome| {
            let due = if number % 2 == 0 {
                outcome.finish(number).unwrap()
            } else {
                outcome.cancel().unwrap().unwrap()
            };
            for callback in due.callbacks() {
                hand(callback);
            }
            // The end of a cancelled task returns no more callbacks.
            assert_eq!(outcome.begin().is_ok(), number % 2 == 1);
        },
    );
    assert!(handed.iter().all(|times| times.load(Ordering::SeqCst) == 2));
}

#[test]
fn callbacks_come_in_the_order_in_which_they_were_left() {
    let outcome = Numbers::new();
    for number in 0..5 {
        outcome.listen(number).unwrap();
    }
    let due = outcome.finish(0).unwrap();
    assert!(due.callbacks().eq(0..5));
}

#[test]
fn a_watch_hears_of_each_outcome_once() {
    let outcomes = pending(50_000);
    let watch: Arc<Watch> = Arc::new(Queue::new(0));
    let unwanted: Arc<Watch> = Arc::new(Queue::new(0));
    outcomes.iter().for_each(|outcome| outcome.watch(&unwanted, 0));
    outcomes.iter().for_each(|outcome| outcome.unwatch(&unwanted));
    race(
        &outcomes,
        |number, outcome| outcome.watch(&watch, number),
        |number, outcome| {
            if number % 2 == 0 {
                drop(outcome.finish(number).unwrap());
            } else {
                drop(outcome.cancel().unwrap().unwrap());
                assert!(!outcome.begin().unwrap(), "it tells the watches");
            }
        },
    );
    let mut heard: Vec<_> = std::iter::from_fn(|| watch.try_get().ok()).collect();
    heard.sort_unstable();
    assert!(heard.into_iter().eq(0..outcomes.len()));
    assert!(unwanted.is_empty());
}

#[test]
fn a_watch_hears_of_a_cancelled_outcome_from_the_worker_that_drops_it() {
    let watch: Arc<Watch> = Arc::new(Queue::new(0));
    let outcome = Numbers::new();
    outcome.watch(&watch, 5);
    assert!(outcome.cancel().unwrap().is_some());
    assert!(watch.is_empty());
    assert_eq!(outcome.begin(), Ok(false));
    assert_eq!(watch.try_get(), Ok(5));
}

#[test]
fn a_retired_outcome_refuses_every_step() {
    let outcomes = pending(20_000);
    let (_, phases) = race(
        &outcomes,
        |number, outcome| match number % 3 {
            0 => drop(outcome.begin()),
            1 => drop(outcome.finish(number)),
            _ => drop(outcome.cancel()),
        },
        |_, outcome| outcome.retire().map(|(contents, _)| contents.phase),
    );
    for (outcome, phase) in outcomes.iter().zip(phases) {
        assert!(outcome.retire().is_none());
        assert!(matches!(outcome.begin(), Err(Refusal::Retired)));
        assert!(matches!(outcome.finish(1), Err((Refusal::Retired, 1))));
        assert!(matches!(outcome.cancel(), Err(Refusal::Retired)));
        assert!(matches!(outcome.listen(1), Err((Refusal::Retired, 1))));
        assert_eq!(
            Some(outcome.phase()),
            phase,
            "no step was taken after it was retired"
        );
    }
}

#[test]
fn no_thread_waits_in_the_engine_for_a_retired_outcome() {
    let outcomes = pending(3_000);
    let watch: Arc<Watch> = Arc::new(Queue::new(0));
    let together = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for outcome in &outcomes {
                together.wait();
                assert_eq!(outcome.wait_with(&mut long()), Waited::Retired);
            }
        });
        for (number, outcome) in outcomes.iter().enumerate() {
            outcome.listen(number).unwrap();
            outcome.watch(&watch, number);
            together.wait();
            let (contents, wakeups) = outcome.retire().unwrap();
            wakeups.run();
            let (mut callbacks, mut watches) = (Vec::new(), Vec::new());
            let handed = contents.hand_out(
                |callback| {
                    callbacks.push(callback);
                    Ok::<_, ()>(())
                },
                |watch, number| {
                    watches.push((watch, number));
                    Ok(())
                },
            );
            assert_eq!(
                (handed, callbacks),
                (Ok(()), vec![number]),
                "it is the host's now"
            );
            assert!(
                watches
                    .iter()
                    .all(|(it, its)| Arc::ptr_eq(it, &watch) && *its == number)
            );
            assert_eq!(watches.len(), 1);
        }
    });
}

/// Uses the outcome that it is a value of, or a callback for, when it is dropped.
struct Looks(Arc<Outcome<Looks, Looks>>, Arc<AtomicUsize>);

impl Drop for Looks {
    fn drop(&mut self) {
        let _ = self.0.phase();
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn values_and_callbacks_are_dropped_under_no_lock() {
    let drops = Arc::new(AtomicUsize::new(0));
    for finished in [true, false] {
        drops.store(0, Ordering::SeqCst);
        let outcome = Arc::new(Outcome::new());
        let looks = || Looks(outcome.clone(), drops.clone());
        assert!(outcome.listen(looks()).is_ok());
        if finished {
            drop(outcome.finish(looks()).ok());
        } else {
            drop(outcome.cancel().ok());
        }
        drop(outcome.finish(looks()).err());
        drop(outcome.listen(looks()).err());
        drop(outcome.take_value());
        drop(outcome.clear());
        assert_eq!(drops.load(Ordering::SeqCst), if finished { 4 } else { 3 });
    }
}
