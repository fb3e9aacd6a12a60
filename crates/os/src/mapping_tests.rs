//! Tests of `mapping.rs`.

#![expect(unsafe_code, reason = "bytes of the mapping are read and written")]

use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::thread;

use rustix::fs::{MemfdFlags, memfd_create};

use super::*;

const CAPACITY: usize = 1 << 33;

fn file() -> MemoryFile {
    MemoryFile::create("test", CAPACITY).unwrap()
}

#[test]
fn only_what_is_used_is_mapped() {
    let file = file();
    let mapping = Mapping::new(file.get().unwrap(), CAPACITY, 1 << 20).unwrap();
    assert_eq!(mapping.mapped(), 1 << 20);
    assert!(mapping.holds(&file, 1 << 20, 1));
    assert_eq!(mapping.mapped(), (1 << 20) + LEAST_STEP);
    assert!(mapping.holds(&file, CAPACITY - 1, 1));
    assert_eq!(mapping.mapped(), CAPACITY);
    assert!(!mapping.holds(&file, CAPACITY, 1));
    assert!(!mapping.holds(&file, usize::MAX, 2));
    // SAFETY: the byte is mapped.
    unsafe { mapping.place(CAPACITY - 1).write(7) };
    let mut byte = [0];
    rustix::io::pread(file.get().unwrap(), &mut byte, CAPACITY as u64 - 1).unwrap();
    assert_eq!(byte, [7]);
}

#[test]
fn what_others_have_mapped_behind_it_stays() {
    let file = file();
    let mapping = Mapping::new(file.get().unwrap(), CAPACITY, 1 << 20).unwrap();
    let place = mapping.place(2 << 20);
    let other = memfd_create("other", MemfdFlags::CLOEXEC).unwrap();
    map_free(&other, place, GRAIN, 2 << 20).unwrap();
    assert!(mapping.holds(&file, 1 << 20, 1 << 20));
    assert_eq!(mapping.mapped(), 2 << 20);
    assert!(!mapping.holds(&file, 2 << 20, 1));
    assert_eq!(mapping.mapped(), 2 << 20);
    // SAFETY: the range is the mapping that was made above.
    unsafe { munmap(place.cast(), GRAIN) }.unwrap();
    assert!(mapping.holds(&file, 2 << 20, 1));
}

#[test]
fn what_another_thread_has_mapped_and_not_published_is_found() {
    let file = file();
    let mapping = Mapping::new(file.get().unwrap(), CAPACITY, 1 << 20).unwrap();
    map_free(file.get().unwrap(), mapping.place(1 << 20), 1 << 20, 1 << 20).unwrap();
    assert!(mapping.holds(&file, 1 << 20, 1));
    assert_eq!(mapping.mapped(), 2 << 20);
}

#[test]
fn it_grows_without_its_descriptor() {
    let file = file();
    let mapping = Mapping::new(file.get().unwrap(), CAPACITY, 1 << 20).unwrap();
    let again = rustix::io::dup(file.get().unwrap()).unwrap();
    let other = memfd_create("other", MemfdFlags::CLOEXEC).unwrap();
    // SAFETY: the descriptor is `file`'s, which looks before it uses it.
    let mut place = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(file.number().unwrap()) });
    rustix::io::dup2(&other, &mut place).unwrap();
    for offset in [1 << 20, 1 << 30, CAPACITY - 1] {
        assert!(mapping.holds(&file, offset, 1));
        // SAFETY: the byte is mapped.
        unsafe { mapping.place(offset).write(7) };
        let mut byte = [0];
        rustix::io::pread(&again, &mut byte, offset as u64).unwrap();
        assert_eq!(byte, [7]);
    }
    drop(file);
    drop(ManuallyDrop::into_inner(place));
}

#[test]
fn threads_extend_it_at_once() {
    let file = file();
    for _ in 0..20 {
        let mapping = Mapping::new(file.get().unwrap(), CAPACITY, 1 << 20).unwrap();
        let extend = || {
            for step in 1..=32 {
                let offset = step * (CAPACITY / 32) - 8;
                assert!(mapping.holds(&file, offset, 8));
                // SAFETY: the byte is mapped.
                unsafe { mapping.place(offset).read_volatile() };
            }
        };
        thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(extend)));
        });
    }
}
