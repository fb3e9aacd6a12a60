//! Waits for several open files of the program at once, and moves bytes without waiting. Files are given by
//! the numbers of their descriptors.
//!
//! The program owns the descriptors. It may close one at any moment, or give its number to another file: then
//! the kernel refuses the call, or works on the other file, as with any call of the program itself. No memory
//! access depends on it.

#![expect(
    unsafe_code,
    reason = "descriptors by their numbers, and memory into which the kernel writes"
)]

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;

use crate::clock::{self, NANOS_PER_SECOND};
use crate::futex::Returned;

/// What a thread waits for in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Bytes to read, or the end of the file. For a descriptor of a process: its end.
    Readable,
    /// Room for at least one byte, or that the reader is gone.
    Writable,
}

/// A file that a thread waits for.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct FileWait(libc::pollfd);

impl FileWait {
    /// Creates a wait for the file of this descriptor.
    pub fn new(descriptor: i32, awaited: Awaited) -> Self {
        FileWait(libc::pollfd {
            fd: descriptor,
            events: match awaited {
                Awaited::Readable => libc::POLLIN,
                Awaited::Writable => libc::POLLOUT,
            },
            revents: 0,
        })
    }

    /// Stops waiting for the file.
    pub fn forget(&mut self) {
        self.0.fd = -1;
        self.0.revents = 0;
    }

    /// Returns whether the file is still waited for.
    pub fn is_awaited(&self) -> bool {
        self.0.fd >= 0
    }

    /// Returns whether the last wait found it ready, or found that it can't be waited for: the next call on
    /// it does not wait.
    pub fn is_ready(&self) -> bool {
        self.0.revents != 0
    }

    /// Returns the descriptor.
    pub fn descriptor(&self) -> i32 {
        self.0.fd
    }
}

impl std::fmt::Debug for FileWait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileWait({}, ready: {})", self.0.fd, self.is_ready())
    }
}

/// Sleeps until one of the files is ready, a signal handler has run, or `deadline` passes.
///
/// `deadline` is an absolute time in nanoseconds on the monotonic clock; `None` means no deadline.
pub fn wait(files: &mut [FileWait], deadline: Option<u64>) -> Returned {
    let left = deadline.map(|deadline| {
        let nanos = deadline.saturating_sub(clock::monotonic_nanos());
        libc::timespec {
            tv_sec: (nanos / NANOS_PER_SECOND).cast_signed(),
            tv_nsec: (nanos % NANOS_PER_SECOND).cast_signed(),
        }
    });
    let timeout = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let count = libc::nfds_t::try_from(files.len()).unwrap_or(libc::nfds_t::MAX);
    // SAFETY: `FileWait` is what the kernel wants, there are `count` of them, and the time lives as long as the call.
    match unsafe { libc::ppoll(files.as_mut_ptr().cast(), count, timeout, std::ptr::null()) } {
        0 => Returned::TimedOut,
        1.. => Returned::Woken,
        _ => {
            for file in files.iter_mut() {
                file.0.revents = 0;
            }
            match io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => Returned::Interrupted,
                // There is no memory for the wait, or there are too many files: the caller's next step will
                // find out.
                _ => Returned::Woken,
            }
        }
    }
}

/// Reads once. Returns the number of bytes, 0 at the end of the file.
///
/// # Errors
/// The error of the kernel. If the file was not ready, the call blocks the thread.
pub fn read(descriptor: i32, into: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most so many bytes to memory that the caller lends for that.
    let count = unsafe { libc::read(descriptor, into.as_mut_ptr().cast(), into.len()) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Writes as much of `bytes` as there is room for. The caller has found the file ready, so there is room.
/// Never blocks.
///
/// # Errors
/// The error of the kernel.
pub fn write(descriptor: i32, bytes: &[u8]) -> io::Result<usize> {
    let part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: the kernel reads at most so many bytes.
    let count = unsafe { libc::pwritev2(descriptor, &raw const part, 1, -1, libc::RWF_NOWAIT) };
    usize::try_from(count).or_else(|_| {
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // Pipes support this since Linux 6.4. Other files may never support it.
            Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL | libc::ESPIPE) => {
                write_little(descriptor, bytes)
            }
            _ => Err(error),
        }
    })
}

/// The default capacity of a pipe, in bytes.
pub const USUAL_PIPE: usize = 64 << 10;

/// The capacity of a widened pipe, in bytes: it fits into a processor's cache.
const WIDE_PIPE: c_int = 256 << 10;

/// Gives a pipe more room, so that its two sides wake each other less often. Changes nothing if the file is
/// no pipe, if its capacity was changed before, or if the kernel refuses, because it limits the total for all
/// pipes of a user.
pub fn widen(descriptor: i32) {
    // SAFETY: no memory is passed.
    let room = unsafe { libc::fcntl(descriptor, libc::F_GETPIPE_SZ) };
    if usize::try_from(room) == Ok(USUAL_PIPE) {
        // SAFETY: as above.
        unsafe { libc::fcntl(descriptor, libc::F_SETPIPE_SZ, WIDE_PIPE) };
    }
}

/// Writes no more than a ready pipe has room for at least.
fn write_little(descriptor: i32, bytes: &[u8]) -> io::Result<usize> {
    let count = bytes.len().min(libc::PIPE_BUF);
    // SAFETY: so many bytes are there.
    let count = unsafe { libc::write(descriptor, bytes.as_ptr().cast(), count) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_pipe_is_ready_when_it_has_bytes_or_has_ended() {
        let (reader, writer) = io::pipe().unwrap();
        let mut files = [FileWait::new(reader.as_raw_fd(), Awaited::Readable)];
        assert_eq!(wait(&mut files, Some(0)), Returned::TimedOut);
        assert_eq!(write(writer.as_raw_fd(), b"abc").unwrap(), 3);
        assert_eq!(wait(&mut files, None), Returned::Woken);
        assert!(files[0].is_ready());
        let mut bytes = [MaybeUninit::uninit(); 8];
        assert_eq!(read(reader.as_raw_fd(), &mut bytes).unwrap(), 3);
        drop(writer);
        assert_eq!(wait(&mut files, None), Returned::Woken);
        assert_eq!(read(reader.as_raw_fd(), &mut bytes).unwrap(), 0);
        files[0].forget();
        assert_eq!(wait(&mut files, Some(0)), Returned::TimedOut);
    }

    #[test]
    fn a_large_write_takes_what_there_is_room_for() {
        let (reader, writer) = io::pipe().unwrap();
        let bytes = vec![7; 1 << 20];
        let written = write(writer.as_raw_fd(), &bytes).unwrap();
        assert!((1..bytes.len()).contains(&written));
        drop(reader);
        let mut files = [FileWait::new(writer.as_raw_fd(), Awaited::Writable)];
        assert_eq!(wait(&mut files, None), Returned::Woken);
        assert_eq!(
            write(writer.as_raw_fd(), &bytes).unwrap_err().raw_os_error(),
            Some(libc::EPIPE)
        );
    }

    #[test]
    fn a_wide_pipe_has_more_room_unless_somebody_has_chosen_how_much() {
        let (reader, _writer) = io::pipe().unwrap();
        let room = |file: &io::PipeReader| {
            // SAFETY: no memory is passed.
            unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETPIPE_SZ) }
        };
        widen(reader.as_raw_fd());
        // The kernel gives no more room to a user with too many pipes.
        assert!([65_536, WIDE_PIPE].contains(&room(&reader)));
        let (other, _writer) = io::pipe().unwrap();
        // SAFETY: no memory is passed.
        unsafe { libc::fcntl(other.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
        widen(other.as_raw_fd());
        assert_eq!(room(&other), 4096);
        widen(-1);
    }

    #[test]
    fn a_descriptor_that_is_closed_does_not_hang() {
        let mut files = [FileWait::new(1_000_000, Awaited::Readable)];
        assert_eq!(wait(&mut files, None), Returned::Woken);
        assert!(files[0].is_ready());
        assert!(read(1_000_000, &mut []).is_err());
    }
}
