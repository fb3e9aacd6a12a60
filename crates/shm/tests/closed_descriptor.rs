//! A program that has closed the descriptor of the shared memory, whose number another file has then.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]
#![expect(unsafe_code, reason = "the number gets another file")]

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

use interlock_os::memory::SharedMemory;
use interlock_os::process::has_file;
use interlock_shm::{Arena, Error};

/// Gives the number of the memory's descriptor to a new file of the program, and returns that file.
fn close(number: i32) -> File {
    let path = std::env::temp_dir().join(format!("interlock-closed-{}-{number}", std::process::id()));
    let mut file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(path).unwrap();
    file.write_all(b"precious").unwrap();
    // SAFETY: the descriptor is closed as the program of such a test does; the memory looks before it uses it.
    let got = unsafe { libc::dup2(file.as_raw_fd(), number) };
    assert_eq!(got, number);
    file
}

#[test]
fn memory_goes_on_without_its_descriptor_c423() {
    let memory = SharedMemory::create("test", 1 << 20, |all| all).unwrap();
    let other = SharedMemory::adopt(memory.descriptor().unwrap(), |all| all).unwrap();
    let (number, id) = (memory.descriptor().unwrap(), memory.id());
    memory.write(4096, &[7; 8192]);
    let file = close(number);
    let sees = |memory: &SharedMemory, offset, byte| {
        let mut bytes = [0];
        memory.read(offset, &mut bytes) && bytes == [byte]
    };
    assert!(memory.descriptor().is_err());
    assert!(memory.write_new(65536, &[1; 4096]) && sees(&other, 65536, 1));
    memory.give_back(4096, 4096);
    assert!(sees(&other, 4096, 0) && sees(&other, 8192, 7));
    memory.make_private(8192, 4096).unwrap();
    assert!(sees(&memory, 8192, 7) && memory.write(8192, &[9]) && sees(&other, 8192, 7));
    memory.make_shared(8192, 4096).unwrap();
    assert!(sees(&memory, 8192, 7) && memory.write(8192, &[5]) && sees(&other, 8192, 5));
    // Its process is not taken for one that has executed another program.
    let pid = std::process::id();
    assert_eq!(has_file(pid, number.cast_unsigned(), id), Some(true));
    drop((memory, other));
    assert_eq!(has_file(pid, number.cast_unsigned(), id), Some(false));
    assert_eq!(file.metadata().unwrap().len(), 8);
    // The number is still the program's.
    // SAFETY: no memory is involved.
    assert_eq!(unsafe { libc::fcntl(number, libc::F_GETFD) }, 0);
}

#[test]
fn new_objects_are_made_in_new_memory_c423() {
    let first = Arena::home().unwrap();
    let file = close(first.descriptor().unwrap());
    assert!(matches!(first.expect_child(), Err(Error::Closed)));
    let second = Arena::home().unwrap();
    assert_ne!(first.inode(), second.inode());
    assert!(second.expect_child().is_ok());
    assert_eq!(file.metadata().unwrap().len(), 8);
}
