//! Pages of a process's own memory, and of the machine.

#![expect(unsafe_code, reason = "advises the kernel about memory of the caller")]

use std::mem::MaybeUninit;

use rustix::mm::{Advice, madvise};

/// Says that all of `bytes`, new memory of this process, is going to be written to: the kernel gives it in large pages if it can.
pub fn expect_all(bytes: &mut [MaybeUninit<u8>]) {
    let skipped = bytes.as_ptr().align_offset(PAGE).min(bytes.len());
    let pages = bytes.get_mut(skipped..).unwrap_or_default();
    let length = pages.len() & !(PAGE - 1);
    if length > 0 {
        // SAFETY: the pages lie inside of `bytes`, and what is in them stays as it is.
        let _ = unsafe { madvise(pages.as_mut_ptr().cast(), length, Advice::LinuxHugepage) };
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
