//! A process that shares this one's memory, as after `vfork`.
//!
//! See <https://man7.org/linux/man-pages/man2/clone.2.html>, CLONE_VFORK.

#![expect(unsafe_code, reason = "a process in the memory of this one, and its stack")]
#![expect(
    clippy::disallowed_types,
    reason = "I3: the descriptor that comes with a process, named below the one door"
)]

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use crate::handlerless::{self, Function};

/// What a new process does.
pub(crate) struct Begin {
    /// Called if the kernel has reset all signal handlers.
    pub(crate) without_handlers: Function,
    /// Called if the new process has the signal handlers of this one.
    pub(crate) with_handlers: Function,
}

/// Starts a process that shares this one's memory and calls a function of `begin`. Returns when that process
/// has ended or executed a program. Returns its id and, if `flags` contains CLONE_PIDFD, its descriptor.
///
/// # Safety
/// - The function does with `argument`, and with all memory, only what a signal handler of the suspended thread might.
pub(crate) unsafe fn share(
    begin: &Begin,
    argument: *mut c_void,
    flags: c_int,
    _: &BlockedSignals,
) -> io::Result<(i32, Option<OwnedFd>)> {
    let stack = Stack::take()?;
    let mut descriptor: c_int = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | flags;
    // SAFETY: the stack is as large as the function needs, and stays until the process has ended or has memory of its own. No signal
    // handler runs in it, for the signals are blocked. The caller answers for the function.
    let first = unsafe {
        handlerless::begin(
            begin.without_handlers,
            argument,
            (stack.0, Stack::SIZE),
            (flags, &raw mut descriptor),
        )
    };
    let begun = first.unwrap_or_else(|| {
        // SAFETY: as above.
        let pid = unsafe {
            libc::clone(
                begin.with_handlers,
                stack.top(),
                flags,
                argument,
                &raw mut descriptor,
            )
        };
        match pid {
            -1 => Err(io::Error::last_os_error()),
            pid => Ok(pid),
        }
    });
    stack.keep();
    let pid = begun?;
    // SAFETY: the kernel has opened it for this call.
    let pidfd = (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor) });
    Ok((pid, pidfd))
}

/// Blocks all signals as long as it lives: a handler that ran in the new process would run in the memory of
/// this one.
pub(crate) struct BlockedSignals {
    /// The signals that were blocked before.
    pub(crate) before: SignalSet,
}

/// The kernel's set of signals, without the C library's exceptions.
pub(crate) type SignalSet = u64;

impl BlockedSignals {
    pub(crate) fn new() -> Self {
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

/// Blocks exactly these signals for the calling thread. Returns those that were blocked before. Does nothing
/// but call the kernel.
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

/// A stack with a guard page below it.
struct Stack(*mut c_void);

thread_local! {
    /// The stack of the last process that this thread started, kept for the next one: mapping a new one costs
    /// more than preparing a start. A forked child has its own copy.
    static KEPT: Cell<Option<Stack>> = const { Cell::new(None) };
}

impl Stack {
    /// Much more than `start_child` needs. The kernel provides only the pages that are used.
    const SIZE: usize = 192 << 10;
    /// The largest page of a machine.
    const GUARD: usize = 64 << 10;

    fn take() -> io::Result<Self> {
        match KEPT.try_with(Cell::take) {
            Ok(Some(stack)) => Ok(stack),
            _ => Stack::new(),
        }
    }

    fn keep(self) {
        // If the thread is ending, it can't keep the stack, which is then unmapped.
        let _ = KEPT.try_with(|kept| kept.set(Some(self)));
    }

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

    /// Returns the upper end of the stack, which grows down. It is a multiple of the page size, as every
    /// machine requires.
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
