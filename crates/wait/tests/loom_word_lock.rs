//! The word lock, in every order of its threads.

#![cfg(loom)]
#![expect(unsafe_code, reason = "loom's cells are reached by pointers")]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

mod model;

use interlock_wait::WordLock;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// Plain memory beside a lock. Loom fails if two threads use it at once, or if one does not see the other's writes.
struct Guarded {
    lock: WordLock<u32>,
    plain: UnsafeCell<u32>,
}

impl Guarded {
    fn new() -> Arc<Self> {
        Arc::new(Guarded {
            lock: WordLock::new(0),
            plain: UnsafeCell::new(0),
        })
    }

    fn add_one(&self) {
        let mut value = self.lock.lock();
        *value += 1;
        // SAFETY: the lock is held; that this suffices is what the model is about.
        self.plain.with_mut(|plain| unsafe { *plain += 1 });
    }

    fn try_add_one(&self) -> bool {
        let Some(mut value) = self.lock.try_lock() else {
            return false;
        };
        *value += 1;
        // SAFETY: as above.
        self.plain.with_mut(|plain| unsafe { *plain += 1 });
        true
    }
}

#[test]
fn a_word_lock_excludes_and_publishes() {
    model::check(|| {
        let guarded = Guarded::new();
        let others: Vec<_> = (0..2)
            .map(|_| {
                let guarded = guarded.clone();
                thread::spawn(move || guarded.add_one())
            })
            .collect();
        guarded.add_one();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(*guarded.lock.lock(), 3);
    });
}

#[test]
fn a_word_lock_that_is_tried_excludes_too() {
    model::check(|| {
        let guarded = Guarded::new();
        let other = {
            let guarded = guarded.clone();
            thread::spawn(move || guarded.try_add_one())
        };
        guarded.add_one();
        let added = 1 + u32::from(other.join().unwrap());
        assert_eq!(*guarded.lock.lock(), added);
    });
}
