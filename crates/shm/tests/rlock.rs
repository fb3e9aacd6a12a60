//! `RLock` between processes.

#![cfg(not(loom))]

mod common;

use common::{Child, arena, at_once, await_signal, endless, signal, wait_for_the_end, within_a_minute};
use interlock_shm::{Acquired, Error, OnOwnerDeath, RLock};

/// C152
#[test]
fn only_its_thread_acquires_it_again_and_releases_it() {
    let arena = arena();
    let lock = RLock::new(&arena, OnOwnerDeath::Tell).unwrap();
    assert!(matches!(lock.release(), Err(Error::NotOwner)));
    for count in 1..4 {
        assert_eq!(lock.acquire(&mut endless()).unwrap(), Acquired::Free);
        assert_eq!(lock.count(), count);
    }
    // The child of a fork is another owner, though its thread has the same identity.
    let child = Child::run(|| {
        !lock.is_mine()
            && lock.is_locked()
            && lock.count() == 0
            && matches!(lock.release(), Err(Error::NotOwner))
            && lock.try_acquire().is_err()
    });
    assert!(child.succeeded());
    std::thread::scope(|scope| {
        let other = scope.spawn(|| lock.try_acquire().is_err() && lock.release().is_err());
        assert!(other.join().unwrap());
    });
    assert_eq!(lock.release_all().unwrap(), 3);
    assert!(!lock.is_locked());
    assert!(lock.reacquire(2, &mut endless()).is_ok());
    assert_eq!(lock.count(), 2);
    lock.release().unwrap();
    lock.release().unwrap();
    let child = Child::run(|| lock.acquire(&mut within_a_minute()).is_ok() && lock.release().is_ok());
    assert!(child.succeeded());
}

/// C153
#[test]
fn the_next_owner_begins_anew() {
    let arena = arena();
    let (lock, has) = (RLock::new(&arena, OnOwnerDeath::Tell).unwrap(), signal(&arena));
    for _ in 0..20 {
        let child = Child::run(|| {
            let _ = lock.acquire(&mut endless());
            let _ = lock.acquire(&mut endless());
            has.release(1).unwrap();
            wait_for_the_end()
        });
        await_signal(&has);
        assert!(lock.acquire(&mut at_once()).is_err());
        child.kill();
        assert!(matches!(
            lock.acquire(&mut within_a_minute()),
            Ok(Acquired::OwnerDied(_))
        ));
        assert_eq!(lock.count(), 1);
        lock.release().unwrap();
    }
}

#[test]
fn it_is_refused_until_somebody_recovers_it() {
    let arena = arena();
    let lock = RLock::new(&arena, OnOwnerDeath::Refuse).unwrap();
    assert!(Child::run(|| lock.acquire(&mut endless()).is_ok()).succeeded());
    for _ in 0..2 {
        let refused = lock.acquire(&mut within_a_minute());
        assert!(matches!(refused, Err(Error::OwnerDied(_))));
        assert!(!lock.is_mine() && !lock.is_locked());
    }
    assert!(lock.recover());
    assert_eq!(lock.try_acquire().unwrap(), Acquired::Free);
    lock.release().unwrap();
}
