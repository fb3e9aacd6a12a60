//! Pipes and sockets by which one process learns that another has ended. Only that process holds the other
//! end: its forked children close their copies. So the kernel closes the end when the process ends, however
//! it ends.
//!
//! Their numbers lie among those of the program's own descriptors. A program may close descriptors that it
//! did not open, and then the number may name another file. So each descriptor is identified by its file,
//! too.

#![expect(
    unsafe_code,
    reason = "a descriptor is closed by its number, if it is still what it was"
)]
#![expect(
    clippy::disallowed_types,
    reason = "I3: descriptors, named below the one door"
)]

use std::io;
use std::os::fd::BorrowedFd;

use crate::memory::FileId;

/// The number of a descriptor, and the file that it named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    number: i32,
    file: FileId,
}

impl Held {
    /// Remembers the open descriptor with this number. It stays the program's.
    ///
    /// # Errors
    /// There is no such descriptor.
    pub fn of(number: i32) -> io::Result<Self> {
        let file = file(number)?;
        Ok(Held { number, file })
    }

    /// Returns its number.
    pub fn number(&self) -> i32 {
        self.number
    }

    /// Closes the descriptor, unless its number names another file by now. Signal handlers may do this.
    pub fn close(self) {
        if file(self.number).is_ok_and(|now| now == self.file) {
            // SAFETY: the number names the file that the caller gave up by calling this.
            unsafe { libc::close(self.number) };
        }
    }
}

/// Makes the kernel send SIGTERM to the calling process when the other end of a pipe or a socket is closed,
/// and thus when the process that holds it has ended. If it is closed already, the signal comes at once. For
/// other kinds of files, this has no effect.
///
/// # Errors
/// There is no such descriptor.
pub fn terminate_at_hang_up(number: i32) -> io::Result<()> {
    let me = rustix::process::getpid();
    control(number, libc::F_SETOWN, me.as_raw_nonzero().get())?;
    control(number, F_SETSIG, libc::SIGTERM)?;
    let flags = control(number, libc::F_GETFL, 0)?;
    control(number, libc::F_SETFL, flags | libc::O_ASYNC)?;
    let mut look = libc::pollfd {
        fd: number,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one record, which lives during the call, and does not wait.
    if checked(unsafe { libc::poll(&raw mut look, 1, 0) })? > 0 {
        rustix::process::kill_process(me, rustix::process::Signal::TERM)?;
    }
    Ok(())
}

/// See <https://man7.org/linux/man-pages/man2/F_SETSIG.2const.html>. The C library's bindings lack it.
const F_SETSIG: i32 = 10;

/// Calls `fcntl` with an operation that takes a number.
fn control(number: i32, order: i32, value: i32) -> io::Result<i32> {
    // SAFETY: the kernel checks the number, and the order touches no memory.
    checked(unsafe { libc::fcntl(number, order, value) })
}

fn checked(answer: i32) -> io::Result<i32> {
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(answer)
    }
}

fn file(number: i32) -> io::Result<FileId> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the kernel checks the number, which is used for this call only.
    FileId::of(unsafe { BorrowedFd::borrow_raw(number) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::{AsRawFd, IntoRawFd};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_held_descriptor_is_closed_once() {
        let (mut mine, other) = UnixStream::pair().unwrap();
        Held::of(other.into_raw_fd()).unwrap().close();
        // The end of the file: no process holds the other end.
        assert_eq!(mine.read(&mut [0; 1]).unwrap(), 0);
        assert!(Held::of(-1).is_err());
    }

    #[test]
    fn a_number_that_names_another_file_now_is_left_alone() {
        let first = File::open("/dev/null").unwrap();
        let held = Held::of(first.as_raw_fd()).unwrap();
        let other = File::open("/proc/self/status").unwrap();
        // SAFETY: the number is that of our own descriptor, in whose place the other file comes.
        let copied = unsafe { libc::dup2(other.as_raw_fd(), first.as_raw_fd()) };
        assert_eq!(copied, first.as_raw_fd());
        held.close();
        assert!(first.metadata().is_ok());
    }
}
