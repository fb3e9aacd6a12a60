//! Processes by their ids: whether one lives, and how it ended.

#![expect(
    clippy::disallowed_types,
    reason = "I3: descriptors of processes, named below the one door"
)]

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, major, minor, open};
use rustix::io::{Errno, read};
use rustix::path::DecInt;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, kill_process, pidfd_open, pidfd_send_signal,
    test_kill_process, waitid,
};

use crate::memory::FileId;

/// Returns the calling process's id.
pub fn id() -> u32 {
    getpid().as_raw_nonzero().get().cast_unsigned()
}

/// Returns the kernel's id of the calling thread. The id of a process's main thread is the process id.
pub fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}

/// Kills the calling process by SIGKILL, as any other process may at any moment.
pub fn kill_self() -> ! {
    loop {
        // It can't fail, and does not return.
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

/// Returns when the process `pid` started, in the kernel's ticks since the machine started. Together with the
/// id, this is a name that is not reused. `None` if there is no such process, or the kernel can't be asked
/// now, for instance because this process has no descriptor left.
///
/// See <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
pub fn start_time(pid: u32) -> Option<u64> {
    Stat::of(pid)?.field(22)?.parse().ok()
}

/// The contents of `/proc/pid/stat`. It is read without the allocator and without formatting. A forked child
/// reads it before it does anything else, and every page that these write would be copied there.
struct Stat {
    text: [u8; 2048],
    length: usize,
}

impl Stat {
    /// Returns `None` if there is no such process, or the file can't be read now.
    fn of(pid: u32) -> Option<Self> {
        let mut path = [0; 32];
        let mut end = 0;
        for part in [b"/proc/", DecInt::new(pid).as_bytes(), b"/stat\0"] {
            path[end..end + part.len()].copy_from_slice(part);
            end += part.len();
        }
        let path = CStr::from_bytes_until_nul(&path).ok()?;
        let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let mut text = [0; 2048];
        // The kernel writes all of it at once.
        let length = read(&file, &mut text).ok()?;
        Some(Stat { text, length })
    }

    /// Returns the field `number`, counted from 1 as in the manual. Not for the first two fields.
    fn field(&self, number: usize) -> Option<&str> {
        let text = &self.text[..self.length];
        // The second field, the program's name, may contain any bytes, even blanks and parentheses.
        let fields = &text[text.iter().rposition(|&byte| byte == b')')? + 1..];
        let mut fields = str::from_utf8(fields).ok()?.split_ascii_whitespace();
        fields.nth(number - 3)
    }
}

/// How a process ended: the kernel's wait status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It returned this code.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
}

/// Returns the name of the signal `number`, such as `SIGKILL`. `None` if it is not one of those that often
/// end processes.
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

/// Returns how the process `pid` ended, if it has ended, and the kernel still knows and lets the calling
/// process ask. Does not reap the process.
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
        // Not our child: a zombie shows its status to the processes that may look.
        Err(_) => {
            let stat = Stat::of(pid).filter(|stat| stat.field(3) == Some("Z"))?;
            let status: i32 = stat.field(52)?.parse().ok()?;
            Some(match status & 0x7f {
                0 => Ended::Exited(status >> 8 & 0xff),
                signal => Ended::Killed(signal),
            })
        }
    }
}

/// A process, held by a descriptor, so that its id can't be reused meanwhile.
#[derive(Debug)]
pub struct Process(OwnedFd);

impl Process {
    /// Opens the process `pid`. Returns `None` if there is none: it has ended, and its parent has waited for
    /// it.
    ///
    /// # Errors
    /// No descriptor is left, or the kernel has no descriptors of processes (they came with Linux 5.3, and
    /// some sandboxes refuse them).
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

    /// Returns whether all its threads have ended.
    pub fn has_ended(&self) -> bool {
        let mut files = [PollFd::new(&self.0, PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        matches!(poll(&mut files, Some(&now)), Ok(1..))
    }

    /// Kills the process by SIGKILL, unless it has ended.
    pub fn kill(&self) {
        // This fails if the process has ended, or belongs to another user.
        let _ = pidfd_send_signal(&self.0, Signal::KILL);
    }
}

/// Kills the process `pid` by SIGKILL, if it exists. The caller knows that the id still names the same
/// process.
pub fn kill(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Returns whether the process `pid` has ended, as far as the kernel tells without a descriptor of the
/// process. If the kernel can't tell, the answer is no.
pub fn has_ended(pid: u32) -> bool {
    let Some(process) = Pid::from_raw(pid.cast_signed()) else {
        return true;
    };
    // This needs no descriptor. It also finds zombies.
    if test_kill_process(process) == Err(Errno::SRCH) {
        return true;
    }
    match Stat::of(pid) {
        Some(stat) => matches!(stat.field(3), Some("Z" | "X")),
        None => test_kill_process(process) == Err(Errno::SRCH) || ended(pid).is_some(),
    }
}

/// Returns whether the process `pid` is exiting: it may have closed its files already. `None` if that can't
/// be known now. See `PF_EXITING` in <https://github.com/torvalds/linux/blob/master/include/linux/sched.h>.
pub fn is_ending(pid: u32) -> Option<bool> {
    const EXITING: u64 = 4;
    match Stat::of(pid).and_then(|stat| stat.field(9)?.parse::<u64>().ok()) {
        Some(flags) => Some(flags & EXITING != 0),
        None => has_ended(pid).then_some(true),
    }
}

/// Returns whether the process `pid` has `file`: its descriptor `number` is the file, or its program has closed that,
/// and the file is still mapped. After an exec it has neither. `None` if that can't be known, for instance because
/// this process may not look into the other one.
pub fn has_file(pid: u32, number: u32, file: FileId) -> Option<bool> {
    match is_file(Path::new(&format!("/proc/{pid}/fd/{number}")), file).ok()? {
        true => Some(true),
        false => has_mapped(pid, file),
    }
}

fn has_mapped(pid: u32, file: FileId) -> Option<bool> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let device = format!("{:02x}:{:02x}", major(file.device), minor(file.device));
    let inode = file.inode.to_string();
    let is_its = |line: &str| {
        // Addresses, permissions, offset, device, inode.
        let mut fields = line.split_ascii_whitespace().skip(3);
        fields.next() == Some(&*device) && fields.next() == Some(&*inode)
    };
    Some(maps.lines().any(is_its))
}

/// Returns the processes that have a descriptor of `file`, as far as this process may look. Looks at all
/// processes of the machine.
///
/// # Errors
/// This process can't look now, for instance because it has no descriptor left. (Processes that it may not
/// look into are left out.)
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

/// Returns whether `error` means that the process or file is gone, or hidden from this process. Other errors
/// are failures of the look itself.
fn is_out_of_sight(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
    ) || error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

/// Returns whether the descriptor at `path` is `file`. If it is gone, it is not.
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
    use std::ffi::OsStr;
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};

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
    fn a_name_may_have_any_bytes() {
        let folder = std::env::temp_dir().join(format!("interlock-names-{}", id()));
        let script = folder.join(OsStr::from_bytes(b"a) Z (\xff"));
        fs::create_dir(&folder).unwrap();
        fs::write(&script, "#!/bin/sh\necho started\nread line\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
        let mut command = Command::new(&script);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut started = [0; 8];
        child.stdout.take().unwrap().read_exact(&mut started).unwrap();
        let name = fs::read(format!("/proc/{}/comm", child.id())).unwrap();
        assert_eq!(name, b"a) Z (\xff\n");
        assert!(start_time(child.id()).is_some());
        assert!(!has_ended(child.id()));
        drop(child.stdin.take());
        child.wait().unwrap();
        fs::remove_dir_all(folder).unwrap();
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
