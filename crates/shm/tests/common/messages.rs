//! Messages that can be checked, and children that die at a step, for tests of queues.

use interlock_shm::step;

use super::Child;

/// The messages of one run: small ones, longer ones, and a few large ones.
pub(crate) const MESSAGES: u64 = 800;

pub(crate) fn message(i: u64) -> Vec<u8> {
    let length = match i {
        _ if i % 97 == 5 => 40_000,
        _ if i % 13 == 7 => 900,
        _ => 8 + i as usize % 40,
    };
    let mut bytes = i.to_le_bytes().to_vec();
    bytes.extend((8..length).map(|at| (i as usize * 7 + at) as u8));
    bytes
}

/// The number of a message, all of whose bytes are as [`message`] made them.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert!(bytes == message(number), "message {number} is torn");
    number
}

/// Makes a child die at step `name`, when it comes there for the `count`th time. Returns whether it did.
pub(crate) fn dies(name: &str, count: u32, body: impl FnOnce()) -> bool {
    let child = Child::run(|| {
        step::arm(name, count);
        body();
        true
    });
    match child.status() {
        0 => false,
        libc::SIGKILL => true,
        status => unreachable!("the child ended with {status} before {name}"),
    }
}
