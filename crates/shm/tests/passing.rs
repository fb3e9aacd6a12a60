//! The resources of processes that died unnoticed come back, even if no thread waits for them.

#![cfg(not(loom))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, too, may fail loudly"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::{Child, alone, arena, eventually, not_hanging, within_a_minute};
use interlock_shm::{Acquired, Arena, Error, Lock, Name, OnOwnerDeath, Owner, Queue, step};

/// Runs `then` when 40 processes, for which no thread waits, have died or called exec. Each of them had an object.
fn after_deaths_that_nobody_saw(arena: &Arc<Arena>, execs: bool, then: impl FnOnce()) {
    // (A wait for an object of the family would see the deaths.)
    let ready = &common::shared_words(1)[0];
    let children: Vec<Child> = (0..40)
        .map(|_| {
            Child::run(|| {
                let lock = Lock::new(arena, OnOwnerDeath::Tell).unwrap();
                let _ = lock.acquire(&mut within_a_minute()).unwrap();
                ready.fetch_add(1, Ordering::SeqCst);
                if execs {
                    let mut program = std::process::Command::new("sleep");
                    panic!("{}", std::os::unix::process::CommandExt::exec(program.arg("60")));
                }
                common::wait_for_the_end()
            })
        })
        .collect();
    eventually("all are ready", || ready.load(Ordering::SeqCst) == 40);
    for child in &children {
        match execs {
            true => eventually("it is another program", || {
                let name = std::fs::read_to_string(format!("/proc/{}/comm", child.pid()));
                name.unwrap() == "sleep\n"
            }),
            false => {
                child.kill();
                eventually("it has ended", || child.has_ended());
            }
        }
    }
    let (processes, objects) = (arena.processes(), arena.objects());
    then();
    assert_eq!(
        (arena.processes(), arena.objects()),
        (processes - 40, objects - 40)
    );
}

/// C230.
#[test]
fn the_dead_are_cleared_away_in_passing_c230() {
    let _alone = alone(); // children of other tests would be of the family
    for execs in [false, true] {
        let births = |arena: &Arc<Arena>| {
            for _ in 0..64 {
                let name = arena.expect_child().unwrap();
                arena.started(name, None);
            }
        };
        let creations = |arena: &Arc<Arena>| {
            for _ in 0..64 {
                drop(Lock::new(arena, OnOwnerDeath::Tell).unwrap());
            }
        };
        let growth = |arena: &Arc<Arena>| {
            arena.free(arena.allocate(1 << 20, Owner::Process(arena.me())).unwrap());
        };
        for happens in [&births as &dyn Fn(&Arc<Arena>), &creations, &growth] {
            let arena = arena();
            after_deaths_that_nobody_saw(&arena, execs, || happens(&arena));
        }
    }
}

/// C230: in a family of any size.
#[test]
fn each_slot_is_looked_at_in_turn_c230() {
    let _alone = alone(); // children of other tests would be of the family
    let arena = arena();
    let names: Vec<_> = (0..1000).map(|_| arena.expect_child().unwrap()).collect();
    after_deaths_that_nobody_saw(&arena, false, || {
        for _ in 0..1088 {
            drop(Lock::new(&arena, OnOwnerDeath::Tell).unwrap());
        }
    });
    names.into_iter().for_each(|name| arena.started(name, None));
}

/// C231.
#[test]
fn nothing_is_refused_for_what_the_dead_had_c231() {
    let _alone = alone(); // children of other tests would be of the family
    let arena = arena();
    let mine = || Owner::Process(arena.me());
    let child = Child::run(|| {
        let _ = arena.allocate(16 << 30, mine()).unwrap();
        // (They are not dropped.)
        while let Ok(lock) = Lock::new(&arena, OnOwnerDeath::Tell) {
            std::mem::forget(lock);
        }
        common::wait_for_the_end()
    });
    eventually("the child has all objects", || arena.objects() == 1 << 17);
    assert!(matches!(
        Lock::new(&arena, OnOwnerDeath::Tell),
        Err(Error::TooManyObjects)
    ));
    assert!(matches!(
        arena.allocate(16 << 30, mine()),
        Err(Error::Full { .. })
    ));
    child.kill();
    eventually("it has ended", || child.has_ended());
    let block = arena.allocate(16 << 30, mine()).unwrap();
    arena.free(block);
    assert!(Lock::new(&arena, OnOwnerDeath::Tell).is_ok());
}

/// Takes the largest possible blocks until there is no room, and frees them.
fn fill(arena: &Arc<Arena>) {
    let mut blocks = Vec::new();
    let mut bytes: usize = 32 << 30;
    while bytes >= 4096 {
        match arena.allocate(bytes, Owner::Process(arena.me())) {
            Ok(block) => blocks.push(block),
            Err(_) => bytes /= 2,
        }
    }
    assert!(arena.used_bytes() > 30 << 30);
    blocks.into_iter().for_each(|block| arena.free(block));
}

/// All pages can serve for blocks of one size, of the next one, and of a large one again.
fn serve_for_any_size(arena: &Arc<Arena>) {
    let mine = Owner::Process(arena.me());
    for (bytes, count) in [
        (1 << 30, 31),
        (7 << 30, 3),
        (16 << 30, 1),
        (3 << 30, 7),
        (16 << 30, 1),
    ] {
        let blocks: Vec<_> = (0..count).map(|_| arena.allocate(bytes, mine).unwrap()).collect();
        let mut places: Vec<_> = blocks
            .iter()
            .map(|block| block.offset..block.offset + block.length)
            .collect();
        places.sort_by_key(|place| place.start);
        assert!(
            places.is_sorted_by(|one, next| one.end <= next.start),
            "{places:?} overlap"
        );
        blocks.into_iter().for_each(|block| arena.free(block));
        assert_eq!(arena.used_bytes(), 0);
    }
}

#[test]
fn free_blocks_serve_for_blocks_of_any_size_c232() {
    let _alone = alone(); // children of other tests would be of the family
    let arena = arena();
    fill(&arena);
    serve_for_any_size(&arena);
}

/// C232.
#[test]
fn a_death_while_regrouping_leaves_all_pages_c232() {
    let _alone = alone(); // children of other tests would be of the family
    let trial = arena();
    fill(&trial);
    serve_for_any_size(&trial);
    let steps = step::passed();
    let steps: Vec<_> = steps
        .into_iter()
        .filter(|step| step.starts_with("regroup"))
        .collect();
    assert_eq!(steps.len(), 3);
    for name in steps {
        for count in [1, 2, 5] {
            let arena = arena();
            let child = Child::run(|| {
                step::arm(name, count);
                fill(&arena);
                serve_for_any_size(&arena);
                true
            });
            child.died_or_succeeded(name);
            serve_for_any_size(&arena);
        }
    }
}

/// C260: a process watches the life of a lock's owner, and goes on when the owner is dead and its slot belongs to
/// another process.
#[test]
fn the_life_of_the_next_process_is_not_taken_for_that_of_the_dead_one_c260() {
    let _alone = alone(); // children of other tests would be of the family
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let (has_it, lives) = (&common::shared_words(1)[0], &common::shared_words(1)[0]);
    let slot_of = |name: Name| name.word() % Name::SLOTS;
    let owner = Child::run(|| {
        let _ = lock.acquire(&mut within_a_minute()).unwrap();
        has_it.store(1, Ordering::SeqCst);
        common::wait_for_the_end()
    });
    let (pid, name) = (owner.pid(), arena.last_child());
    eventually("it has the lock", || has_it.load(Ordering::SeqCst) == 1);
    let waiter = Child::run(|| {
        let family = Arc::clone(&arena);
        step::call("watch.flagged", move || {
            common::kill(pid);
            eventually("the owner is dead", || family.confirm_death(name));
            // All other slots are reserved, so the next birth takes the owner's slot.
            let mut next = family.expect_child().unwrap();
            while slot_of(next) != slot_of(name) {
                next = family.expect_child().unwrap();
            }
            family.started(next, None);
            let me = std::process::id();
            std::mem::forget(Child::run(|| {
                lives.store(1, Ordering::SeqCst);
                common::wait_for_the_end_of(me)
            }));
            assert_eq!(slot_of(family.last_child()), slot_of(name));
            eventually("its next process lives", || lives.load(Ordering::SeqCst) == 1);
        });
        matches!(lock.acquire(&mut not_hanging()), Ok(Acquired::OwnerDied(_)))
    });
    assert!(waiter.succeeded());
}

/// C254: to destroy an object, a thread holds the roster and frees blocks, while a process that died unnoticed
/// holds the lock of the blocks.
#[test]
fn an_object_ends_while_the_holder_of_the_blocks_is_dead_c254() {
    let _alone = alone();
    let arena = arena();
    let go = &common::shared_words(1)[0];
    let child = Child::run(|| {
        eventually("the queue is there", || go.load(Ordering::SeqCst) == 1);
        step::arm("block.allocated", 1);
        Queue::new(&arena, None).is_err()
    });
    // The child has no handle of it.
    let queue = Queue::new(&arena, None).unwrap();
    go.store(1, Ordering::SeqCst);
    eventually("it has ended", || child.has_ended());
    let objects = arena.objects();
    let its = arena.clone();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(queue);
        its.sweep_all();
        tell.send(()).unwrap();
    });
    let waited = told.recv_timeout(std::time::Duration::from_secs(60));
    assert!(waited.is_ok(), "the end of a queue hangs");
    assert!(arena.objects() < objects);
    assert_eq!(arena.processes(), 1);
    child.died_or_succeeded("block.allocated");
}
