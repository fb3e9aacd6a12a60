//! Bytes that a program uses as it likes.

#![cfg(not(loom))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, too, may fail loudly"
)]
#![expect(unsafe_code, reason = "the program's bytes are reached by their address")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use common::{Child, alone, arena, eventually};
use interlock_shm::{Arena, Storage, step};

const LENGTHS: [usize; 8] = [
    0,
    1,
    8,
    Storage::IN_CELL,
    Storage::IN_CELL + 1,
    4096,
    5000,
    100_000,
];

fn bytes(storage: &Storage) -> &[AtomicU8] {
    let address = storage.address().unwrap().cast::<AtomicU8>();
    // SAFETY: so many bytes are there as long as the storage lives, and all threads use them as atomics.
    unsafe { std::slice::from_raw_parts(address.as_ptr(), storage.len()) }
}

fn fill(storage: &Storage, byte: u8) {
    bytes(storage)
        .iter()
        .for_each(|place| place.store(byte, Ordering::Relaxed));
}

fn is_full_of(storage: &Storage, byte: u8) -> bool {
    bytes(storage)
        .iter()
        .all(|place| place.load(Ordering::Relaxed) == byte)
}

/// C202.
#[test]
fn bytes_are_zero_at_first_and_shared_c202() {
    let _alone = alone();
    let arena = arena();
    for length in [LENGTHS, LENGTHS].concat() {
        let storage = Storage::new(&arena, length).unwrap();
        assert_eq!((storage.len(), storage.is_empty()), (length, length == 0));
        let address = storage.address().unwrap();
        assert!(address.cast::<u128>().is_aligned(), "{length} bytes");
        assert!(is_full_of(&storage, 0), "{length} bytes");
        fill(&storage, 1);
        let child = Child::run(|| {
            let again = Storage::open(&arena, storage.object().id()).unwrap();
            let is_same = again.len() == length && is_full_of(&again, 1);
            fill(&again, 2);
            is_same
        });
        assert!(child.succeeded(), "{length} bytes");
        assert!(is_full_of(&storage, 2), "{length} bytes");
    }
    let is_refused = |length| Storage::new(&arena, length).is_err();
    assert!(is_refused(usize::MAX) && is_refused(1 << 37));
    arena.sweep_all();
    assert_eq!((arena.used_bytes(), arena.objects()), (0, 0));
}

/// C203.
#[test]
fn bytes_go_back_with_the_last_handle_c203() {
    let _alone = alone();
    let arena = arena();
    let all: Vec<Storage> = LENGTHS
        .iter()
        .map(|&length| Storage::new(&arena, length).unwrap())
        .collect();
    let child = Child::run(|| common::wait_for_the_end());
    let used = (arena.used_bytes(), arena.objects());
    assert_eq!(used.1, LENGTHS.len());
    drop(all);
    assert_eq!((arena.used_bytes(), arena.objects()), used, "the child has them");
    drop(child);
    check_clean(&arena, "the child is killed");
}

fn check_clean(arena: &Arc<Arena>, what: &str) {
    eventually(what, || {
        arena.sweep_all();
        arena.processes() == 1
    });
    assert_eq!((arena.used_bytes(), arena.objects()), (0, 0), "after {what}");
}

/// C203.
#[test]
fn a_death_at_any_step_of_a_storage_leaves_nothing_c203() {
    let _alone = alone();
    let arena = arena();
    let exercise = || {
        for length in LENGTHS {
            fill(&Storage::new(&arena, length).unwrap(), 1);
        }
    };
    exercise();
    let steps = step::passed();
    assert!(steps.contains(&"storage.allocated"), "{steps:?}");
    let mut deaths = 0;
    for &at in &steps {
        for count in 1..5 {
            let child = Child::run(|| {
                step::arm(at, count);
                exercise();
                true
            });
            deaths += usize::from(child.status() == libc::SIGKILL);
            check_clean(&arena, at);
        }
    }
    assert!(deaths > 20, "{deaths} deaths");
}
