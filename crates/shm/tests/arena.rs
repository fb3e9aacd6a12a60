//! The arena's own parts: the processes of the family, the living objects, and the leftovers of dead processes.

#![cfg(not(loom))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, too, may fail loudly"
)]

mod common;

use std::sync::Arc;

use common::{Child, arena, eventually, within_a_minute};
use interlock_shm::{Acquired, Arena, Block, Lock, OnOwnerDeath, Owner, step};

/// Exercises the arena's own parts as a process of the family may. Leaves nothing behind.
fn use_everything(arena: &Arc<Arena>) -> bool {
    let lock = Lock::new(arena, OnOwnerDeath::Tell).unwrap();
    let mine = Owner::Process(arena.me());
    let mut blocks: Vec<Block> = [1, 5000, 100_000]
        .into_iter()
        .map(|bytes| arena.allocate(bytes, mine).unwrap())
        .collect();
    arena.give(blocks[0], Owner::Object(lock.object().id()));
    arena.give(blocks[0], mine);
    // (The child may die at the step, too.)
    let child = Child::run(|| Lock::open(lock.object().arena(), lock.object().id()).is_some());
    child.status();
    arena.sweep_all();
    blocks.drain(..).for_each(|block| arena.free(block));
    // Again, from the lists this time.
    blocks.push(arena.allocate(5000, mine).unwrap());
    let large = arena.allocate(100 << 20, mine).unwrap();
    arena.free(large);
    blocks.drain(..).for_each(|block| arena.free(block));
    lock.acquire(&mut within_a_minute()).is_ok()
}

/// Blocks that the arena gives out do not overlap, and come back.
fn check_blocks(arena: &Arc<Arena>) {
    let mine = Owner::Process(arena.me());
    let mut blocks: Vec<Block> = [1, 1, 5000, 5000, 100_000, 100_000, 20_000]
        .into_iter()
        .map(|bytes| arena.allocate(bytes, mine).unwrap())
        .collect();
    blocks.sort_by_key(|block| block.offset);
    for pair in blocks.windows(2) {
        assert!(
            pair[0].offset + pair[0].length <= pair[1].offset,
            "{pair:?} overlap"
        );
    }
    blocks.into_iter().for_each(|block| arena.free(block));
}

/// Checks that nothing is left of the dead processes, once they are swept.
fn check_clean(arena: &Arc<Arena>, what: &str) {
    eventually(what, || {
        arena.sweep_all();
        arena.processes() == 1
    });
    check_blocks(arena);
    assert_eq!((arena.used_bytes(), arena.objects()), (0, 0), "after {what}");
}

fn steps(arena: &Arc<Arena>) -> Vec<&'static str> {
    assert!(use_everything(arena));
    check_clean(arena, "the trial");
    step::passed()
}

/// C139, C143, C144.
#[test]
fn a_death_at_any_step_leaves_nothing() {
    let arena = arena();
    let steps = steps(&arena);
    assert!(steps.len() > 12, "{steps:?}");
    for &name in &steps {
        for count in 1..4 {
            let child = Child::run(|| {
                step::arm(name, count);
                use_everything(&arena)
            });
            let status = child.status();
            assert!(status == 0 || status == libc::SIGKILL, "at {name}: {status}");
            check_clean(&arena, name);
        }
    }
}

/// C139: a death of the sweeper leaves nothing either.
#[test]
fn a_death_while_clearing_away_leaves_nothing() {
    let arena = arena();
    let steps = steps(&arena);
    for &first in &[
        "block.allocated",
        "block.unlinked",
        "object.held",
        "roster.reserved",
    ] {
        for &second in &steps {
            let child = Child::run(|| {
                step::arm(first, 2);
                use_everything(&arena)
            });
            child.status();
            let repairer = Child::run(|| {
                step::arm(second, 1);
                arena.sweep_all();
                check_blocks(&arena);
                true
            });
            repairer.status();
            check_clean(&arena, second);
        }
    }
}

/// C143.
#[test]
fn an_object_lives_as_long_as_somebody_has_a_handle() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let id = lock.object().id();
    let guard = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let _ = guard.acquire(&mut within_a_minute()).unwrap();
    let child = {
        let (lock, guard) = (lock.clone(), guard.clone());
        Child::run(move || {
            guard.acquire(&mut within_a_minute()).is_ok()
                && lock.try_acquire().is_ok()
                && lock.release()
                && guard.release()
        })
    };
    drop(lock);
    // The child still has it, so its number is not given out.
    let other = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    assert_ne!(other.object().id(), id);
    assert!(Lock::open(&arena, id).is_none());
    guard.release();
    assert!(child.succeeded());
    eventually("the child is cleared away", || {
        arena.sweep_all();
        arena.objects() == 2
    });
}

/// C137, C138.
#[test]
fn exec_ends_the_life_in_the_family() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let child = Child::run(|| {
        let _ = lock.acquire(&mut within_a_minute()).unwrap();
        let error = std::os::unix::process::CommandExt::exec(std::process::Command::new("sleep").arg("60"));
        panic!("{error}");
    });
    eventually("the child has the lock", || lock.is_locked());
    assert!(matches!(
        lock.acquire(&mut within_a_minute()),
        Ok(Acquired::OwnerDied(_))
    ));
    child.kill();
}

/// C137: the main thread's end is not the process's.
#[test]
fn the_end_of_a_thread_is_not_the_death_of_its_process() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let child = Child::run(|| {
        let (lock, arena) = (lock.clone(), Arc::clone(&arena));
        std::thread::spawn(move || {
            let _ = lock.acquire(&mut within_a_minute()).unwrap();
            // Lives until another process asks about it, and a while longer.
            eventually("somebody waits", || {
                lock.object().arena().me() == arena.me() && lock.owner() != arena.me()
            });
        });
        common::end_this_thread()
    });
    eventually("the child has the lock", || lock.is_locked());
    let owner = lock.owner();
    assert!(!arena.confirm_death(owner));
    assert_eq!(lock.owner(), owner);
    child.kill();
    assert!(matches!(
        lock.acquire(&mut within_a_minute()),
        Ok(Acquired::OwnerDied(_))
    ));
}

#[test]
fn a_grandchild_is_of_the_family() {
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let child = Child::run(|| {
        let grandchild = Child::run(|| lock.acquire(&mut within_a_minute()).is_ok());
        grandchild.succeeded() && matches!(lock.acquire(&mut within_a_minute()), Ok(Acquired::OwnerDied(_)))
    });
    assert!(child.succeeded());
    assert!(matches!(
        lock.acquire(&mut within_a_minute()),
        Ok(Acquired::OwnerDied(_))
    ));
}

/// A process that is started in another way gets the arena by its descriptor. (Here a forked child plays it.)
#[test]
fn a_started_process_has_what_it_was_given() {
    let arena = arena();
    let given = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let name = arena.expect_child().unwrap();
    arena.hand(name, given.object());
    arena.started(name, None);
    // (The children of other tests are of the family, too.)
    eventually("the place is given up", || {
        arena.sweep_all();
        arena.processes() == 1
    });
    // A slot that was given up is not reserved.
    assert!(Arena::adopt(arena.descriptor().unwrap(), name).is_ok_and(|same| Arc::ptr_eq(&same, &arena)));
}
