//! The steps of a process that [`start`](crate::start) has started, until it executes its program. They run
//! in the memory of the process that started it.
//!
//! The process calls the kernel, by functions of the C library that do nothing else, and writes to its plan.
//! It allocates nothing, takes no lock and does not panic. The order of its steps, and the errors that count,
//! are those of the standard library's `_posixsubprocess`.

#![expect(unsafe_code, reason = "calls of the kernel between a fork and an exec")]

use std::cell::UnsafeCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use crate::sharing::{Begin, SignalSet, set_blocked};

/// The program to start, and how to start it. The number of a missing descriptor is -1.
#[derive(Debug)]
pub struct Program<'a> {
    /// The candidates for the program's file. The first one that can be executed is used.
    pub files: &'a [CString],
    /// The arguments, of which the first is the program's name for itself.
    pub arguments: &'a [CString],
    /// The environment, each variable as `NAME=value`. `None` stands for the environment of this process.
    pub environment: Option<&'a [CString]>,
    /// The working directory.
    pub directory: Option<&'a CStr>,
    /// The descriptors that become the standard input, output and error output.
    pub standard: [i32; 3],
    /// The other ends of the pipes among `standard`. The new process closes them.
    pub ours: [i32; 3],
    /// The other descriptors that it inherits, in ascending order.
    pub inherited: &'a [i32],
    /// Whether it closes everything else.
    pub closes_others: bool,
    /// Whether it gets the default actions back for the signals that Python ignores.
    pub restores_signals: bool,
    /// Whether it leads a session of its own.
    pub leads_session: bool,
}

/// The steps of a new process before it executes its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It takes its files, its signals and its session.
    Files,
    /// It goes to its working directory.
    Directory,
    /// It executes the program.
    Execution,
}

/// The steps that the process is to do, ready for the kernel. The plan belongs to the suspended thread.
pub(crate) struct Plan<'a> {
    pub(crate) program: &'a Program<'a>,
    pub(crate) files: &'a [*const c_char],
    pub(crate) arguments: *const *const c_char,
    pub(crate) environment: *const *const c_char,
    /// The signals that the calling thread has blocked. They will be blocked in the program, too.
    pub(crate) signals: SignalSet,
    /// Written by the process, and read when the process is done with it.
    pub(crate) outcome: UnsafeCell<Outcome>,
}

/// The step that failed, if one did, and the kernel's error.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) failed: Option<Step>,
    pub(crate) error: c_int,
}

/// The functions with which the process begins. Their argument is a [`Plan`].
pub(crate) const BEGIN: Begin = Begin {
    without_handlers,
    with_handlers,
};

extern "C" fn without_handlers(plan: *mut c_void) -> c_int {
    run(plan, false)
}

extern "C" fn with_handlers(plan: *mut c_void) -> c_int {
    run(plan, true)
}

/// Runs the plan. If the program can't be executed, exits.
fn run(plan: *mut c_void, has_handlers: bool) -> ! {
    // SAFETY: `start` has given it, and its thread is suspended.
    let plan = unsafe { &*plan.cast::<Plan<'_>>() };
    let (failed, error) = match prepare(plan, has_handlers) {
        Ok(()) => (Step::Execution, execute(plan)),
        Err(failure) => failure,
    };
    let outcome = Outcome {
        failed: Some(failed),
        error,
    };
    // SAFETY: nobody reads it as long as this process has the memory.
    unsafe { plan.outcome.get().write(outcome) };
    // SAFETY: it ends this process, without any handler.
    unsafe { libc::_exit(255) }
}

fn prepare(plan: &Plan<'_>, has_handlers: bool) -> Result<(), (Step, c_int)> {
    let program = plan.program;
    let files = |error| (Step::Files, error);
    for &file in program.inherited {
        set_inheritable(file).map_err(files)?;
    }
    for file in program.ours {
        if file != -1 {
            // SAFETY: the descriptor of a pipe, in this process's own table.
            checked(unsafe { libc::close(file) }).map_err(files)?;
        }
    }
    take_standard(program.standard).map_err(files)?;
    if let Some(directory) = program.directory {
        // SAFETY: a string of C.
        checked(unsafe { libc::chdir(directory.as_ptr()) }).map_err(|error| (Step::Directory, error))?;
    }
    if program.restores_signals {
        for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
            set_default(signal);
        }
    }
    if has_handlers {
        forget_handlers(plan.signals);
    }
    set_blocked(plan.signals);
    if program.leads_session {
        // SAFETY: it has no arguments.
        checked(unsafe { libc::setsid() }).map_err(files)?;
    }
    if program.closes_others {
        close_others(program.inherited).map_err(files)?;
    }
    Ok(())
}

/// Makes three descriptors the standard ones. Their numbers may overlap.
fn take_standard([input, mut output, mut errors]: [c_int; 3]) -> Result<(), c_int> {
    if output == 0 {
        output = another(output)?;
    }
    while errors == 0 || errors == 1 {
        errors = another(errors)?;
    }
    for (file, number) in [(input, 0), (output, 1), (errors, 2)] {
        if file == number {
            set_inheritable(file)?;
        } else if file != -1 {
            // SAFETY: descriptors of this process's own table.
            checked(unsafe { libc::dup2(file, number) })?;
        }
    }
    Ok(())
}

/// Duplicates a descriptor. The program does not inherit the duplicate.
fn another(file: c_int) -> Result<c_int, c_int> {
    // SAFETY: no memory is passed.
    checked(unsafe { libc::fcntl(file, libc::F_DUPFD_CLOEXEC, 0) })
}

fn set_inheritable(file: c_int) -> Result<(), c_int> {
    // SAFETY: no memory is passed.
    let flags = checked(unsafe { libc::fcntl(file, libc::F_GETFD) })?;
    if flags & libc::FD_CLOEXEC != 0 {
        // SAFETY: as above.
        checked(unsafe { libc::fcntl(file, libc::F_SETFD, flags & !libc::FD_CLOEXEC) })?;
    }
    Ok(())
}

/// Closes all descriptors from 3 on except `kept`, which are in ascending order.
fn close_others(kept: &[c_int]) -> Result<(), c_int> {
    let mut first: c_int = 3;
    for &file in kept.iter().filter(|&&file| file >= 3) {
        if file > first {
            close_range(first, file.wrapping_sub(1))?;
        }
        first = file.wrapping_add(1);
    }
    if first > 0 {
        close_range(first, c_int::MAX)
    } else {
        Ok(())
    }
}

fn close_range(first: c_int, last: c_int) -> Result<(), c_int> {
    // SAFETY: no memory is passed, and the table of descriptors is this process's own.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } {
        -1 => Err(last_error()),
        _ => Ok(()),
    }
}

/// Resets the signal handlers: none of this process's handlers may run in the new process.
fn forget_handlers(blocked: SignalSet) {
    for signal in 1..=64 {
        if signal == libc::SIGKILL || signal == libc::SIGSTOP || blocked >> (signal - 1) & 1 == 1 {
            continue;
        }
        // SAFETY: all bits zero are a value of this type.
        let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: it writes to the variable. The C library refuses the signals that it keeps for itself.
        let answer = unsafe { libc::sigaction(signal, ptr::null(), &raw mut now) };
        if answer == 0 && now.sa_sigaction != libc::SIG_DFL && now.sa_sigaction != libc::SIG_IGN {
            set_default(signal);
        }
    }
}

fn set_default(signal: c_int) {
    // SAFETY: all bits zero are a value of this type, and the default action.
    let usual: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: it reads the variable. The table of handlers is this process's own.
    unsafe { libc::sigaction(signal, &raw const usual, ptr::null_mut()) };
}

/// Executes the first file that can be executed. Returns the error to report: the first one that does not
/// mean that a file is missing.
fn execute(plan: &Plan<'_>) -> c_int {
    let (mut first, mut last) = (0, libc::ENOENT);
    for &file in plan.files {
        // SAFETY: a string and two lists of strings, as C has them. It returns only if it has failed.
        unsafe { libc::execve(file, plan.arguments, plan.environment) };
        last = last_error();
        if first == 0 && last != libc::ENOENT && last != libc::ENOTDIR {
            first = last;
        }
    }
    if first == 0 { last } else { first }
}

fn checked(answer: c_int) -> Result<c_int, c_int> {
    if answer == -1 {
        Err(last_error())
    } else {
        Ok(answer)
    }
}

/// Returns the error of the last call. It is stored in a variable of the suspended thread.
fn last_error() -> c_int {
    // SAFETY: the C library's own variable, for this thread.
    let error = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { *error }
}
