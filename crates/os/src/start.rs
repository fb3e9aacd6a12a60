//! Starts a program in a new process that shares this one's memory until it executes the program, as after `vfork`.
//!
//! The page tables are not copied, the error of a program that can't be executed comes back through the
//! shared memory, and the kernel gives the descriptor of the process together with the process. While the new
//! process shares the memory, it may do only what a signal handler may: the calling thread is suspended, but
//! the others go on. So everything that it needs is prepared before.

#![expect(
    unsafe_code,
    reason = "what a process does that shares memory, and the environment"
)]

use std::cell::UnsafeCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::{io, ptr};

use crate::pidfd::Pidfd;
use crate::sharing::{Begin, BlockedSignals, share};
use crate::start_child::{self, Outcome, Plan};
pub use crate::start_child::{Program, Step};

/// The outcome of a start.
#[derive(Debug)]
pub enum Started {
    /// The program runs, or has ended already.
    Running {
        /// The id of its process.
        pid: i32,
        /// The descriptor of its process, unless there was no room for one.
        pidfd: Option<Pidfd>,
    },
    /// The program was not executed. The caller has to wait for the process, which has ended.
    Failed {
        /// The id of the process.
        pid: i32,
        /// What has failed.
        step: Step,
        /// The kernel's error.
        error: i32,
    },
}

/// Returns whether programs can be started in this way: the kernel has the calls that this needs, no sandbox
/// refuses them, and the memory is really shared, which it is not where an emulator takes the kernel's place.
pub fn can_start() -> bool {
    extern "C" fn say_it(said: *mut c_void) -> c_int {
        // SAFETY: it is the caller's variable, whose thread is suspended.
        unsafe { said.cast::<c_int>().write(1) };
        0
    }
    let begin = Begin {
        without_handlers: say_it,
        with_handlers: say_it,
    };
    let mut said: c_int = 0;
    // SAFETY: an empty range, which the kernel refuses if it knows the call.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, u32::MAX, 0, 0) };
    if answer != -1 || io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL) {
        return false;
    }
    let signals = BlockedSignals::new();
    // No signal tells of its end, and only a wait that asks for such children finds it. SAFETY: the function
    // writes to a variable of this frame.
    let child = unsafe { share(&begin, (&raw mut said).cast(), libc::CLONE_PIDFD, &signals) };
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

/// Starts a program that is `ready`. Blocks until the program is executed, or the attempt has failed.
///
/// # Errors
/// The kernel could not create a process.
pub fn start(ready: &Ready<'_>) -> io::Result<Started> {
    let signals = BlockedSignals::new();
    let plan = Plan {
        program: ready.program,
        files: &ready.files,
        arguments: ready.arguments.as_ptr(),
        environment: ready.environment.as_ptr(),
        signals: signals.before,
        outcome: UnsafeCell::new(Outcome::default()),
    };
    let argument = (&raw const plan).cast_mut();
    // SAFETY: the plan lives in this frame, and nobody else touches it meanwhile.
    let first = unsafe {
        share(
            &start_child::BEGIN,
            argument.cast(),
            libc::CLONE_PIDFD | libc::SIGCHLD,
            &signals,
        )
    };
    let (pid, pidfd) = match first {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            // SAFETY: as above.
            unsafe { share(&start_child::BEGIN, argument.cast(), libc::SIGCHLD, &signals) }?
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

/// A program, with the lists of pointers that the kernel needs. Each list ends with a null pointer.
pub struct Ready<'a> {
    program: &'a Program<'a>,
    files: Vec<*const c_char>,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    /// Owns what the pointers of this process's environment point to.
    _copied: Vec<u8>,
}

// SAFETY: the pointers lead to what the program has borrowed and to what this owns, which nobody changes.
unsafe impl Sync for Ready<'_> {}

impl<'a> Ready<'a> {
    /// Makes a program ready. If it has no environment, copies that of this process. The caller keeps other
    /// threads from changing it meanwhile.
    pub fn new(program: &'a Program<'a>) -> Self {
        let ended = |strings: &[CString]| {
            let pointers = strings.iter().map(|string| string.as_ptr());
            pointers.chain([ptr::null()]).collect::<Vec<_>>()
        };
        let (environment, copied) = match program.environment {
            Some(strings) => (ended(strings), Vec::new()),
            None => own_environment(),
        };
        Ready {
            program,
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

/// Copies this process's environment, because another thread may change it while the kernel reads it.
fn own_environment() -> (Vec<*const c_char>, Vec<u8>) {
    let mut copied = Vec::with_capacity(8 << 10);
    let mut starts = Vec::with_capacity(64);
    // SAFETY: the C library's variable. The caller of `Ready::new` keeps other threads from changing it.
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
