//! The pages of a process's private memory, and of the machine.

#![expect(unsafe_code, reason = "advises the kernel about memory of the caller")]

use std::mem::MaybeUninit;

use rustix::mm::{Advice, madvise};

/// Tells the kernel that this process is going to write to all of `bytes`, which is new memory. The kernel
/// then uses large pages if it can.
///
/// This includes the pages at both ends that other memory shares. Without them, the kernel would split a
/// mapping that consists of this memory, because the parts would differ in kind; and then the mapping could
/// not grow in place.
pub fn expect_all(bytes: &mut [MaybeUninit<u8>]) {
    let start = bytes.as_mut_ptr().cast::<u8>();
    let before = start.addr() & (PAGE - 1);
    let length = (before + bytes.len()).next_multiple_of(PAGE);
    if !bytes.is_empty() {
        // SAFETY: what is in the pages stays as it is, that of others included.
        let _ = unsafe { madvise(start.wrapping_sub(before).cast(), length, Advice::LinuxHugepage) };
    }
}

/// The smallest page size of a machine. Where pages are larger, the kernel refuses an address that is not a
/// multiple of them.
const PAGE: usize = 4096;

/// Returns the size of the machine's memory in bytes, or that of the container that this process runs in, if
/// the container's files tell it.
pub fn size_of_machine() -> usize {
    let machine = usize::try_from(rustix::system::sysinfo().totalram).unwrap_or(0);
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max");
    let container = container.ok().and_then(|size| size.trim().parse().ok());
    container.map_or(machine, |size: usize| size.min(machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_stays_as_it_is() {
        let mut bytes = vec![MaybeUninit::new(7_u8); 100_000];
        expect_all(&mut bytes);
        expect_all(&mut bytes[..10]);
        // SAFETY: each of them was written.
        assert!(bytes.iter().all(|byte| unsafe { byte.assume_init() } == 7));
    }

    #[test]
    fn the_machine_has_memory() {
        assert!(size_of_machine() > 1 << 20);
    }
}
