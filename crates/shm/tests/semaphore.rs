//! `Semaphore` between processes.

#![cfg(not(loom))]

mod common;

use common::{
    Announces, Child, arena, at_once, await_signal, endless, signal, wait_for_the_end, within_a_minute,
};
use interlock_shm::{Barrier, Error, Semaphore, step};
use interlock_wait::Wake;

#[test]
fn permits_are_taken_and_given() {
    let arena = arena();
    let semaphore = Semaphore::new(&arena, 2, 3).unwrap();
    assert!(semaphore.acquire(&mut endless()).is_ok());
    assert!(semaphore.acquire_guarded(&mut endless()).is_ok());
    assert_eq!(semaphore.value(), 0);
    assert!(semaphore.try_acquire().is_err());
    let late = semaphore.acquire(&mut at_once());
    assert!(matches!(late, Err(Error::Ended(Wake::TimedOut))));
    assert!(semaphore.release_guarded().is_ok());
    assert!(semaphore.release(2).is_ok());
    assert!(matches!(semaphore.release(1), Err(Error::TooManyReleases)));
    assert_eq!(semaphore.value(), 3);
    let child = Child::run(|| (0..3).all(|_| semaphore.acquire(&mut endless()).is_ok()));
    assert!(child.succeeded());
    assert_eq!(semaphore.lost_permits(), 3);
    assert_eq!(semaphore.value(), 0);
}

/// C155
#[test]
fn a_guarded_permit_comes_back_at_a_death() {
    let arena = arena();
    let (semaphore, taken) = (Semaphore::new(&arena, 2, 2).unwrap(), signal(&arena));
    for _ in 0..20 {
        let child = Child::run(|| {
            semaphore.acquire_guarded(&mut endless()).unwrap();
            semaphore.acquire_guarded(&mut endless()).unwrap();
            taken.release(1).unwrap();
            wait_for_the_end()
        });
        await_signal(&taken);
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                Child::run(|| {
                    semaphore
                        .acquire_guarded(&mut Announces::new(&taken).context())
                        .is_ok()
                })
            })
            .collect();
        for _ in &waiters {
            await_signal(&taken);
        }
        child.kill();
        for waiter in waiters {
            assert!(waiter.succeeded());
        }
        // The waiters have died with their permits, too.
        semaphore.acquire_guarded(&mut within_a_minute()).unwrap();
        semaphore.acquire_guarded(&mut within_a_minute()).unwrap();
        assert!(semaphore.try_acquire().is_err());
        semaphore.release_guarded().unwrap();
        semaphore.release_guarded().unwrap();
    }
    assert_eq!(semaphore.lost_permits(), 0);
    assert_eq!(semaphore.value(), 2);
}

/// C156
#[test]
fn a_permit_that_travels_is_not_lost() {
    let arena = arena();
    let semaphore = Semaphore::new(&arena, 5, 9).unwrap();
    // It gives more than it takes.
    assert!(
        Child::run(|| semaphore.acquire(&mut endless()).is_ok() && semaphore.release(3).is_ok()).succeeded()
    );
    assert_eq!((semaphore.lost_permits(), semaphore.value()), (0, 7));
    // It takes more than it gives; and one is guarded.
    let child = Child::run(|| {
        (0..3).all(|_| semaphore.acquire(&mut endless()).is_ok())
            && semaphore.acquire_guarded(&mut endless()).is_ok()
            && semaphore.release(1).is_ok()
    });
    assert!(child.succeeded());
    assert_eq!((semaphore.lost_permits(), semaphore.value()), (2, 5));
}

/// When a process exits normally, the permits that it took are not lost, and its guarded permits come back
/// nevertheless.
#[test]
fn an_end_in_order_loses_no_permit_c365() {
    let arena = arena();
    let (many, alone) = (
        Semaphore::new(&arena, 9, 9).unwrap(),
        Semaphore::new(&arena, 99, 99).unwrap(),
    );
    for is_in_order in [true, false] {
        let before = many.value();
        let child = Child::run(|| {
            many.acquire(&mut endless()).unwrap();
            many.acquire(&mut endless()).unwrap();
            many.acquire_guarded(&mut endless()).unwrap();
            // This process takes most of them as the user, by a single access each.
            (0..9).for_each(|_| alone.acquire(&mut endless()).unwrap());
            if is_in_order {
                arena.end_in_order();
            }
            true
        });
        assert!(child.succeeded());
        let lost = if is_in_order { (0, 0) } else { (2, 9) };
        assert_eq!((many.lost_permits(), alone.lost_permits()), lost);
        assert_eq!(many.value(), before - 2);
    }
    assert_eq!(alone.value(), 99 - 18);
}

/// A death during the exit: for each semaphore, either all of its permits are counted as lost, or none.
#[test]
fn a_death_at_any_step_of_an_end_in_order_loses_all_or_nothing_c365() {
    let arena = arena();
    let semaphore = Semaphore::new(&arena, 1_000, 1_000).unwrap();
    let mut ways = Vec::new();
    for step in [
        "semaphore.stopped",
        "ledger.written",
        "ledger.decided",
        "ledger.claim",
        "semaphore.forgiven",
    ] {
        let before = semaphore.lost_permits();
        let child = Child::run(|| {
            (0..5).for_each(|_| semaphore.acquire(&mut endless()).unwrap());
            step::arm(step, 1);
            arena.end_in_order();
            true
        });
        assert_eq!(child.status(), libc::SIGKILL, "{step}");
        let lost = semaphore.lost_permits() - before;
        assert!(lost == 0 || lost == 5, "{lost} are lost at {step}");
        ways.push(lost);
    }
    assert!(ways.contains(&0) && ways.contains(&5), "{ways:?}");
}

/// C157: each permit wakes a sleeper, and a sleeper that does not take it wakes the next.
#[test]
fn each_permit_finds_a_sleeper() {
    let arena = arena();
    let (semaphore, sleeps) = (Semaphore::new(&arena, 0, 9).unwrap(), signal(&arena));
    for _ in 0..20 {
        let waiters: Vec<_> = (0..4)
            .map(|_| Child::run(|| semaphore.acquire(&mut Announces::new(&sleeps).context()).is_ok()))
            .collect();
        for _ in &waiters {
            await_signal(&sleeps);
        }
        semaphore.release(1).unwrap();
        semaphore.release(1).unwrap();
        semaphore.release(2).unwrap();
        for waiter in waiters {
            assert!(waiter.succeeded());
        }
        assert_eq!(semaphore.value(), 0);
    }
}

/// C192: one process is alone for a while, then another one comes, on several threads.
#[test]
fn a_user_is_stopped_by_others() {
    const TURNS: u32 = 20_000;
    let arena = arena();
    let semaphore = Semaphore::new(&arena, 3, 3).unwrap();
    let work = |guards: bool| {
        for turn in 0..TURNS {
            semaphore.acquire(&mut within_a_minute()).unwrap();
            if guards && turn.is_multiple_of(100) {
                semaphore.acquire_guarded(&mut within_a_minute()).unwrap();
                semaphore.release_guarded().unwrap();
            }
            semaphore.release(1).unwrap();
        }
        true
    };
    for _ in 0..3 {
        work(false);
        let other = Child::run(|| work(true));
        std::thread::scope(|scope| {
            scope.spawn(|| work(false));
            work(false);
        });
        assert!(other.succeeded());
    }
    assert_eq!((semaphore.value(), semaphore.lost_permits()), (3, 0));
}

/// C156, C192: a user counts as far as it can, and a release of more than there may be is refused.
#[test]
fn a_user_takes_and_gives_many() {
    const MANY: u32 = 10_000;
    let arena = arena();
    let semaphore = Semaphore::new(&arena, MANY, MANY).unwrap();
    let child = Child::run(|| {
        let all = (0..MANY).all(|_| semaphore.acquire(&mut endless()).is_ok());
        all && semaphore.try_acquire().is_err() && (1..MANY).all(|_| semaphore.release(1).is_ok())
    });
    assert!(child.succeeded());
    assert_eq!((semaphore.lost_permits(), semaphore.value()), (1, MANY - 1));
    semaphore.release(1).unwrap();
    semaphore.acquire(&mut endless()).unwrap();
    semaphore.acquire(&mut endless()).unwrap();
    semaphore.release(1).unwrap();
    semaphore.release(1).unwrap();
    assert!(matches!(semaphore.release(1), Err(Error::TooManyReleases)));
}

#[test]
fn claims_of_an_object_that_is_gone_are_not_the_next_ones() {
    let arena = arena();
    for _ in 0..400 {
        let semaphore = Semaphore::new(&arena, 3, 3).unwrap();
        semaphore.acquire(&mut endless()).unwrap();
        semaphore.acquire_guarded(&mut endless()).unwrap();
        let child = Child::run(|| semaphore.acquire_guarded(&mut endless()).is_ok());
        assert!(child.succeeded());
        semaphore.acquire(&mut within_a_minute()).unwrap();
        assert_eq!(semaphore.value(), 0);
        assert_eq!(semaphore.lost_permits(), 0);
    }
}

/// A process without a free claim takes permits without a guard.
#[test]
fn there_are_more_semaphores_than_notes() {
    let arena = arena();
    let all: Vec<_> = (0..300).map(|_| Semaphore::new(&arena, 2, 2).unwrap()).collect();
    let barrier = Barrier::new(&arena, 1).unwrap();
    let child = Child::run(|| {
        all.iter().all(|s| s.acquire_guarded(&mut endless()).is_ok())
            && (0..3).all(|_| barrier.wait(&mut endless()).is_ok())
            && all.iter().take(10).all(|s| s.release_guarded().is_ok())
    });
    assert!(child.succeeded());
    arena.sweep_all();
    let values: Vec<_> = all.iter().map(Semaphore::value).collect();
    assert!(values[..10].iter().all(|&value| value == 2));
    let back = values.iter().filter(|&&value| value == 2).count();
    assert!((60..200).contains(&back), "{back} came back");
    assert_eq!(barrier.waiting(), 0);
}
