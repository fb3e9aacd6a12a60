//! Processes as the kernel names them: which lives, which is dead, and how it ended.

#![expect(
    clippy::disallowed_types,
    reason = "I3: descriptors of processes, named below the one door"
)]

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, kill_process, pidfd_open, pidfd_send_signal,
    test_kill_process, waitid,
};

use crate::memory::FileId;

/// The calling process's id.
pub fn id() -> u32 {
    getpid().as_raw_nonzero().get().cast_unsigned()
}

/// The calling thread's id, as the kernel names it. That of a process's main thread is the process's id.
pub fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}

/// Ends the calling process by SIGKILL, as somebody else may at any moment.
pub fn kill_self() -> ! {
    loop {
        // It can't fail, and does not return.
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

/// When the process `pid` started, in the kernel's ticks since the machine did: with the id, a name that is not reused.
/// `None` if there is no such process, or the kernel does not tell now: this process may have no descriptor left to ask with.
///
/// See <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
pub fn start_time(pid: u32) -> Option<u64> {
    stat_field(pid, 22)?.parse().ok()
}

/// The field `number` of `/proc/pid/stat`, counted from 1 as the manual does. Not for the first two.
fn stat_field(pid: u32, number: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the program's name, may have blanks and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(number - 3).map(str::to_owned)
}

/// How a process ended: the kernel's wait status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It returned this code.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
}

/// What the signal `number` is called, such as `SIGKILL`. `None` if it is none of those that end processes often.
pub fn signal_name(number: i32) -> Option<&'static str> {
    let known = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
        (Signal::SYS, "SIGSYS"),
    ];
    let found = known.iter().find(|(signal, _)| signal.as_raw() == number);
    found.map(|&(_, name)| name)
}

/// How the process `pid` ended, if it has ended, and the kernel still knows, and tells the calling process. Leaves the process
/// to the process that waits for it.
pub fn ended(pid: u32) -> Option<Ended> {
    let child = Pid::from_raw(pid.cast_signed())?;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(child), options) {
        Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Some(Ended::Exited(code)),
            (None, Some(signal)) => Some(Ended::Killed(signal)),
            (None, None) => None,
        },
        Ok(None) => None,
        // No child of ours: what is left of a process that was not waited for shows its status to the processes that may look.
        Err(_) => {
            let is_zombie = stat_field(pid, 3).is_some_and(|state| state == "Z");
            let status: i32 = stat_field(pid, 52).filter(|_| is_zombie)?.parse().ok()?;
            Some(match status & 0x7f {
                0 => Ended::Exited(status >> 8 & 0xff),
                signal => Ended::Killed(signal),
            })
        }
    }
}

/// A process, named so that its id can't be reused for another one meanwhile.
#[derive(Debug)]
pub struct Process(OwnedFd);

impl Process {
    /// The process `pid`. `None` if there is none: it ended, and somebody waited for it.
    ///
    /// # Errors
    /// The kernel has no descriptor for it, or none for any process (they came with Linux 5.3, and some sandboxes refuse).
    pub fn open(pid: u32) -> io::Result<Option<Self>> {
        let Some(pid) = Pid::from_raw(pid.cast_signed()) else {
            return Ok(None);
        };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(file) => Ok(Some(Process(file))),
            Err(Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether all its threads have ended.
    pub fn has_ended(&self) -> bool {
        let mut files = [PollFd::new(&self.0, PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        matches!(poll(&mut files, Some(&now)), Ok(1..))
    }

    /// Ends it by SIGKILL, unless it has ended.
    pub fn kill(&self) {
        // It fails if the process has ended, or is another user's.
        let _ = pidfd_send_signal(&self.0, Signal::KILL);
    }
}

/// Ends the process `pid` by SIGKILL, if there is one. The caller knows that the id is not another one's now.
pub fn kill(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Whether the process `pid` has ended, as far as the kernel tells without a descriptor of the process. One that can't be asked
/// about has not.
pub fn has_ended(pid: u32) -> bool {
    let Some(process) = Pid::from_raw(pid.cast_signed()) else {
        return true;
    };
    // This needs no descriptor. It also finds what is left of a process that nobody has waited for.
    if test_kill_process(process) == Err(Errno::SRCH) {
        return true;
    }
    match stat_field(pid, 3) {
        Some(state) => matches!(&*state, "Z" | "X"),
        None => test_kill_process(process) == Err(Errno::SRCH) || ended(pid).is_some(),
    }
}

/// Whether the process `pid` is on its way out: it may have let go of its files already. `None` if that can't be known now. See `PF_EXITING` in
/// <https://github.com/torvalds/linux/blob/master/include/linux/sched.h>.
pub fn is_ending(pid: u32) -> Option<bool> {
    const EXITING: u64 = 4;
    match stat_field(pid, 9).and_then(|flags| flags.parse::<u64>().ok()) {
        Some(flags) => Some(flags & EXITING != 0),
        None => has_ended(pid).then_some(true),
    }
}

/// Whether descriptor `number` of the process `pid` is `file`. After exec it is not: the file was closed. `None` if that can't be
/// known: the process may be closed to this one.
pub fn has_file(pid: u32, number: u32, file: FileId) -> Option<bool> {
    is_file(Path::new(&format!("/proc/{pid}/fd/{number}")), file).ok()
}

/// The processes that have a descriptor of `file`, as far as this one may know. Looks at all processes of the machine.
///
/// # Errors
/// This process can't look now: it has no descriptor left to look with, for instance. (What it is not allowed to see is left out.)
pub fn holders(file: FileId) -> io::Result<Vec<u32>> {
    let mut holders = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok())
            && is_holder(pid, file)?
        {
            holders.push(pid);
        }
    }
    Ok(holders)
}

fn is_holder(pid: u32, file: FileId) -> io::Result<bool> {
    let look = || {
        for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
            match is_file(&entry?.path(), file) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) if is_out_of_sight(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    };
    match look() {
        Err(error) if is_out_of_sight(&error) => Ok(false),
        looked => looked,
    }
}

/// Whether what was looked for is gone, or nothing for this process: as opposed to a failure of the look.
fn is_out_of_sight(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
    ) || error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

/// A descriptor that is not there is another file.
fn is_file(path: &Path, file: FileId) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (file.device, file.inode)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn this_process_lives() {
        let start = start_time(id());
        assert!(start.is_some());
        assert_eq!(start, start_time(id()));
        assert!(!Process::open(id()).unwrap().unwrap().has_ended());
        assert!(!has_ended(id()));
        assert_eq!(is_ending(id()), Some(false));
        assert_eq!(ended(id()), None);
    }

    #[test]
    fn an_ended_child_is_seen_until_somebody_waits_for_it() {
        let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
        let process = Process::open(child.id()).unwrap().unwrap();
        while !process.has_ended() {
            std::thread::yield_now();
        }
        assert_eq!(ended(child.id()), Some(Ended::Exited(7)));
        assert!(has_ended(child.id()));
        assert_eq!(is_ending(child.id()), Some(true));
        child.wait().unwrap();
        assert!(Process::open(child.id()).unwrap().is_none());
        assert_eq!(ended(child.id()), None);
        assert!(process.has_ended());
    }
}
