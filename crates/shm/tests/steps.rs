//! Deaths at each step of FORMAT.md: of a process that acts, and of the process that repairs after it.

#![cfg(not(loom))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, its helpers too"
)]

mod common;

use std::sync::Arc;

use common::{Announces, Child, arena, at_once, await_signal, endless, eventually, not_hanging, signal};
use interlock_shm::{Arena, Barrier, Condition, Error, Event, Lock, OnOwnerDeath, RLock, Semaphore, step};
use interlock_wait::Wake;

/// Makes a process die at each step of `exercise`, and others at each step of `recover`, which follows. After the
/// deaths, `check` verifies the result.
///
/// The steps are those whose names begin with one of `parts`, or with "sweep".
fn die_everywhere(parts: &[&str], exercise: &dyn Fn(), recover: &dyn Fn(), check: &dyn Fn(&str)) {
    let dies_at = |step: &'static str, count: u32, work: &dyn Fn()| {
        let child = Child::run(|| {
            step::arm(step, count);
            work();
            true
        });
        match child.status() {
            0 => false,
            libc::SIGKILL => true,
            status => panic!("at {step}: wait status {status}"),
        }
    };
    exercise();
    // The first repair shows which steps it has.
    for at in ["ledger.decided", "rlock.owned", "line.linked"] {
        dies_at(at, 1, exercise);
        recover();
        check(at);
    }
    let mut steps = step::passed();
    steps.retain(|step| step.starts_with("sweep") || parts.iter().any(|part| step.starts_with(part)));
    let mut deaths = 0;
    for &at in &steps {
        for count in 1.. {
            if !dies_at(at, count, exercise) {
                break;
            }
            deaths += 1;
            check(at);
        }
        // The process that repairs dies, too, and so does the next one.
        for &then in &steps {
            if dies_at(at, 1, exercise) && dies_at(then, 1, recover) {
                deaths += 1;
                dies_at(then, 2, recover);
                check(&format!("{at}, then {then}"));
            } else {
                check(at);
            }
        }
    }
    assert!(deaths > 10, "{deaths} deaths at {steps:?}");
}

/// C154, C155
#[test]
fn guarded_permits_are_neither_lost_nor_doubled() {
    let arena = arena();
    let semaphore = Semaphore::new(&arena, 2, 2).unwrap();
    let exercise = || {
        semaphore.acquire_guarded(&mut not_hanging()).unwrap();
        semaphore.acquire_guarded(&mut not_hanging()).unwrap();
        semaphore.release_guarded().unwrap();
        semaphore.release_guarded().unwrap();
    };
    let recover = || {
        semaphore.acquire_guarded(&mut not_hanging()).unwrap();
        semaphore.release_guarded().unwrap();
        arena.sweep_all();
    };
    die_everywhere(&["semaphore", "claim", "ledger"], &exercise, &recover, &|at| {
        for _ in 0..2 {
            let taken = semaphore.acquire_guarded(&mut not_hanging());
            assert!(taken.is_ok(), "a permit is lost at {at}");
        }
        assert!(semaphore.try_acquire().is_err(), "a permit is doubled at {at}");
        for _ in 0..2 {
            semaphore.release_guarded().unwrap();
        }
        assert_eq!((semaphore.lost_permits(), semaphore.value()), (0, 2), "at {at}");
    });
}

/// C154, C156
#[test]
fn lost_permits_are_counted() {
    let arena = arena();
    let semaphore = Semaphore::new(&arena, 2, 2).unwrap();
    let exercise = || {
        semaphore.acquire(&mut not_hanging()).unwrap();
        semaphore.acquire(&mut not_hanging()).unwrap();
        semaphore.release(2).unwrap();
    };
    let lost = std::cell::Cell::new(0);
    die_everywhere(
        &["semaphore", "claim", "ledger"],
        &exercise,
        &|| arena.sweep_all(),
        &|at| {
            let now = semaphore.lost_permits();
            let lost = now - lost.replace(now);
            assert_eq!(semaphore.value() + lost, 2, "at {at}");
            // The permits are given again, by a separate process, which may give more than it takes.
            let child = Child::run(|| lost == 0 || semaphore.release(lost).is_ok());
            assert!(child.succeeded());
            assert_eq!(semaphore.value(), 2);
        },
    );
}

/// The calling process takes and gives a permit, often enough to be the user.
fn become_user(semaphore: &Semaphore) {
    for _ in 0..3 {
        semaphore.acquire(&mut not_hanging()).unwrap();
        semaphore.release(1).unwrap();
    }
}

/// C156, C192
#[test]
fn what_a_dead_user_has_taken_is_counted() {
    let arena = arena();
    let semaphore = Semaphore::new(&arena, 3, 3).unwrap();
    let exercise = || {
        become_user(&semaphore);
        semaphore.acquire(&mut not_hanging()).unwrap();
        semaphore.acquire(&mut not_hanging()).unwrap();
        semaphore.acquire_guarded(&mut not_hanging()).unwrap();
        semaphore.release_guarded().unwrap();
        semaphore.release(2).unwrap();
    };
    let lost = std::cell::Cell::new(0);
    let recover = || arena.sweep_all();
    die_everywhere(&["semaphore", "claim", "ledger"], &exercise, &recover, &|at| {
        let now = semaphore.lost_permits();
        let lost = now - lost.replace(now);
        assert_eq!(semaphore.value() + lost, 3, "at {at}");
        let child = Child::run(|| lost == 0 || semaphore.release(lost).is_ok());
        assert!(child.succeeded());
    });
    for step in ["semaphore.adopted", "semaphore.used", "semaphore.stopped"] {
        assert!(step::passed().contains(&step), "no process died at {step}");
    }
    // A user dies, and no other process has opened the ledger.
    let child = Child::run(|| {
        become_user(&semaphore);
        step::arm("semaphore.used", 2);
        (0..3).all(|_| semaphore.acquire(&mut not_hanging()).is_ok())
    });
    assert_eq!(child.status(), libc::SIGKILL);
    let before = lost.get();
    assert_eq!((semaphore.lost_permits() - before, semaphore.value()), (2, 1));
}

/// C192
#[test]
fn a_user_goes_on_after_the_death_of_one_that_stops_it() {
    let arena = arena();
    let semaphore = Semaphore::new(&arena, 2, 2).unwrap();
    let exercise = || {
        semaphore.acquire_guarded(&mut not_hanging()).unwrap();
        semaphore.release_guarded().unwrap();
    };
    let recover = || {
        exercise();
        arena.sweep_all();
    };
    become_user(&semaphore);
    die_everywhere(&["semaphore", "claim", "ledger"], &exercise, &recover, &|at| {
        assert_eq!((semaphore.lost_permits(), semaphore.value()), (0, 2), "at {at}");
        become_user(&semaphore);
        assert_eq!(semaphore.value(), 2, "at {at}");
    });
    assert!(step::passed().contains(&"semaphore.stopped"));
}

/// C157
#[test]
fn a_sleeper_gets_the_permit_of_a_giver_that_dies() {
    let arena = arena();
    let (semaphore, sleeps) = (Semaphore::new(&arena, 0, 9).unwrap(), signal(&arena));
    for at in [
        "ledger.decided",
        "ledger.word",
        "ledger.claim",
        "ledger.done",
        "semaphore.released",
    ] {
        let sleeper = Child::run(|| semaphore.acquire(&mut Announces::new(&sleeps).context()).is_ok());
        await_signal(&sleeps);
        let giver = Child::run(|| {
            step::arm(at, 1);
            semaphore.release(1).is_ok()
        });
        assert_eq!(giver.status(), libc::SIGKILL);
        assert!(sleeper.succeeded(), "at {at}");
        assert_eq!(semaphore.value(), 0);
    }
}

/// C153
#[test]
fn a_reentrant_lock_is_free_after_a_death() {
    let arena = arena();
    let lock = RLock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let exercise = || {
        for _ in 0..2 {
            let _ = lock.acquire(&mut not_hanging()).unwrap();
        }
        let count = lock.release_all().unwrap();
        let _ = lock.reacquire(count, &mut not_hanging()).unwrap();
        lock.release().unwrap();
        lock.release().unwrap();
    };
    let recover = || {
        let _ = lock.acquire(&mut not_hanging()).unwrap();
        lock.release().unwrap();
        arena.sweep_all();
    };
    die_everywhere(&["rlock", "lock"], &exercise, &recover, &|at| {
        let acquired = lock.acquire(&mut not_hanging());
        assert!(acquired.is_ok() && lock.count() == 1, "at {at}");
        lock.release().unwrap();
        assert!(!lock.is_locked());
    });
}

#[test]
fn a_lock_that_is_refused_is_free_once_it_is_recovered() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Refuse).unwrap();
    let acquire = || match lock.acquire(&mut not_hanging()) {
        Err(Error::OwnerDied(_)) => {
            assert!(!lock.is_locked() && lock.acquire(&mut not_hanging()).is_err());
            assert!(lock.recover());
            lock.acquire(&mut not_hanging()).unwrap()
        }
        acquired => acquired.unwrap(),
    };
    let exercise = || {
        let _ = acquire();
        assert!(lock.release());
    };
    let recover = || {
        let _ = acquire();
        assert!(lock.release());
        arena.sweep_all();
    };
    let killed_inside = || {
        let child = Child::run(|| lock.acquire(&mut endless()).is_ok());
        assert!(child.succeeded());
    };
    for at in ["lock.refusing", "sweep.recorded", "sweep.begun", "sweep.freed"] {
        killed_inside();
        let repairer = Child::run(|| {
            step::arm(at, 1);
            recover();
            true
        });
        assert_eq!(repairer.status(), libc::SIGKILL, "at {at}");
        exercise();
        assert!(!lock.is_locked(), "at {at}");
    }
}

fn locked(lock: &Lock, work: impl FnOnce()) {
    let _ = lock.acquire(&mut not_hanging()).unwrap();
    work();
    assert!(lock.release());
}

fn condition(arena: &Arc<Arena>) -> (Lock, Condition) {
    let lock = Lock::new(arena, OnOwnerDeath::Tell).unwrap();
    (lock, Condition::new(arena).unwrap())
}

/// Starts a child that stands in the line, and succeeds if it is notified.
fn stand(lock: &Lock, condition: &Condition, sleeps: &Semaphore) -> Child {
    let child = Child::run(|| {
        let mut is_notified = false;
        locked(lock, || {
            let waited = condition.wait(lock, &mut Announces::new(sleeps).context());
            is_notified = waited.unwrap().wake == Wake::Notified;
        });
        is_notified
    });
    await_signal(sleeps);
    child
}

/// C160
#[test]
fn a_line_is_whole_after_the_death_of_one_that_joins_or_leaves() {
    let arena = arena();
    let (lock, condition) = condition(&arena);
    let sleeps = signal(&arena);
    let pass_by = || {
        locked(&lock, || {
            condition.wait(&lock, &mut at_once()).unwrap();
        });
    };
    let recover = || {
        arena.sweep_all();
        pass_by();
    };
    die_everywhere(&["condition", "line"], &pass_by, &recover, &|at| {
        let waiter = stand(&lock, &condition, &sleeps);
        locked(&lock, || assert_eq!(condition.notify(1), 1, "at {at}"));
        assert!(waiter.succeeded(), "at {at}");
        assert_eq!(condition.waiting(), 0, "at {at}");
    });
}

/// Starts a child whose second thread stands in the line. When the child may go on, it dies at step `at` while it
/// notifies that thread.
fn notify_and_die(
    at: &str,
    (lock, condition): (&Lock, &Condition),
    sleeps: &Semaphore,
    go: &Semaphore,
) -> Child {
    let child = Child::run(|| {
        std::thread::scope(|scope| {
            let wait = || {
                let waited = condition.wait(lock, &mut Announces::new(sleeps).context());
                assert!(waited.is_ok());
            };
            scope.spawn(move || locked(lock, wait));
            await_signal(go);
            step::arm(at, 1);
            locked(lock, || assert_eq!(condition.notify(1), 1));
        });
        true
    });
    await_signal(sleeps);
    child
}

/// C159, C160: the notifier dies, and with it the thread that it notified; another one stands behind that.
#[test]
fn a_line_is_whole_after_the_death_of_a_notifier() {
    let arena = arena();
    let (lock, condition) = condition(&arena);
    let (sleeps, go) = (signal(&arena), signal(&arena));
    let pass_by = || {
        arena.sweep_all();
        locked(&lock, || assert!(condition.wait(&lock, &mut at_once()).is_ok()));
    };
    let steps = [
        "condition.taken condition.waiting condition.woken condition.locked line.readied line.linked line.joined",
        "line.left line.freed line.notified line.unlinked line.waking line.passing line.handed line.settled",
        "line.passed lines.left sweep.recorded sweep.begun sweep.claims sweep.lines sweep.freed",
    ];
    let steps: Vec<_> = steps.iter().flat_map(|line| line.split(' ')).collect();
    for &at in &steps {
        for &then in &steps {
            let victim = notify_and_die(at, (&lock, &condition), &sleeps, &go);
            let behind = stand(&lock, &condition, &sleeps);
            go.release(1).unwrap();
            victim.died_or_succeeded(at);
            let repairer = Child::run(|| {
                step::arm(then, 1);
                pass_by();
                true
            });
            repairer.died_or_succeeded(then);
            locked(&lock, || assert!(condition.notify(1) <= 1));
            assert!(behind.succeeded(), "at {at}, then {then}");
            arena.sweep_all();
            assert_eq!(condition.waiting(), 0, "at {at}, then {then}");
        }
    }
}

/// C151
#[test]
fn waiters_go_on_after_the_death_of_one_that_sets_an_event() {
    let arena = arena();
    let (event, sleeps) = (Event::new(&arena).unwrap(), signal(&arena));
    let waiter = Child::run(|| event.wait(&mut Announces::new(&sleeps).context()).is_ok());
    await_signal(&sleeps);
    let setter = Child::run(|| {
        step::arm("event.set", 1);
        event.set();
        false
    });
    assert_eq!(setter.status(), libc::SIGKILL);
    assert!(event.is_set());
    assert!(waiter.succeeded());
}

/// Starts a party of the barrier, which succeeds if it gets an answer.
fn party(barrier: &Barrier, sleeps: &Semaphore, dies_at: Option<(&str, u32)>) -> Child {
    Child::run(|| {
        if let Some((at, count)) = dies_at {
            step::arm(at, count);
        }
        let waited = barrier.wait(&mut Announces::new(sleeps).context());
        matches!(waited, Ok(_) | Err(Error::Broken(_)))
    })
}

/// Runs one round of two parties. One of them dies at a step, and then its sweeper dies, too.
fn round_with_deaths(barrier: &Barrier, is_last: bool, at: (&str, u32), then: &str) {
    let arena = barrier.object().arena();
    let sleeps = signal(arena);
    let first = party(barrier, &sleeps, (!is_last).then_some(at));
    eventually("the first waits, or is dead", || {
        sleeps.value() > 0 || first.has_ended()
    });
    let last = party(barrier, &sleeps, is_last.then_some(at));
    let (victim, other) = if is_last { (last, first) } else { (first, last) };
    eventually("the victim goes on, or is dead", || victim.has_ended());
    victim.died_or_succeeded(at.0);
    let repairer = Child::run(|| {
        step::arm(then, 1);
        arena.sweep_all();
        true
    });
    repairer.died_or_succeeded(then);
    arena.sweep_all();
    eventually("the other waits alone, or has its answer", || {
        other.has_ended() || barrier.waiting() == 1
    });
    if barrier.waiting() == 1 {
        // The victim died before it was inside.
        barrier.abort();
    }
    assert!(other.succeeded(), "at {at:?}, then {then}");
    barrier.reset();
}

/// C154, C162: whichever party dies at the barrier, the others get an answer; and it can be used again.
#[test]
fn a_barrier_answers_after_each_death() {
    let arena = arena();
    let barrier = Barrier::new(&arena, 2).unwrap();
    let steps = "claim.taken ledger.written ledger.decided ledger.word ledger.claim ledger.done \
                 barrier.entered barrier.turned barrier.left";
    let repairs = "sweep.recorded sweep.begun ledger.decided ledger.word ledger.claim \
                   barrier.settled claims.settled sweep.claims sweep.freed";
    for is_last in [true, false] {
        for at in steps.split_whitespace() {
            for (count, then) in
                (1..4).flat_map(|count| repairs.split_whitespace().map(move |it| (count, it)))
            {
                round_with_deaths(&barrier, is_last, (at, count), then);
                let again = Child::run(|| barrier.wait(&mut not_hanging()).is_ok());
                let waited = barrier.wait(&mut not_hanging());
                assert!(waited.is_ok() && again.succeeded(), "at {at}, then {then}");
                assert_eq!(barrier.waiting(), 0);
            }
        }
    }
}
