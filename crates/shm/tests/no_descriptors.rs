//! A process whose descriptor table is full can't ask the kernel about other processes, and mistakes none of them
//! for dead.

#![cfg(not(loom))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail loudly, its helpers too"
)]
#![expect(unsafe_code, reason = "the C library limits descriptors")]

mod common;

use std::os::fd::BorrowedFd;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::{Child, alone, arena, await_signal, eventually, signal, within_a_minute};
use interlock_shm::{Acquired, Error, Lock, Name, OnOwnerDeath, step};
use interlock_wait::{Deadline, WaitContext};

/// Sets how many descriptors this process may have. It keeps those that it has.
fn limit_descriptors(most: u64) {
    // SAFETY: all zeros is a value of it.
    let mut limit: libc::rlimit = unsafe { std::mem::zeroed() };
    // SAFETY: the place is there for as long as the call lasts.
    let asked = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    assert_eq!(asked, 0);
    limit.rlim_cur = most.min(limit.rlim_max);
    // SAFETY: as above.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0);
    let opened = std::fs::File::open("/proc/self/stat");
    assert_eq!(opened.is_ok(), most > 0);
}

/// C300: the thread that the kernel watches exits, which makes the other processes ask about its process.
#[test]
fn a_process_that_cannot_be_asked_about_is_not_dead_c300() {
    let _alone = alone(); // children of other tests would be of the family
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let asked = signal(&arena);
    let owner = Child::run(|| {
        let lock = lock.clone();
        std::thread::spawn(move || {
            let _ = lock.acquire(&mut within_a_minute()).unwrap();
            common::wait_for_the_end()
        });
        common::end_this_thread()
    });
    eventually("the owner has the lock", || lock.is_locked());
    let name = lock.owner();
    let asks = Child::run(|| {
        limit_descriptors(0);
        // sleep: the timeout is the subject
        let mut context = WaitContext::until(Deadline::after(Duration::from_millis(300)));
        assert!(matches!(lock.acquire(&mut context), Err(Error::Ended(_))));
        assert!(!arena.confirm_death(name));
        arena.sweep_all();
        assert_eq!(lock.owner(), name);
        asked.release(1).unwrap();
        matches!(
            lock.acquire(&mut within_a_minute()),
            Ok(Acquired::OwnerDied(dead)) if dead == name
        )
    });
    await_signal(&asked);
    owner.kill();
    let _ = owner.status();
    assert!(
        asks.succeeded(),
        "it takes the living for dead, or the dead for living"
    );
}

/// C300: a slot is reserved for a process that has not come to it, and the process that reserved it is dead.
#[test]
fn a_process_that_is_starting_is_not_given_up_by_one_that_cannot_look_c300() {
    let _alone = alone(); // children of other tests would be of the family
    let arena = arena();
    let started = common::shared_words(1);
    let parent = Child::run(|| {
        let _ = arena.expect_child().unwrap();
        // SAFETY: it is open as long as the arena is there.
        let memory = unsafe { BorrowedFd::borrow_raw(arena.descriptor().unwrap()) };
        let memory = memory.try_clone_to_owned().unwrap();
        let child = Command::new("sleep")
            .arg("60")
            .stdin(Stdio::from(memory))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        started[0].store(u64::from(child.unwrap().id()), Ordering::SeqCst);
        true
    });
    assert!(parent.succeeded());
    arena.sweep_all();
    assert_eq!(arena.processes(), 2, "this one, and the one that is starting");
    let looks = Child::run(|| {
        limit_descriptors(0);
        arena.sweep_all();
        arena.processes() == 3
    });
    assert!(looks.succeeded());
    let pid = started[0].load(Ordering::SeqCst);
    common::kill(u32::try_from(pid).unwrap());
    eventually("nobody is starting any more", || {
        arena.sweep_all();
        arena.processes() == 1
    });
}

/// C301: a slot is given up, and reserved for another process, while a thread notes the first process's id there.
#[test]
fn the_id_of_a_process_is_not_noted_for_the_next_one_c301() {
    let _alone = alone(); // children of other tests would be of the family
    let arena = arena();
    // In a process of its own: a step is armed once.
    let child = Child::run(|| {
        let name = arena.expect_child().unwrap();
        let ended = Child::run(|| true);
        let pid = ended.pid();
        assert!(ended.succeeded());
        let next = Arc::new(OnceLock::new());
        let (family, kept) = (Arc::clone(&arena), Arc::clone(&next));
        step::call("started.kept", move || {
            let (family, kept) = (Arc::clone(&family), Arc::clone(&kept));
            let (tell, told) = std::sync::mpsc::channel();
            let other = std::thread::spawn(move || {
                tell.send(thread_id()).unwrap();
                family.started(name, None);
                let slot_of = |name: Name| name.word() % Name::SLOTS;
                let mut next = family.expect_child().unwrap();
                while slot_of(next) != slot_of(name) {
                    next = family.expect_child().unwrap();
                }
                kept.set(next).unwrap();
            });
            let stat = format!("/proc/self/task/{}/stat", told.recv().unwrap());
            let sleeps = || {
                let stat = std::fs::read_to_string(&stat).unwrap_or_default();
                stat.rsplit(") ").next().unwrap().starts_with('S')
            };
            eventually("the slot is kept anew, or will be", || {
                other.is_finished() || sleeps()
            });
        });
        arena.started(name, Some(pid));
        eventually("the slot is kept anew", || next.get().is_some());
        !arena.confirm_death(*next.get().unwrap())
    });
    assert!(child.succeeded());
}

/// Returns the kernel's id of this thread.
fn thread_id() -> i32 {
    // SAFETY: it has no conditions.
    unsafe { libc::gettid() }
}
