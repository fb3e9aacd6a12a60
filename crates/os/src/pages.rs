//! Pages of a process's own memory, and of the machine.

#![expect(unsafe_code, reason = "advises the kernel about memory of the caller")]

use std::mem::MaybeUninit;

use rustix::mm::{Advice, madvise};

/// Says that all of `bytes`, new memory of this process, is going to be written to: the kernel gives it in large pages if it can.
///
/// The pages that they have in common with other memory are included. The kernel keeps a list of mappings by their kind: without
/// those pages, a mapping that is all of this memory would become several, and could not be made larger where it lies.
pub fn expect_all(bytes: &mut [MaybeUninit<u8>]) {
    let start = bytes.as_mut_ptr().cast::<u8>();
    let before = start.addr() & (PAGE - 1);
    let length = (before + bytes.len()).next_multiple_of(PAGE);
    if !bytes.is_empty() {
        // SAFETY: what is in the pages stays as it is, that of others included.
        let _ = unsafe { madvise(start.wrapping_sub(before).cast(), length, Advice::LinuxHugepage) };
    }
}

/// The least page of a machine. Where pages are larger, an address that is no multiple of them is refused.
const PAGE: usize = 4096;

/// How many bytes of memory the machine has, or the container that this process is in, if its files say so.
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
