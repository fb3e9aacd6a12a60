//! Deaths at each step of FORMAT.md: of the process that does something, and of the one that repairs what it left.

#![cfg(not(loom))]

mod common;

use std::sync::Arc;

use common::{Announces, Child, arena, at_once, await_signal, endless, eventually, not_hanging, signal};
use interlock_shm::{Arena, Barrier, Condition, Error, Event, Lock, OnOwnerDeath, RLock, Semaphore, step};
use interlock_wait::Wake;

/// Has a process die at each step of `exercise`, and others at each step of `recover`, which follows. After the deaths, `check`
/// finds all in order.
fn die_everywhere(exercise: &dyn Fn(), recover: &dyn Fn(), check: &dyn Fn(&str)) {
    exercise();
    recover();
    check("no step");
    let steps = step::passed();
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
    let mut deaths = 0;
    for &at in &steps {
        for count in 1.. {
            if !dies_at(at, count, exercise) {
                break;
            }
            deaths += 1;
            check(at);
        }
        // The process that repairs dies, too. And so does the next.
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
    die_everywhere(&exercise, &recover, &|at| {
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
    die_everywhere(&exercise, &|| arena.sweep_all(), &|at| {
        let now = semaphore.lost_permits();
        let lost = now - lost.replace(now);
        assert_eq!(semaphore.value() + lost, 2, "at {at}");
        // They are given anew, by a process of its own, which may give more than it takes.
        let child = Child::run(|| lost == 0 || semaphore.release(lost).is_ok());
        assert!(child.succeeded());
        assert_eq!(semaphore.value(), 2);
    });
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
    die_everywhere(&exercise, &recover, &|at| {
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

/// A child that stands in the line, and succeeds if it is notified.
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
    die_everywhere(&pass_by, &recover, &|at| {
        let waiter = stand(&lock, &condition, &sleeps);
        locked(&lock, || assert_eq!(condition.notify(1), 1, "at {at}"));
        assert!(waiter.succeeded(), "at {at}");
        assert_eq!(condition.waiting(), 0, "at {at}");
    });
}

/// C159, C160: the notifier dies, and with it the thread that it notified; another one stands behind that.
#[test]
fn a_line_is_whole_after_the_death_of_a_notifier() {
    let arena = arena();
    let (lock, condition) = condition(&arena);
    let (sleeps, go) = (signal(&arena), signal(&arena));
    let steps: Vec<_> = ["line.", "lines.", "condition.", "sweep.", "lock."].into();
    // The first rounds find out the steps.
    let collect = || {
        locked(&lock, || drop(condition.wait(&lock, &mut at_once())));
        arena.sweep_all();
        let passed = step::passed();
        passed
            .into_iter()
            .filter(|at| steps.iter().any(|step| at.starts_with(step)))
    };
    let mut ats: Vec<_> = collect().collect();
    ats.extend([
        "line.notified",
        "line.waking",
        "line.passing",
        "line.handed",
        "line.settled",
        "line.passed",
    ]);
    ats.extend(["lines.left", "sweep.begun", "sweep.lines", "sweep.freed"]);
    ats.sort_unstable();
    ats.dedup();
    for &at in &ats {
        for &then in &ats {
            let victim = Child::run(|| {
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        locked(&lock, || {
                            drop(condition.wait(&lock, &mut Announces::new(&sleeps).context()))
                        })
                    });
                    await_signal(&go);
                    step::arm(at, 1);
                    locked(&lock, || assert_eq!(condition.notify(1), 1));
                });
                true
            });
            await_signal(&sleeps);
            let behind = stand(&lock, &condition, &sleeps);
            go.release(1).unwrap();
            let status = victim.status();
            assert!(status == 0 || status == libc::SIGKILL, "at {at}: {status}");
            let repairer = Child::run(|| {
                step::arm(then, 1);
                arena.sweep_all();
                locked(&lock, || drop(condition.wait(&lock, &mut at_once())));
                true
            });
            let status = repairer.status();
            assert!(
                status == 0 || status == libc::SIGKILL,
                "at {at}, then {then}: {status}"
            );
            locked(&lock, || drop(condition.notify(1)));
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

/// C154, C162: whoever dies at the barrier, the others get an answer; and it can be used again.
#[test]
fn a_barrier_answers_after_each_death() {
    let arena = arena();
    let barrier = Barrier::new(&arena, 2).unwrap();
    let sleeps = signal(&arena);
    let is_answer = |waited: Result<u32, Error>| matches!(waited, Ok(_) | Err(Error::Broken(_)));
    let partner = || Child::run(|| is_answer(barrier.wait(&mut Announces::new(&sleeps).context())));
    // A step that the victim does not come to does no harm.
    let steps = || {
        [
            "claim.taken",
            "ledger.written",
            "ledger.decided",
            "ledger.word",
            "ledger.claim",
            "ledger.done",
        ]
        .into_iter()
        .chain(["barrier.entered", "barrier.turned", "barrier.left"])
    };
    let repairs = [
        "sweep.recorded",
        "sweep.begun",
        "ledger.decided",
        "ledger.word",
        "ledger.claim",
    ]
    .into_iter()
    .chain(["barrier.settled", "claims.settled", "sweep.claims", "sweep.freed"]);
    for is_last in [true, false] {
        let victim = || is_answer(barrier.wait(&mut Announces::new(&sleeps).context()));
        for (at, count) in steps().flat_map(|at| (1..4).map(move |count| (at, count))) {
            for then in repairs.clone() {
                let mut other = is_last.then(|| partner());
                if is_last {
                    await_signal(&sleeps);
                }
                let child = Child::run(|| {
                    step::arm(at, count);
                    victim()
                });
                let other = match other.take() {
                    Some(other) => other,
                    None => {
                        eventually("it waits or is dead", || sleeps.value() > 0 || has_ended(&child));
                        let _ = sleeps.try_acquire();
                        partner()
                    }
                };
                // A victim that dies before it enters leaves the partner alone.
                eventually("they go on or one is dead", || has_ended(&child));
                let status = child.status();
                assert!(status == 0 || status == libc::SIGKILL, "at {at}: {status}");
                let repairer = Child::run(|| {
                    step::arm(then, 1);
                    arena.sweep_all();
                    true
                });
                let status = repairer.status();
                assert!(
                    status == 0 || status == libc::SIGKILL,
                    "at {at}, then {then}: {status}"
                );
                eventually("the partner waits, or has its answer", || {
                    has_ended(&other) || barrier.waiting() > 0
                });
                arena.sweep_all();
                if !has_ended(&other) {
                    barrier.abort();
                }
                assert!(other.succeeded(), "at {at}, then {then}");
                while sleeps.try_acquire().is_ok() {}
                barrier.reset();
                let again = Child::run(|| barrier.wait(&mut not_hanging()).is_ok());
                assert!(barrier.wait(&mut not_hanging()).is_ok(), "at {at}, then {then}");
                assert!(again.succeeded(), "at {at}, then {then}");
                assert_eq!(barrier.waiting(), 0);
            }
        }
    }
}

#[expect(unsafe_code, reason = "the C library looks after a child")]
fn has_ended(child: &Child) -> bool {
    // SAFETY: all zeros is a value of it.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the child is this process's, and it stays to be waited for.
    assert_eq!(
        unsafe { libc::waitid(libc::P_PID, child.pid(), &raw mut info, flags) },
        0
    );
    // SAFETY: it was filled in, or is zero.
    unsafe { info.si_pid() != 0 }
}
