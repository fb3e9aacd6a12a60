//! Starts a process that shares this one's memory but has none of its signal handlers.
//!
//! One flag of `clone3` makes the kernel reset all handlers. The C library's `clone` has no room for that flag.
//! Resetting 64 signals one by one would take longer than everything else that the child does before it executes the
//! program.
//!
//! See <https://man7.org/linux/man-pages/man2/clone.2.html>, `clone3` and CLONE_CLEAR_SIGHAND.

#![expect(
    unsafe_code,
    reason = "a call of the kernel that returns twice, on two stacks"
)]

use std::ffi::{c_int, c_void};
use std::io;

/// What a new process does.
pub(crate) type Function = extern "C" fn(*mut c_void) -> c_int;

/// The argument of `clone3`: the first version of `struct clone_args`.
#[repr(C, align(8))]
struct Arguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
}

/// In the flags of the C library's `clone`, these bits hold the signal that tells of the process's end.
const SIGNAL: c_int = 0xff;

const CLEAR_SIGHAND: u64 = 1 << 32;

/// Starts a process as `libc::clone` does. Returns its id, or the kernel's error. `None` means that the caller has to
/// start it in another way: the kernel is old, a sandbox refuses the call, or the machine is no x86-64.
///
/// # Safety
/// As for `share` in `sharing.rs`. The flags contain CLONE_VM and CLONE_VFORK. `stack` is the lowest address of a stack and its
/// size in bytes, which meets what `share` asks of a stack.
pub(crate) unsafe fn begin(
    function: Function,
    argument: *mut c_void,
    stack: (*mut c_void, usize),
    (flags, descriptor): (c_int, *mut c_int),
) -> Option<io::Result<i32>> {
    let arguments = Arguments {
        flags: u64::from((flags & !SIGNAL).cast_unsigned()) | CLEAR_SIGHAND,
        pidfd: descriptor.expose_provenance() as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: u64::from((flags & SIGNAL).cast_unsigned()),
        stack: stack.0.expose_provenance() as u64,
        stack_size: stack.1 as u64,
        tls: 0,
    };
    // SAFETY: the caller answers for the function, and the rest lives until the thread goes on.
    let answer = unsafe { call(&arguments, function, argument) };
    match c_int::try_from(-answer) {
        Ok(libc::ENOSYS | libc::EPERM | libc::EINVAL) => None,
        Ok(error) if error > 0 => Some(Err(io::Error::from_raw_os_error(error))),
        _ => Some(i32::try_from(answer).map_err(io::Error::other)),
    }
}

/// Calls `clone3`. The new process calls `function`, and exits with its result as status.
#[cfg(target_arch = "x86_64")]
unsafe fn call(arguments: &Arguments, function: Function, argument: *mut c_void) -> isize {
    let answer;
    // SAFETY: the thread comes back with its registers and its stack as they were, but for those named. The new process begins on
    // its own stack, whose end is a multiple of 16, and never leaves this block.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp", // a debugger that walks the stack finds its end
            "mov rdi, r13",
            "call r12",
            "mov edi, eax",
            "mov eax, {exit}",
            "syscall",
            "ud2",
            "2:",
            exit = const libc::SYS_exit,
            inlateout("rax") libc::SYS_clone3 as isize => answer,
            in("rdi") arguments,
            in("rsi") size_of::<Arguments>(),
            in("r12") function,
            in("r13") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    answer
}

#[cfg(not(target_arch = "x86_64"))]
unsafe fn call(_: &Arguments, _: Function, _: *mut c_void) -> isize {
    -(libc::ENOSYS as isize)
}
