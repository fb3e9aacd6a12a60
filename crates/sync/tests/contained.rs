//! Wakers and observers that panic, with what panics again when it is dropped: each operation does what it does without them.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::panic::resume_unwind;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use common::{Bomb, poll_explosive};
use interlock_sync::{Barrier, BarrierError, Condition, Event, Lock, Mutex, RLock, Semaphore};
use interlock_wait::{Interest, Observer, TraceEvent, Verdict, Wait, clear_observer, set_observer};

const SOON: Duration = Duration::from_millis(1);

/// C369
#[test]
fn a_guard_has_its_mutex_whatever_waker_panics() {
    let (mutex, changed) = (Mutex::new(0), Condition::new());
    let mut guard = mutex.lock();
    let mut locking = mutex.lock_async();
    assert!(poll_explosive(&mut locking).is_pending());
    assert!(changed.wait_timeout(&mut guard, SOON).is_err());
    assert!(mutex.is_locked() && mutex.try_lock().is_err());
    assert!(poll_explosive(&mut locking).is_pending());
    *guard += 1;
    drop(guard);
    assert!(!mutex.is_locked());
    assert!(poll_explosive(&mut locking).is_ready());
}

/// C369
#[test]
fn what_wakes_many_wakes_all_although_their_wakers_panic() {
    let (event, mutex, changed) = (Event::new(), Mutex::new(()), Condition::new());
    let mut waiting: Vec<_> = (0..3).map(|_| event.wait_async()).collect();
    for future in &mut waiting {
        assert!(poll_explosive(future).is_pending());
    }
    event.set();
    assert!(waiting.iter_mut().all(|future| poll_explosive(future).is_ready()));
    let mut changes: Vec<_> = (0..3)
        .map(|_| {
            let mut change = changed.wait_async(mutex.lock());
            assert!(poll_explosive(&mut change).is_pending());
            change
        })
        .collect();
    changed.notify_all();
    assert!(changes.iter_mut().all(|change| poll_explosive(change).is_ready()));
    let (barrier, permits) = (Barrier::new(3), Semaphore::new(0));
    let mut parties: Vec<_> = (0..2).map(|_| barrier.wait_async()).collect();
    for party in &mut parties {
        assert!(poll_explosive(party).is_pending());
    }
    assert_eq!(barrier.wait(), Ok(2));
    assert!(parties.iter_mut().all(|party| poll_explosive(party).is_ready()));
    let mut acquiring: Vec<_> = (0..2).map(|_| permits.guard_async()).collect();
    for future in &mut acquiring {
        assert!(poll_explosive(future).is_pending());
    }
    assert_eq!(permits.release_many(2), Ok(()));
    assert!(
        acquiring
            .iter_mut()
            .all(|future| poll_explosive(future).is_ready())
    );
    assert_eq!(permits.permits(), 2);
}

/// Panics at every event, and when it is asked.
struct Panics;

impl Observer for Panics {
    fn interest(&self) -> Interest {
        Interest::Acquisitions
    }

    fn event(&self, _: TraceEvent) {
        resume_unwind(Box::new(Bomb(2)));
    }

    fn will_wait(&self, _: &Wait<'_>) -> Verdict {
        resume_unwind(Box::new(Bomb(2)));
    }
}

/// A process has one observer, so these tests take turns.
struct Turn(#[allow(dead_code, reason = "held until dropped")] MutexGuard<'static, ()>);

impl Turn {
    fn observed_by(observer: Arc<dyn Observer>) -> Self {
        static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        set_observer(observer);
        Turn(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        clear_observer();
    }
}

/// C369
#[test]
fn an_observer_that_panics_changes_nothing() {
    let _turn = Turn::observed_by(Arc::new(Panics));
    let (mutex, changed) = (Mutex::new(0), Condition::new());
    let mut guard = mutex.lock();
    assert!(mutex.lock_timeout(SOON).is_err());
    // It hears of the release, of the wait, and of each acquisition.
    assert!(changed.wait_timeout(&mut guard, SOON).is_err());
    assert!(mutex.is_locked() && mutex.try_lock().is_err());
    drop(guard);
    assert!(mutex.try_lock().is_ok());
    let (lock, reentrant) = (Lock::new(), RLock::new());
    drop((lock.guard(), reentrant.guard()));
    assert!(!lock.is_locked() && !reentrant.is_locked());
    assert!(lock.try_guard().is_ok() && reentrant.guard_timeout(SOON).is_ok());
    assert!(poll_explosive(&mut lock.guard_async()).is_ready());
    assert!(!lock.is_locked());
    let (permits, event, barrier) = (Semaphore::new(0), Event::new(), Barrier::new(2));
    assert!(permits.acquire_timeout(SOON).is_err() && event.wait_timeout(SOON).is_err());
    assert!(barrier.wait_timeout(SOON).is_err_and(BarrierError::is_timed_out));
    assert_eq!((event.waiting(), changed.waiting()), (0, 0));
}

/// C369
#[test]
fn a_lock_is_handed_over_although_an_observer_panics() {
    let _turn = Turn::observed_by(Arc::new(Panics));
    let (mutex, changed) = (Mutex::new(0), Condition::new());
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (mutex, changed) = (&mutex, &changed);
            scope.spawn(move || {
                let mut guard = mutex.lock();
                changed.wait_while(&mut guard, |value| *value != number);
                *guard += 1;
                changed.notify_all();
            });
        }
    });
    assert_eq!(*mutex.lock(), 4);
}

/// C369
#[test]
fn an_observer_that_panics_when_it_is_dropped_is_replaced() {
    struct Dropped(#[allow(dead_code, reason = "dropped with it")] Bomb);

    impl Observer for Dropped {
        fn event(&self, _: TraceEvent) {}
    }

    let turn = Turn::observed_by(Arc::new(Panics));
    set_observer(Arc::new(Dropped(Bomb(1))));
    let cleared = std::panic::catch_unwind(clear_observer);
    assert!(cleared.is_err() && !interlock_wait::observes(Interest::Waits));
    std::mem::forget(cleared);
    drop(turn);
}
