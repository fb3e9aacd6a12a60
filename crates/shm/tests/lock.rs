//! `Lock` between processes, and the deaths of its owners and waiters.

#![cfg(not(loom))]

mod common;

use common::{Child, arena, endless, eventually, within_a_minute};
use interlock_shm::{Acquired, Ended, Error, Lock, OnOwnerDeath};

#[test]
fn processes_exclude_each_other() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    assert_eq!(lock.acquire(&mut endless()).unwrap(), Acquired::Free);
    assert!(lock.is_locked());
    let other = lock.clone();
    let child = Child::run(move || {
        other
            .acquire(&mut within_a_minute())
            .is_ok_and(|a| a == Acquired::Free)
            && other.release()
    });
    assert!(lock.release());
    assert!(child.succeeded());
    assert!(!lock.release());
}

#[test]
fn the_next_owner_is_told_of_a_death() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    for _ in 0..20 {
        let child = Child::run(|| {
            arena.set_label("holder");
            let _ = lock.acquire(&mut endless());
            loop {
                std::thread::yield_now();
            }
        });
        eventually("the child has the lock", || lock.is_locked());
        let waiter =
            Child::run(|| matches!(lock.acquire(&mut within_a_minute()), Ok(Acquired::OwnerDied(_))));
        child.kill();
        assert!(waiter.succeeded());
        // The waiter exited while it held the lock.
        let Ok(Acquired::OwnerDied(name)) = lock.acquire(&mut within_a_minute()) else {
            panic!("the waiter's death is not told");
        };
        assert_eq!(
            arena.death_of(name).map(|death| death.ended.is_none()),
            Some(true)
        );
        assert!(lock.release());
        let pid = child.pid();
        let status = child.status();
        assert_eq!(status, libc::SIGKILL);
        arena.has_ended(pid, Ended::Killed(status));
    }
}

#[test]
fn a_lock_is_refused_until_somebody_recovers_it() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Refuse).unwrap();
    let child = Child::run(|| lock.acquire(&mut endless()).is_ok());
    assert!(child.succeeded());
    for _ in 0..2 {
        assert!(matches!(
            lock.acquire(&mut within_a_minute()),
            Err(Error::OwnerDied(_))
        ));
        assert!(!lock.is_locked());
    }
    assert!(lock.recover());
    assert!(!lock.recover());
    assert_eq!(lock.try_acquire().unwrap(), Acquired::Free);
}

#[test]
fn try_acquire_does_not_wait_for_the_living() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    assert!(lock.try_acquire().is_ok());
    assert!(matches!(lock.try_acquire(), Err(Error::Ended(_))));
    let child = Child::run(|| lock.try_acquire().is_err() && lock.release());
    assert!(child.succeeded());
    assert!(lock.try_acquire().is_ok());
}

/// A stopped process is not dead.
#[test]
fn a_stopped_owner_keeps_the_lock() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let child = Child::run(|| {
        let _ = lock.acquire(&mut endless());
        loop {
            std::thread::yield_now();
        }
    });
    eventually("the child has the lock", || lock.is_locked());
    child.signal(libc::SIGSTOP);
    let owner = lock.owner();
    let soon = interlock_wait::Deadline::after(std::time::Duration::from_millis(200));
    let mut context = interlock_wait::WaitContext::until(soon);
    assert!(matches!(lock.acquire(&mut context), Err(Error::Ended(_))));
    assert!(!arena.confirm_death(owner));
    assert_eq!(lock.owner(), owner);
}
