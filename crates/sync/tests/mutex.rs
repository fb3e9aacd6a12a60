//! `Mutex`: a lock with a value in it, and waits for the value to change.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use common::{Runs, eventually};
use interlock_sync::{
    Acquiring, Arriving, AwaitingChange, Barrier, Condition, Event, Guard, Guarding, Lock, Locking,
    MappedMutexGuard, Mutex, MutexGuard, RLock, Semaphore, WaitError, Waiting,
};
use interlock_wait::{Deadline, WaitContext};

const SOON: Duration = Duration::from_millis(5);

#[test]
fn one_thread_at_a_time_holds_the_value() {
    let mutex = Mutex::new(0_u64);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    *mutex.lock() += 1;
                }
            });
        }
    });
    assert_eq!(mutex.into_inner(), 40_000);
}

#[test]
fn a_wait_for_a_value_ends_at_its_deadline() {
    let mut mutex = Mutex::from(1);
    let kept = mutex.lock();
    assert!(mutex.try_lock().is_err() && mutex.is_locked());
    assert!(mutex.lock_timeout(SOON).is_err());
    assert!(mutex.lock_deadline(Instant::now() + SOON).is_err());
    let mut host = Runs(|| true);
    let result = mutex.lock_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host));
    assert_eq!(result.err(), Some(WaitError::Interrupted));
    drop(kept);
    assert!(mutex.lock_timeout(Duration::ZERO).is_ok_and(|value| *value == 1));
    *mutex.get_mut() += 1;
    assert!(mutex.try_lock().is_ok_and(|value| *value == 2));
}

#[test]
fn a_panic_releases_the_value_and_does_not_change_it() {
    let mutex = Mutex::new(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        *mutex.lock() = 2;
        let _kept = mutex.lock();
        resume_unwind(Box::new("a panic that the test asked for"));
    }));
    assert!(panicked.is_err());
    assert!(mutex.try_lock().is_ok_and(|value| *value == 2));
}

#[test]
fn a_wait_releases_the_value_and_takes_it_back() {
    let (mutex, changed) = (Mutex::new(0), Condition::new());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let mut value = mutex.lock();
            changed.wait(&mut value);
            *value
        });
        eventually(|| changed.waiting() == 1);
        let mut value = mutex.lock();
        changed.notify_one();
        *value = 7;
        drop(value);
        assert_eq!(waiter.join().unwrap(), 7);
    });
    assert!(!mutex.is_locked());
}

#[test]
fn all_waiters_continue_once_the_value_is_there() {
    let (mutex, changed) = (Mutex::new(0), Condition::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut value = mutex.lock();
                changed.wait_while(&mut value, |value| *value == 0);
                *value += 1;
            });
        }
        eventually(|| changed.waiting() == 4);
        // A notification without a change does not end a wait.
        changed.notify_all();
        eventually(|| changed.waiting() == 4);
        let mut value = mutex.lock();
        *value = 1;
        changed.notify_all();
    });
    assert_eq!(mutex.into_inner(), 5);
}

#[test]
fn a_wait_for_a_change_ends_at_its_deadline_and_takes_the_value_back() {
    let (mutex, changed) = (Mutex::new(0), Condition::new());
    let mut value = mutex.lock();
    assert!(changed.wait_timeout(&mut value, SOON).is_err());
    assert!(changed.wait_deadline(&mut value, Instant::now() + SOON).is_err());
    *value += 1;
    assert!(
        changed
            .wait_while_timeout(&mut value, SOON, |value| *value < 2)
            .is_err()
    );
    let soon = Instant::now() + SOON;
    assert!(
        changed
            .wait_while_deadline(&mut value, soon, |value| *value < 2)
            .is_err()
    );
    assert!(mutex.is_locked() && changed.waiting() == 0);
    *value += 1;
    let waited = changed.wait_while_timeout(&mut value, Duration::ZERO, |value| *value < 2);
    assert_eq!((*value, waited), (2, Ok(())));
}

#[test]
fn debug_output_shows_the_state() {
    let mutex = Mutex::new(1);
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 1 }");
    let value = mutex.lock();
    assert_eq!(format!("{mutex:?} {value:?}"), "Mutex { value: <locked> } 1");
    let lock = Lock::new();
    assert_eq!(format!("{lock:?}"), "Lock { owner: None }");
    assert!(format!("{:?} {lock:?}", lock.guard()).contains("owner: Some(ThreadIdent("));
    assert_eq!(format!("{:?}", RLock::new()), "RLock { owner: None, count: 0 }");
    assert_eq!(format!("{:?}", Condition::new()), "Condition { waiting: 0 }");
    assert_eq!(format!("{:?}", Semaphore::new(2)), "Semaphore { permits: 2, .. }");
    assert_eq!(format!("{:?}", Event::new()), "Event { is_set: false }");
    let shown = format!("{:?}", Barrier::new(2));
    assert_eq!(shown, "Barrier { parties: 2, waiting: 0, is_broken: false }");
}

#[test]
fn a_mutex_may_have_a_value_without_a_size() {
    let mutex: &Mutex<[i32]> = &Mutex::new([1, 2, 3]);
    mutex.lock()[1] = 5;
    assert_eq!(format!("{mutex:?}"), "Mutex { value: [1, 5, 3] }");
    let boxed: Box<Mutex<dyn Fn() -> i32 + Send>> = Box::new(Mutex::new(|| 7));
    assert_eq!((boxed.lock())(), 7);
}

#[test]
fn a_part_of_the_value_keeps_the_mutex_until_it_is_dropped() {
    let mutex = Mutex::new((vec![1, 2], "kept"));
    let items = MutexGuard::map(mutex.lock(), |value| &mut value.0);
    let mut last = MappedMutexGuard::map(items, |items| &mut items[1]);
    *last += 5;
    assert!(mutex.is_locked() && format!("{last:?}") == "7");
    std::thread::scope(|scope| scope.spawn(move || drop(last)).join().unwrap());
    assert_eq!(*mutex.lock(), (vec![1, 7], "kept"));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _part = MutexGuard::map(mutex.lock(), |_| -> &mut i32 {
            resume_unwind(Box::new("no such part"))
        });
    }));
    assert!(panicked.is_err() && !mutex.is_locked());
}

#[test]
fn primitives_stand_in_statics() {
    static LOCK: Lock = Lock::new();
    static REENTRANT: RLock = RLock::new();
    static TOTAL: Mutex<u32> = Mutex::new(0);
    static CHANGED: Condition = Condition::new();
    static PERMITS: Semaphore = Semaphore::bounded(1, 2);
    static DONE: Event = Event::new();
    static BOTH: Barrier = Barrier::new(2);
    let adder = std::thread::spawn(|| {
        let _guards = (LOCK.guard(), REENTRANT.guard(), PERMITS.guard());
        *TOTAL.lock() += 1;
        CHANGED.notify_all();
        BOTH.wait().unwrap();
        DONE.wait();
    });
    CHANGED.wait_while(&mut TOTAL.lock(), |total| *total == 0);
    BOTH.wait().unwrap();
    assert!(LOCK.is_locked() && REENTRANT.is_locked() && PERMITS.permits() == 0);
    DONE.set();
    adder.join().unwrap();
    assert!(!LOCK.is_locked() && !REENTRANT.is_locked() && PERMITS.permits() == 1);
}

#[test]
fn a_condition_is_notified_without_the_mutex() {
    let (mutex, changed) = (Mutex::new(false), Condition::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| changed.wait_while(&mut mutex.lock(), |done| !*done));
        }
        eventually(|| changed.waiting() == 2);
        *mutex.lock() = true;
        changed.notify_one();
        eventually(|| changed.waiting() == 1);
        changed.notify_one();
    });
}

#[test]
#[should_panic = "two locks at the same time"]
fn a_condition_has_one_mutex_at_a_time() {
    let (changed, mutex, other) = (Condition::new(), Mutex::new(()), Mutex::new(()));
    std::thread::scope(|scope| {
        scope.spawn(|| changed.wait(&mut mutex.lock()));
        eventually(|| changed.waiting() == 1);
        let waited = catch_unwind(AssertUnwindSafe(|| changed.wait(&mut other.lock())));
        changed.notify_all();
        if let Err(panic) = waited {
            resume_unwind(panic);
        }
    });
}

#[test]
fn all_types_may_go_to_other_threads_and_through_panics() {
    fn goes<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    goes::<(Lock, RLock, Mutex<i32>, Condition)>();
    goes::<(Semaphore, Event, Barrier)>();
    fn moves<T: Send + Sync>() {}
    moves::<(MutexGuard<'_, i32>, MappedMutexGuard<'_, i32>, Guard<'_, Lock>)>();
    moves::<(
        Locking<'_, i32>,
        Guarding<'_>,
        Acquiring<'_, Semaphore>,
        Arriving<'_>,
        AwaitingChange<'_, i32>,
        Waiting<'_>,
    )>();
}
