//! Readiness of many descriptors at once, and the bell that ends a wait for it.
//!
//! See <https://man7.org/linux/man-pages/man7/epoll.7.html> and <https://man7.org/linux/man-pages/man2/eventfd.2.html>.

#![expect(
    unsafe_code,
    reason = "descriptors that a program has are borrowed for one call"
)]
#![expect(
    clippy::disallowed_types,
    reason = "I3: descriptors, named below the one door"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd};
use rustix::io::{Errno, read, write};

use crate::clock;
use crate::futex::Returned;

/// The direction in which a descriptor is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It can be read from: there are bytes, a connection, or its end.
    Read,
    /// It can be written to.
    Write,
}

/// The directions that a [`Poller`] watches, or in which it has found a descriptor ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// It can be read from.
    pub reads: bool,
    /// It can be written to.
    pub writes: bool,
}

impl Readiness {
    /// Returns whether it names no direction.
    pub fn is_none(self) -> bool {
        !self.reads && !self.writes
    }

    fn flags(self) -> EventFlags {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN | EventFlags::RDHUP, self.reads);
        flags.set(EventFlags::OUT, self.writes);
        flags
    }

    /// Errors, and the end of the other side, end waits of both kinds: the next call tells what happened.
    fn found(flags: EventFlags) -> Self {
        let over = flags.intersects(EventFlags::ERR | EventFlags::HUP);
        Readiness {
            reads: over || flags.intersects(EventFlags::IN | EventFlags::RDHUP),
            writes: over || flags.intersects(EventFlags::OUT),
        }
    }
}

/// A watched descriptor: its number, and a tag that its owner chose. The kernel still reports a file that was
/// closed under this number and lives on under another one. The tag distinguishes the two files.
pub type Tagged = (i32, u32);

fn data((number, tag): Tagged) -> EventData {
    EventData::new_u64(u64::from(tag) << 32 | u64::from(number.cast_unsigned()))
}

/// The most events that one call of the kernel returns.
const EVENTS: usize = 256;

/// Watches descriptors together. The kernel removes a descriptor that the program closes.
#[derive(Debug)]
pub struct Poller(OwnedFd);

impl Poller {
    /// Creates a poller that watches nothing yet. Its descriptor is closed on exec.
    ///
    /// # Errors
    /// There are too many descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Poller(epoll::create(CreateFlags::CLOEXEC)?))
    }

    /// Watches `descriptor` for `readiness`, whether it was watched before or not. Events bear its number.
    /// Returns whether the file that has this number now was watched under this number before.
    ///
    /// # Errors
    /// The descriptor is not open, or belongs to a file that is always ready (`PermissionDenied`), or the
    /// kernel has no memory.
    pub fn watch(&self, descriptor: Tagged, readiness: Readiness) -> io::Result<bool> {
        let (data, given) = (data(descriptor), borrowed(descriptor.0)?);
        match epoll::modify(&self.0, given, data, readiness.flags()) {
            Err(Errno::NOENT) => Ok(epoll::add(&self.0, given, data, readiness.flags()).map(|()| false)?),
            done => Ok(done.map(|()| true)?),
        }
    }

    /// Returns whether the file with this number is watched; if so, now for `readiness`. Never blocks.
    pub fn is_watched(&self, descriptor: Tagged, readiness: Readiness) -> bool {
        let data = data(descriptor);
        borrowed(descriptor.0)
            .is_ok_and(|given| epoll::modify(&self.0, given, data, readiness.flags()).is_ok())
    }

    /// Like [`watch`](Self::watch), for a descriptor that is probably not watched yet. Saves a system call.
    ///
    /// # Errors
    /// The same as for `watch`.
    pub fn watch_first(&self, descriptor: Tagged, readiness: Readiness) -> io::Result<()> {
        let (data, given) = (data(descriptor), borrowed(descriptor.0)?);
        match epoll::add(&self.0, given, data, readiness.flags()) {
            Err(Errno::EXIST) => Ok(epoll::modify(&self.0, given, data, readiness.flags())?),
            done => Ok(done?),
        }
    }

    /// Stops watching `descriptor`. Returns whether it was watched: it may be closed or another file by now.
    pub fn forget(&self, descriptor: i32) -> bool {
        borrowed(descriptor).is_ok_and(|given| epoll::delete(&self.0, given).is_ok())
    }

    /// Calls `each` for some ready descriptors. Returns whether there may be more. Never blocks.
    pub fn look(&self, mut each: impl FnMut(Tagged, Readiness)) -> bool {
        let nothing = epoll::Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        };
        let mut events = [nothing; EVENTS];
        let found = epoll::wait(&self.0, &mut events, Some(&Timespec::default())).unwrap_or(0);
        for event in &events[..found] {
            let (data, flags) = (event.data, event.flags);
            let (number, tag) = (data.u64() as u32, (data.u64() >> 32) as u32);
            each((number.cast_signed(), tag), Readiness::found(flags));
        }
        found == EVENTS
    }

    /// Blocks until a descriptor is ready (`Woken`), until the time `until` on the monotonic clock, or until a signal comes.
    pub fn wait(&self, until: Option<u64>) -> Returned {
        let left = until.map(|until| {
            let left = until.saturating_sub(clock::monotonic_nanos());
            Timespec {
                tv_sec: i64::try_from(left / 1_000_000_000).unwrap_or(i64::MAX),
                tv_nsec: (left % 1_000_000_000) as _,
            }
        });
        // Polling the poller tells whether something is ready, and takes no event out.
        match rustix::event::poll(&mut [PollFd::new(&self.0, PollFlags::IN)], left.as_ref()) {
            Err(_) => Returned::Interrupted,
            Ok(0) => Returned::TimedOut,
            Ok(_) => Returned::Woken,
        }
    }
}

/// A bell: its descriptor is readable after it was rung, until it is hushed.
#[derive(Debug)]
pub struct Bell(OwnedFd);

impl Bell {
    /// Creates a silent bell. Its descriptor is closed on exec.
    ///
    /// # Errors
    /// There are too many descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Bell(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Returns the number of the descriptor.
    pub fn descriptor(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Rings. Never blocks.
    pub fn ring(&self) {
        while write(&self.0, &1u64.to_ne_bytes()) == Err(Errno::INTR) {}
    }

    /// Takes all rings back. Never blocks.
    pub fn hush(&self) {
        while read(&self.0, &mut [0; 8]) == Err(Errno::INTR) {}
    }
}

/// Borrows the descriptor `number` for one call. The program may close it at any moment, even during the
/// call. Then the kernel refuses the call, or applies it to the file that got the number since.
pub(crate) fn borrowed<'a>(number: i32) -> io::Result<BorrowedFd<'a>> {
    if number < 0 {
        return Err(Errno::BADF.into());
    }
    // SAFETY: it is not -1; what may happen if it is closed is said above, and concerns no memory.
    Ok(unsafe { BorrowedFd::borrow_raw(number) })
}

/// Returns whether a descriptor is ready, or so broken that an operation fails at once. Never blocks.
///
/// # Errors
/// It is not open.
pub fn is_ready(descriptor: i32, direction: Direction) -> io::Result<bool> {
    let flags = match direction {
        Direction::Read => PollFlags::IN,
        Direction::Write => PollFlags::OUT,
    };
    let mut asked = [PollFd::from_borrowed_fd(borrowed(descriptor)?, flags)];
    let found = rustix::event::poll(&mut asked, Some(&Timespec::default()));
    if asked[0].revents().contains(PollFlags::NVAL) {
        return Err(Errno::BADF.into());
    }
    Ok(found == Ok(1))
}

/// Returns whether descriptor `descriptor` is open. Never blocks.
pub fn is_open(descriptor: i32) -> bool {
    borrowed(descriptor).is_ok_and(|given| rustix::io::fcntl_getfd(given).is_ok())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    const READS: Readiness = Readiness {
        reads: true,
        writes: false,
    };
    const WRITES: Readiness = Readiness {
        reads: false,
        writes: true,
    };

    fn seen(poller: &Poller) -> Vec<(Tagged, Readiness)> {
        let mut all = Vec::new();
        poller.look(|number, readiness| all.push((number, readiness)));
        all
    }

    #[test]
    fn what_is_watched_is_seen_while_it_is_ready() {
        let poller = Poller::new().unwrap();
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let number = (one.as_raw_fd(), 7);
        poller.watch_first(number, READS).unwrap();
        poller.watch_first(number, READS).unwrap();
        assert!(seen(&poller).is_empty());
        assert_eq!(poller.wait(Some(0)), Returned::TimedOut);
        other.write_all(b"x").unwrap();
        assert_eq!(poller.wait(None), Returned::Woken);
        assert_eq!(seen(&poller), [(number, READS)]);
        one.read_exact(&mut [0]).unwrap();
        assert!(seen(&poller).is_empty());
        poller.watch(number, WRITES).unwrap();
        assert_eq!(seen(&poller), [(number, WRITES)]);
        assert!(poller.forget(number.0));
        assert!(!poller.forget(number.0));
        assert!(seen(&poller).is_empty());
        assert!(!poller.is_watched(number, READS));
        assert!(!poller.watch(number, READS).unwrap());
        assert!(poller.watch(number, READS).unwrap());
        assert!(poller.is_watched(number, READS));
        drop(other);
        assert!(seen(&poller)[0].1.reads);
    }

    #[test]
    fn a_bell_is_heard_until_it_is_hushed() {
        let (poller, bell) = (Poller::new().unwrap(), Bell::new().unwrap());
        poller.watch_first((bell.descriptor(), 0), READS).unwrap();
        bell.ring();
        bell.ring();
        assert_eq!(seen(&poller), [((bell.descriptor(), 0), READS)]);
        bell.hush();
        bell.hush();
        assert!(seen(&poller).is_empty());
    }

    #[test]
    fn closed_descriptors_are_refused() {
        let (one, other) = UnixStream::pair().unwrap();
        let number = other.as_raw_fd();
        assert!(is_open(number));
        assert!(is_ready(number, Direction::Write).unwrap());
        assert!(!is_ready(number, Direction::Read).unwrap());
        let poller = Poller::new().unwrap();
        poller.watch_first((number, 0), READS).unwrap();
        drop((one, other));
        assert!(!poller.is_watched((number, 0), READS));
        assert!(!is_open(-1));
        assert!(is_ready(-1, Direction::Read).is_err());
        assert!(Poller::new().unwrap().watch((-1, 0), READS).is_err());
    }
}
