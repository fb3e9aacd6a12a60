//! Hearing of forks.

use std::io;

/// Has `child` called in the child of every fork from now on, by its only thread, before anything else runs there.
///
/// `child` may only do what a signal handler may: store to atomics. See
/// <https://man7.org/linux/man-pages/man3/pthread_atfork.3.html>.
///
/// # Errors
/// There is no memory to remember it.
pub fn on_child(child: extern "C" fn()) -> io::Result<()> {
    // SAFETY: the handler is a function of this program, which is never unloaded, and takes no arguments.
    match unsafe { libc::pthread_atfork(None, None, Some(child)) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
