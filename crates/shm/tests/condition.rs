//! `Condition` between processes.

#![cfg(not(loom))]

mod common;

use common::{
    Announces, Child, arena, at_once, await_signal, endless, eventually, signal, wait_for_the_end,
    within_a_minute,
};
use interlock_shm::{Acquired, Condition, Error, Event, Lock, OnOwnerDeath, RLock};
use interlock_wait::Wake;

/// C158
#[test]
fn waiters_are_notified_in_the_order_in_which_they_came() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let (condition, sleeps) = (Condition::new(&arena).unwrap(), signal(&arena));
    let woke: Vec<_> = (0..5).map(|_| Event::new(&arena).unwrap()).collect();
    let waiters: Vec<_> = woke
        .iter()
        .map(|woke| {
            let child = Child::run(|| {
                let _ = lock.acquire(&mut endless()).unwrap();
                let waited = condition.wait(&lock, &mut Announces::new(&sleeps).context());
                woke.set();
                waited.unwrap().wake == Wake::Notified && lock.release()
            });
            await_signal(&sleeps);
            child
        })
        .collect();
    assert_eq!(condition.waiting(), 5);
    for (i, event) in woke.iter().enumerate() {
        let _ = lock.acquire(&mut within_a_minute()).unwrap();
        assert_eq!(condition.notify(1), 1);
        lock.release();
        event.wait(&mut within_a_minute()).unwrap();
        assert!(woke[i + 1..].iter().all(|later| !later.is_set()));
    }
    for waiter in waiters {
        assert!(waiter.succeeded());
    }
    assert_eq!((condition.waiting(), condition.notify_all()), (0, 0));
}

#[test]
fn a_reentrant_lock_is_released_altogether_and_taken_back() {
    let arena = arena();
    let lock = RLock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let condition = Condition::new(&arena).unwrap();
    assert!(matches!(
        condition.wait(&lock, &mut endless()),
        Err(Error::NotOwner)
    ));
    assert_eq!(condition.waiting(), 0);
    let _ = lock.acquire(&mut endless()).unwrap();
    let _ = lock.acquire(&mut endless()).unwrap();
    let child = Child::run(|| {
        lock.acquire(&mut within_a_minute()).is_ok() && condition.notify_all() == 1 && lock.release().is_ok()
    });
    let waited = condition.wait(&lock, &mut within_a_minute()).unwrap();
    assert_eq!((waited.wake, waited.acquired), (Wake::Notified, Acquired::Free));
    assert_eq!(lock.count(), 2);
    assert!(child.succeeded());
    let late = condition.wait(&lock, &mut at_once()).unwrap();
    assert_eq!(late.wake, Wake::TimedOut);
    assert_eq!((lock.count(), condition.waiting()), (2, 0));
}

/// C159: a notification goes neither to a thread that died in line, nor to one that has given up, nor to one that
/// is killed before it uses it.
#[test]
fn no_notification_is_spent_on_the_dead() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let (condition, sleeps) = (Condition::new(&arena).unwrap(), signal(&arena));
    let stand = |is_to_last: bool| {
        let child = Child::run(|| {
            let _ = lock.acquire(&mut endless()).unwrap();
            let waited = condition.wait(&lock, &mut Announces::new(&sleeps).context());
            if !is_to_last {
                wait_for_the_end();
            }
            waited.unwrap().wake == Wake::Notified && lock.release()
        });
        await_signal(&sleeps);
        child
    };
    for round in 0..20 {
        let (first, last) = (stand(false), stand(true));
        let _ = lock.acquire(&mut within_a_minute()).unwrap();
        assert!(condition.wait(&lock, &mut at_once()).is_ok());
        match round % 2 {
            0 => first.kill(),
            _ => {
                // It is notified, and killed while it waits for the lock.
                assert_eq!(condition.notify(1), 1);
                first.kill();
            }
        }
        if round % 4 == 0 {
            first.status();
        }
        if round % 2 == 0 {
            assert_eq!(condition.notify(1), 1);
        } else {
            eventually("the notification is passed on", || condition.waiting() == 0);
        }
        lock.release();
        assert!(last.succeeded());
        assert_eq!(condition.waiting(), 0);
    }
}

#[test]
fn a_wait_that_the_host_ends_leaves_the_line() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let (condition, sleeps) = (Condition::new(&arena).unwrap(), signal(&arena));
    let _ = lock.acquire(&mut endless()).unwrap();
    let mut host = Announces::and_stops(&sleeps);
    let waited = condition.wait(&lock, &mut host.context()).unwrap();
    assert_eq!(waited.wake, Wake::Interrupted);
    assert_eq!(lock.owner(), arena.me());
    assert_eq!((condition.waiting(), condition.notify(1)), (0, 0));
}

#[test]
fn the_401st_thread_of_a_process_is_refused() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let (condition, sleeps) = (Condition::new(&arena).unwrap(), signal(&arena));
    std::thread::scope(|scope| {
        for _ in 0..400 {
            scope.spawn(|| {
                let _ = lock.acquire(&mut endless()).unwrap();
                let waited = condition.wait(&lock, &mut Announces::new(&sleeps).context());
                assert_eq!(waited.unwrap().wake, Wake::Notified);
                lock.release();
            });
        }
        for _ in 0..400 {
            await_signal(&sleeps);
        }
        let _ = lock.acquire(&mut within_a_minute()).unwrap();
        let refused = condition.wait(&lock, &mut endless());
        assert!(matches!(refused, Err(Error::TooManyWaiters)));
        assert_eq!(lock.owner(), arena.me());
        assert_eq!(condition.notify_all(), 400);
        lock.release();
    });
}

/// The waiting threads of a process that dies are all taken out of the line, and the next process in the slot gets
/// all nodes.
#[test]
fn the_death_of_a_process_with_many_waiters_leaves_no_place_taken_c367() {
    const THREADS: usize = 200;
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let (condition, sleeps) = (Condition::new(&arena).unwrap(), signal(&arena));
    for _ in 0..3 {
        let child = Child::run(|| {
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        let _ = lock.acquire(&mut endless()).unwrap();
                        condition.wait(&lock, &mut Announces::new(&sleeps).context())
                    });
                }
            });
            true
        });
        for _ in 0..THREADS {
            await_signal(&sleeps);
        }
        assert_eq!(condition.waiting(), THREADS);
        child.kill();
        assert_eq!(child.status(), libc::SIGKILL);
        arena.sweep_all();
        assert_eq!((condition.waiting(), condition.notify_all()), (0, 0));
    }
}
