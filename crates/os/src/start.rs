//! Starts a program in a new process that shares this one's memory until it executes the program, as after `vfork`.
//!
//! The page tables are not copied, the error of a program that can't be executed comes back through the shared memory, and the
//! kernel gives the descriptor of the process together with the process. While the new process shares the memory, it may do
//! only what a signal handler may: the calling thread is suspended, but the others go on. What it needs is made before.
//!
//! See <https://man7.org/linux/man-pages/man2/clone.2.html>, CLONE_VFORK.

#![expect(unsafe_code, reason = "a process in the memory of this one, and its stack")]
#![expect(
    clippy::disallowed_types,
    reason = "I3: the descriptor that comes with a process, named below the one door"
)]

use std::cell::UnsafeCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use crate::pidfd::Pidfd;
use crate::start_child::{self, Outcome, Plan};

/// What is to be started, and how. Numbers of descriptors are -1 where there is none.
#[derive(Debug)]
pub struct Program<'a> {
    /// The files that may be the program. The first one that can be executed is.
    pub files: &'a [CString],
    /// The arguments, of which the first is the program's name for itself.
    pub arguments: &'a [CString],
    /// The environment, each variable as `NAME=value`. That of this process if `None`.
    pub environment: Option<&'a [CString]>,
    /// The working directory.
    pub directory: Option<&'a CStr>,
    /// What becomes the standard input, output and error output.
    pub standard: [i32; 3],
    /// The other ends of pipes among these. The new process closes them.
    pub ours: [i32; 3],
    /// What it inherits besides, in ascending order.
    pub inherited: &'a [i32],
    /// Whether it closes everything else.
    pub closes_others: bool,
    /// Whether signals that Python ignores end it as usual.
    pub restores_signals: bool,
    /// Whether it leads a session of its own.
    pub leads_session: bool,
}

/// What has become of a start.
#[derive(Debug)]
pub enum Started {
    /// The program runs, or has ended already.
    Running {
        /// The id of its process.
        pid: i32,
        /// The descriptor of its process, unless there was no room for one.
        pidfd: Option<Pidfd>,
    },
    /// The program was not executed. What is left of the process has to be waited for.
    Failed {
        /// The id of the process.
        pid: i32,
        /// What has failed.
        step: Step,
        /// The kernel's error.
        error: i32,
    },
}

/// What a new process does before it executes its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It takes its files, its signals and its session.
    Files,
    /// It goes to its working directory.
    Directory,
    /// It executes the program.
    Execution,
}

/// Whether programs can be started here: the kernel has what that needs, no sandbox refuses it, and the memory is shared indeed, which
/// it is not where another program plays the kernel.
pub fn can_start() -> bool {
    extern "C" fn say_it(said: *mut c_void) -> c_int {
        // SAFETY: it is the caller's variable, whose thread is suspended.
        unsafe { said.cast::<c_int>().write(1) };
        0
    }
    let mut said: c_int = 0;
    // SAFETY: an empty range, which the kernel refuses if it knows the call.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, u32::MAX, 0, 0) };
    if answer != -1 || io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL) {
        return false;
    }
    let signals = BlockedSignals::new();
    // No signal tells its end, and only those who ask for such children meet it.
    // SAFETY: the function writes to a variable of this frame.
    let child = unsafe { share(say_it, (&raw mut said).cast(), libc::CLONE_PIDFD, &signals) };
    drop(signals);
    let Ok((pid, pidfd)) = child else {
        return false;
    };
    let mut status = 0;
    // SAFETY: it writes to the variable.
    while unsafe { libc::waitpid(pid, &raw mut status, libc::__WCLONE) } == -1 && is_interrupted() {}
    // SAFETY: it is a variable of this frame. The compiler does not know who has written to it.
    pidfd.is_some() && status == 0 && unsafe { (&raw const said).read_volatile() } == 1
}

fn is_interrupted() -> bool {
    io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
}

/// Starts a program. Blocks until it is executed, or can't be.
///
/// # Errors
/// There is no new process.
pub fn start(program: &Program<'_>) -> io::Result<Started> {
    let pointers = Pointers::new(program);
    let signals = BlockedSignals::new();
    let plan = Plan {
        program,
        files: &pointers.files,
        arguments: pointers.arguments.as_ptr(),
        environment: pointers.environment.as_ptr(),
        signals: signals.before,
        outcome: UnsafeCell::new(Outcome::default()),
    };
    let argument = (&raw const plan).cast_mut();
    // SAFETY: the plan lives in this frame, and nobody else touches it meanwhile.
    let first = unsafe {
        share(
            start_child::run,
            argument.cast(),
            libc::CLONE_PIDFD | libc::SIGCHLD,
            &signals,
        )
    };
    let (pid, pidfd) = match first {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            // SAFETY: as above.
            unsafe { share(start_child::run, argument.cast(), libc::SIGCHLD, &signals) }?
        }
        other => other?,
    };
    drop(signals);
    // SAFETY: it is a variable of this frame. The compiler does not know that the other process has written to it.
    let outcome = unsafe { plan.outcome.get().read_volatile() };
    Ok(match outcome.failed {
        None => Started::Running {
            pid,
            pidfd: pidfd.and_then(|file| Pidfd::of_child(file, pid)),
        },
        Some(step) => Started::Failed {
            pid,
            step,
            error: outcome.error,
        },
    })
}

/// Has a new process, which shares this one's memory, call `function`. Returns when it has ended or executed a program, with its id
/// and, if `flags` has CLONE_PIDFD, its descriptor.
///
/// # Safety
/// - `function` does with `argument`, and with all memory, only what a signal handler of the suspended thread might.
unsafe fn share(
    function: extern "C" fn(*mut c_void) -> c_int,
    argument: *mut c_void,
    flags: c_int,
    _: &BlockedSignals,
) -> io::Result<(i32, Option<OwnedFd>)> {
    let stack = Stack::new()?;
    let mut descriptor: c_int = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | flags;
    // SAFETY: the stack is as large as the function needs, and stays until the process has ended or has memory of its own. No signal
    // handler runs in it, for the signals are blocked. The caller answers for the function.
    let pid = unsafe { libc::clone(function, stack.top(), flags, argument, &raw mut descriptor) };
    if pid == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has opened it for this call.
    let pidfd = (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor) });
    Ok((pid, pidfd))
}

/// All signals are blocked as long as it lives: a handler that ran in the new process would run in the memory of this one.
struct BlockedSignals {
    before: SignalSet,
}

/// The kernel's set of signals, without the C library's exceptions.
pub(crate) type SignalSet = u64;

impl BlockedSignals {
    fn new() -> Self {
        BlockedSignals {
            before: set_blocked(SignalSet::MAX),
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        set_blocked(self.before);
    }
}

/// Blocks these signals of the calling thread and no others. Returns those that were blocked before. Calls the kernel only.
pub(crate) fn set_blocked(signals: SignalSet) -> SignalSet {
    let mut before: SignalSet = 0;
    // SAFETY: it reads one set and writes another, both of the kernel's size.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const signals,
            &raw mut before,
            size_of::<SignalSet>(),
        )
    };
    before
}

/// A stack with a page below it that nobody can write to.
struct Stack(*mut c_void);

impl Stack {
    /// Much more than `start_child` needs, of which the kernel gives only the pages that are used.
    const SIZE: usize = 256 << 10;
    /// The largest page of a machine.
    const GUARD: usize = 64 << 10;

    fn new() -> io::Result<Self> {
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE,
        );
        // SAFETY: new memory.
        let base = unsafe { libc::mmap(ptr::null_mut(), Self::SIZE, access, kind, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Stack(base);
        // SAFETY: the first pages of what was just mapped.
        match unsafe { libc::mprotect(base, Self::GUARD, libc::PROT_NONE) } {
            0 => Ok(stack),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// The end of the stack, from which it grows down: a multiple of the page, as every machine wants it.
    fn top(&self) -> *mut c_void {
        self.0.wrapping_byte_add(Self::SIZE)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own, and nobody runs on it any more.
        unsafe { libc::munmap(self.0, Self::SIZE) };
    }
}

/// What the kernel wants to be given for a program: pointers, of which a null one is the last.
struct Pointers {
    files: Vec<*const c_char>,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    /// Owns what the pointers of this process's environment point to.
    _copied: Vec<u8>,
}

impl Pointers {
    fn new(program: &Program<'_>) -> Self {
        let ended = |strings: &[CString]| {
            let pointers = strings.iter().map(|string| string.as_ptr());
            pointers.chain([ptr::null()]).collect::<Vec<_>>()
        };
        let (environment, copied) = match program.environment {
            Some(strings) => (ended(strings), Vec::new()),
            None => own_environment(),
        };
        Pointers {
            files: program.files.iter().map(|file| file.as_ptr()).collect(),
            arguments: ended(program.arguments),
            environment,
            _copied: copied,
        }
    }
}

unsafe extern "C" {
    static mut environ: *const *const c_char;
}

/// A copy of this process's environment: another thread may change it while the kernel reads.
fn own_environment() -> (Vec<*const c_char>, Vec<u8>) {
    let mut copied = Vec::with_capacity(8 << 10);
    let mut starts = Vec::with_capacity(64);
    // SAFETY: the C library's variable. No thread of Python changes it during this call; one that others have made may, and nothing
    // can be done about it: `execv` has the same risk.
    let mut next = unsafe { environ };
    // SAFETY: it is null, or points to a list that ends with a null pointer.
    while !next.is_null() && !unsafe { *next }.is_null() {
        starts.push(copied.len());
        // SAFETY: as above.
        let string = unsafe { *next };
        // SAFETY: strings of an environment end with a zero.
        copied.extend_from_slice(unsafe { CStr::from_ptr(string) }.to_bytes_with_nul());
        next = next.wrapping_add(1);
    }
    let first = copied.as_ptr();
    let pointers = starts.iter().map(|&start| first.wrapping_add(start).cast());
    (pointers.chain([ptr::null()]).collect(), copied)
}

#[cfg(test)]
#[path = "start_tests.rs"]
mod tests;
