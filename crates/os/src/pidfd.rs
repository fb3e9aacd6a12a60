//! The descriptor of a process that a program has started.
//!
//! Its number lies among those of the program's own descriptors. A program may close descriptors that it did
//! not open, for instance all from 3 on, and then the number may name one of the program's files. So each use
//! first makes sure that the number still names the process.

#![expect(unsafe_code, reason = "a descriptor is closed only if it is still ours")]
#![expect(
    clippy::disallowed_types,
    reason = "I3: descriptors, named below the one door"
)]

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, getpid, pidfd_open};

/// A process, by a descriptor that becomes readable when it ends.
#[derive(Debug)]
pub struct Pidfd {
    file: ManuallyDrop<OwnedFd>,
    pid: Pid,
    owner: Pid,
}

impl Pidfd {
    /// Opens the process `pid`, a child that the calling process has not waited for.
    ///
    /// # Errors
    /// There is no such process, no descriptor is left, or the kernel is older than Linux 5.3, which
    /// introduced these descriptors.
    pub fn open(pid: i32) -> io::Result<Self> {
        let process = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
        let file = pidfd_open(process, PidfdFlags::empty())?;
        Pidfd::of_child(file, pid).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// Makes a `Pidfd` for the child `pid` of the calling process, from the descriptor that the kernel
    /// returned with it. `None` if `pid` is no process.
    pub fn of_child(file: OwnedFd, pid: i32) -> Option<Self> {
        let pid = Pid::from_raw(pid)?;
        Some(Pidfd {
            file: ManuallyDrop::new(file),
            pid,
            owner: getpid(),
        })
    }

    /// Returns the number of the descriptor, if it still names the process and the calling process has opened
    /// it. `None` after the program has closed it, and in a forked child, because the process is not a child
    /// of that.
    pub fn descriptor(&self) -> Option<i32> {
        (getpid() == self.owner && self.is_intact()).then(|| self.file.as_raw_fd())
    }

    /// Returns the id of the process.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Returns whether the number still names a descriptor of a process, alive or dead. Only a program that
    /// closes descriptors that it did not open, and then opens a descriptor of another process, can deceive
    /// this check.
    fn is_intact(&self) -> bool {
        // SAFETY: no signal is sent, and no memory is passed.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.file.as_raw_fd(),
                0,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        answer == 0 || io::Error::last_os_error().raw_os_error() != Some(Errno::BADF.raw_os_error())
    }
}

impl Drop for Pidfd {
    fn drop(&mut self) {
        if self.is_intact() {
            // SAFETY: it is dropped once, here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.file) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{Awaited, FileWait, wait};
    use crate::futex::Returned;
    use std::process::Command;

    #[test]
    fn it_is_readable_from_the_end_of_the_process_on() {
        let mut child = Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pidfd = Pidfd::open(child.id().cast_signed()).unwrap();
        assert_eq!(pidfd.pid(), child.id().cast_signed());
        let mut files = [FileWait::new(pidfd.descriptor().unwrap(), Awaited::Readable)];
        assert_eq!(wait(&mut files, Some(0)), Returned::TimedOut);
        drop(child.stdin.take());
        assert_eq!(wait(&mut files, None), Returned::Woken);
        child.wait().unwrap();
        assert!(Pidfd::open(child.id().cast_signed()).is_err());
    }

    #[test]
    fn a_number_that_names_another_file_now_is_left_alone() {
        let pidfd = Pidfd::open(getpid().as_raw_nonzero().get()).unwrap();
        let number = pidfd.file.as_raw_fd();
        let other = std::fs::File::open("/dev/null").unwrap();
        // SAFETY: the number is that of our own descriptor, in whose place the other file comes.
        assert_eq!(unsafe { libc::dup2(other.as_raw_fd(), number) }, number);
        assert_eq!(pidfd.descriptor(), None);
        drop(pidfd);
        // SAFETY: it only looks.
        assert!(unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0);
    }
}
