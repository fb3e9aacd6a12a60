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

use crate::memory::duplicate;
use crate::process::Ended;

/// The program that this process runs, whatever became of its file.
pub const SAME_PROGRAM: &str = "/proc/self/exe";

/// The number of the descriptor with which a child begins that was started by [`Child::start`].
pub const MEMORY: i32 = 0;

/// A child process. The caller waits for it in the end: what is left of it stays otherwise as long as this process lives.
#[derive(Debug)]
pub struct Child(std::process::Child);

impl Child {
    /// Starts `program`, which sees `name` as its own, and these arguments. In place of its standard input it has the memory
    /// behind descriptor `memory`. It inherits nothing else, but for the standard output and the standard error output.
    ///
    /// # Errors
    /// There is no such program, or there is no process or no descriptor for it.
    pub fn start(program: &OsStr, name: &OsStr, arguments: &[OsString], memory: i32) -> io::Result<Self> {
        let memory = duplicate(memory)?;
        let mut command = Command::new(program);
        command.arg0(name).args(arguments).stdin(Stdio::from(memory));
        command.spawn().map(Child)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it by SIGKILL, unless it has ended.
    pub fn kill(&mut self) {
        // It fails if the process has ended.
        let _ = self.0.kill();
    }

    /// Waits until it has ended. Blocks until then. `None` if somebody else has waited for it.
    pub fn wait(&mut self) -> Option<Ended> {
        let status = self.0.wait().ok()?;
        match (status.code(), status.signal()) {
            (Some(code), _) => Some(Ended::Exited(code)),
            (None, signal) => signal.map(Ended::Killed),
        }
    }
}

/// From now on there is nothing to read from the standard input of this process.
///
/// # Errors
/// There is no `/dev/null`, or no descriptor for it.
pub fn empty_standard_input() -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdin(File::open("/dev/null")?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::SharedMemory;

    #[test]
    fn a_child_begins_with_the_memory_and_its_end_is_known() {
        let memory = SharedMemory::create("test", 4096).unwrap();
        let script = |text: &str| vec!["-c".into(), text.into()];
        let says_it = script("read word; test \"$word\" = hello");
        assert!(memory.write(0, b"hello\n"));
        let mut child =
            Child::start("/bin/sh".as_ref(), "sh".as_ref(), &says_it, memory.descriptor()).unwrap();
        assert_eq!(child.wait(), Some(Ended::Exited(0)));
        let dies = script("kill -9 $$");
        let mut child = Child::start("/bin/sh".as_ref(), "sh".as_ref(), &dies, memory.descriptor()).unwrap();
        assert_eq!(child.wait(), Some(Ended::Killed(9)));
        let error = Child::start("/no/such".as_ref(), "x".as_ref(), &[], memory.descriptor()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
