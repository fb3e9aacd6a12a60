//! Doorbells: two ends of a pipe, or two connected sockets. One end becomes readable when the other end is rung, and when
//! the last copy of the other end is closed.
//!
//! `multiprocessing.Pipe()` makes them: a pipe if messages go one way, otherwise two sockets that ring each
//! other.

#![expect(
    clippy::disallowed_types,
    reason = "I3: descriptors, named below the one door"
)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read, write};

/// One descriptor of a pair. It is closed on exec, and when this is dropped.
#[derive(Debug)]
pub struct Doorbell(OwnedFd);

impl Doorbell {
    /// Creates a pipe. Returns the end that hears and the end that rings. The bell has been rung once.
    ///
    /// # Errors
    /// There are too many descriptors.
    pub fn pipe() -> io::Result<(Self, Self)> {
        let (hears, rings) = io::pipe()?;
        let (hears, rings) = (Doorbell(hears.into()), Doorbell(rings.into()));
        rings.ring();
        Ok((hears, rings))
    }

    /// Creates two sockets that ring each other. Each has been rung once.
    ///
    /// # Errors
    /// The same as for [`pipe`](Self::pipe).
    pub fn sockets() -> io::Result<(Self, Self)> {
        let (one, other) = UnixStream::pair()?;
        let (one, other) = (Doorbell(one.into()), Doorbell(other.into()));
        one.ring();
        other.ring();
        Ok((one, other))
    }

    /// Opens the doorbell behind descriptor `number`, which another process made. Takes a duplicate; the
    /// caller keeps its own.
    ///
    /// # Errors
    /// There is no such descriptor, or there are too many descriptors.
    pub fn adopt(number: i32) -> io::Result<Self> {
        crate::memory_file::duplicate(number).map(Doorbell)
    }

    /// Makes another descriptor of the same end.
    ///
    /// # Errors
    /// There are too many descriptors.
    pub fn duplicate(&self) -> io::Result<Self> {
        self.0.try_clone().map(Doorbell)
    }

    /// Returns the number of the descriptor.
    pub fn descriptor(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Makes the other end readable. Does nothing if no process holds the other end any more.
    pub fn ring(&self) {
        while write(&self.0, &[0]) == Err(Errno::INTR) {}
    }

    /// Takes back one ring. After the last one, this end is not readable any more. Never blocks.
    pub fn hush_one(&self) {
        self.hush_at_most(1);
    }

    /// Takes back all rings. Never blocks.
    pub fn hush_all(&self) {
        self.hush_at_most(u32::MAX);
    }

    fn hush_at_most(&self, mut most: u32) {
        while most > 0 && self.is_readable() {
            match read(&self.0, &mut [0; 1]) {
                Err(Errno::INTR) => {}
                Ok(1) => most -= 1,
                _ => return,
            }
        }
    }

    /// Returns whether this end has been rung, or no process holds the other end any more.
    pub fn is_readable(&self) -> bool {
        let now = Timespec::default();
        loop {
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&now)) {
                Err(Errno::INTR) => {}
                outcome => return outcome == Ok(1),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Doorbell;

    #[test]
    fn a_ring_is_heard_until_it_is_hushed_and_the_end_for_good() {
        for make in [Doorbell::pipe, Doorbell::sockets] {
            let (hears, rings) = make().unwrap();
            assert!(hears.is_readable());
            hears.hush_one();
            assert!(!hears.is_readable());
            hears.hush_all();
            rings.ring();
            rings.ring();
            hears.hush_one();
            assert!(hears.is_readable());
            hears.hush_all();
            assert!(!hears.is_readable());
            let other = Doorbell::adopt(rings.descriptor()).unwrap();
            drop(rings);
            assert!(!hears.is_readable());
            drop(other);
            assert!(hears.is_readable());
            hears.hush_all();
            assert!(hears.is_readable());
        }
    }
}
