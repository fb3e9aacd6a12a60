//! The raw lock, in every order of its processes. (A thread of the model plays a process.)

#![cfg(loom)]
#![expect(unsafe_code, reason = "loom's cells are reached by pointers")]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

#[path = "../../wait/tests/model/mod.rs"]
mod model;

use interlock_shm::{Acquired, Name, Peers, RawLock};
use interlock_wait::primitive::{AtomicU32, Ordering};
use interlock_wait::{WaitContext, Wake};
use loom::cell::UnsafeCell;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// The kernel and the roster: the dead processes, and the sleepers.
#[derive(Default)]
struct Family {
    dead: Mutex<[bool; 4]>,
    sleepers: Condvar,
}

/// The family as one process sees it.
struct Process {
    number: u32,
    family: Arc<Family>,
}

impl Process {
    /// Lets the process die: the locks that it holds stay as they are, and the kernel wakes the threads that sleep
    /// for it.
    fn die(self) {
        self.family.dead.lock().unwrap()[self.number as usize] = true;
        self.family.sleepers.notify_all();
    }
}

impl Peers for Process {
    fn me(&self) -> Name {
        Name::of_word(self.number)
    }

    fn is_dead(&self, name: Name) -> bool {
        self.family.dead.lock().unwrap()[name.word() as usize]
    }

    fn sleep(&self, word: &AtomicU32, value: u32, owner: Name, _: &mut WaitContext<'_>) -> Wake {
        let dead = self.family.dead.lock().unwrap();
        // Relaxed: the kernel's own lock orders the look and the sleep.
        if word.load(Ordering::Relaxed) == value && !dead[owner.word() as usize] {
            drop(self.family.sleepers.wait(dead));
        }
        Wake::Notified
    }

    fn wake(&self, _: &AtomicU32, most: u32) {
        let _kernel = self.family.dead.lock().unwrap();
        match most {
            1 => self.family.sleepers.notify_one(),
            _ => self.family.sleepers.notify_all(),
        }
    }
}

/// Plain memory beside a lock. Loom fails if two processes use it at once, or if one does not see the other's
/// writes.
#[derive(Default)]
struct Guarded {
    lock: RawLock,
    plain: UnsafeCell<u32>,
}

impl Guarded {
    fn acquire(&self, process: &Process) -> Acquired {
        let acquired = self.lock.acquire(process, &mut WaitContext::endless()).unwrap();
        // SAFETY: the lock is held; that this suffices is what the model is about.
        self.plain.with_mut(|plain| unsafe { *plain += 1 });
        acquired
    }
}

struct Scene {
    family: Arc<Family>,
    guarded: Arc<Guarded>,
}

impl Scene {
    fn new() -> Self {
        Scene {
            family: Arc::default(),
            guarded: Arc::default(),
        }
    }

    fn process(&self, number: u32) -> Process {
        Process {
            number,
            family: Arc::clone(&self.family),
        }
    }

    /// Starts a process that acquires the lock once, and then exits, holding it or not.
    fn spawn(
        &self,
        number: u32,
        then: impl FnOnce(&RawLock, Process) + 'static,
    ) -> thread::JoinHandle<Acquired> {
        let (process, guarded) = (self.process(number), Arc::clone(&self.guarded));
        thread::spawn(move || {
            let acquired = guarded.acquire(&process);
            then(&guarded.lock, process);
            acquired
        })
    }
}

fn release(lock: &RawLock, process: Process) {
    assert!(lock.release(&process));
}

#[test]
fn a_raw_lock_excludes_and_publishes() {
    model::check(|| {
        let scene = Scene::new();
        let others = [scene.spawn(2, release), scene.spawn(3, release)];
        let me = scene.process(1);
        assert_eq!(scene.guarded.acquire(&me), Acquired::Free);
        release(&scene.guarded.lock, me);
        for other in others {
            assert_eq!(other.join().unwrap(), Acquired::Free);
        }
        assert!(scene.guarded.lock.owner().is_none());
    });
}

#[test]
fn a_death_keeps_nobody_out_and_one_is_told() {
    model::check(|| {
        let scene = Scene::new();
        let dies = scene.spawn(2, |_, process| process.die());
        let other = scene.spawn(3, release);
        let me = scene.process(1);
        let mine = scene.guarded.acquire(&me);
        release(&scene.guarded.lock, me);
        assert_eq!(dies.join().unwrap(), Acquired::Free);
        let told = [mine, other.join().unwrap()]
            .into_iter()
            .filter(|&acquired| acquired != Acquired::Free);
        let told: Vec<_> = told.collect();
        // If the process that died was the last one, no process has acquired the lock since.
        let left = scene.guarded.lock.owner();
        match left.is_none() {
            true => assert_eq!(told, [Acquired::OwnerDied(Name::of_word(2))]),
            false => assert_eq!((told.len(), left), (0, Name::of_word(2))),
        }
    });
}
