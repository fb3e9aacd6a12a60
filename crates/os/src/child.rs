//! Child processes, which get a descriptor of shared memory in place of their standard input.
//!
//! They are started without running the fork handlers of this process: the C library's `posix_spawn`, through std.

#![expect(
    clippy::disallowed_types,
    reason = "I3: what Unix has beside std's commands, below the one door"
)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use crate::memory_file::duplicate;
use crate::process::Ended;

/// The program that this process runs, even if its file was replaced or removed.
pub const SAME_PROGRAM: &str = "/proc/self/exe";

/// The number of the memory's descriptor in a child that [`Child::start`] started.
pub const MEMORY: i32 = 0;

/// A child process. The caller has to wait for it in the end; otherwise it stays a zombie as long as this
/// process lives.
#[derive(Debug)]
pub struct Child(std::process::Child);

impl Child {
    /// Starts `program` with the arguments, and with `name` as the name under which it is called. Its
    /// standard input is the memory behind descriptor `memory`. Otherwise it inherits only the standard
    /// output and the standard error output.
    ///
    /// # Errors
    /// There is no such program, or the kernel has no process or descriptor left.
    pub fn start(program: &OsStr, name: &OsStr, arguments: &[OsString], memory: i32) -> io::Result<Self> {
        let memory = duplicate(memory)?;
        let mut command = Command::new(program);
        command.arg0(name).args(arguments).stdin(Stdio::from(memory));
        command.spawn().map(Child)
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills the process by SIGKILL, unless it has ended.
    pub fn kill(&mut self) {
        // This fails if the process has ended.
        let _ = self.0.kill();
    }

    /// Blocks until the process has ended. Returns `None` if other code of this process has waited for it
    /// already.
    pub fn wait(&mut self) -> Option<Ended> {
        let status = self.0.wait().ok()?;
        match (status.code(), status.signal()) {
            (Some(code), _) => Some(Ended::Exited(code)),
            (None, signal) => signal.map(Ended::Killed),
        }
    }
}

/// Replaces the standard input of this process by `/dev/null`.
///
/// # Errors
/// There is no `/dev/null`, or no descriptor is left.
pub fn empty_standard_input() -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdin(File::open("/dev/null")?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::SharedMemory;

    #[test]
    fn a_child_begins_with_the_memory_and_its_end_is_known() {
        let memory = SharedMemory::create("test", 4096, |all| all).unwrap();
        let script = |text: &str| vec!["-c".into(), text.into()];
        let says_it = script("read word; test \"$word\" = hello");
        assert!(memory.write(0, b"hello\n"));
        let number = memory.descriptor().unwrap();
        let mut child = Child::start("/bin/sh".as_ref(), "sh".as_ref(), &says_it, number).unwrap();
        assert_eq!(child.wait(), Some(Ended::Exited(0)));
        let dies = script("kill -9 $$");
        let mut child = Child::start("/bin/sh".as_ref(), "sh".as_ref(), &dies, number).unwrap();
        assert_eq!(child.wait(), Some(Ended::Killed(9)));
        let error = Child::start("/no/such".as_ref(), "x".as_ref(), &[], number).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
