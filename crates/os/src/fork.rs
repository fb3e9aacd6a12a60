//! Fork handlers.

#![expect(unsafe_code, reason = "the C library registers fork handlers")]

use std::io;

/// Registers `child` to run in the child process of every later fork, on its only thread, before anything else runs
/// there.
///
/// `child` may only do what a signal handler may: store to atomics. See
/// <https://man7.org/linux/man-pages/man3/pthread_atfork.3.html>.
///
/// # Errors
/// The C library has no memory to register the handler.
pub fn on_child(child: extern "C" fn()) -> io::Result<()> {
    register(None, None, Some(child))
}

/// Like [`on_child`], and also registers `before` and `after`. The forking thread runs `before` ahead of each fork, and
/// `after` once the fork is done, in the parent.
///
/// # Errors
/// The C library has no memory to register the handler.
pub fn around(before: extern "C" fn(), after: extern "C" fn(), child: extern "C" fn()) -> io::Result<()> {
    register(Some(before), Some(after), Some(child))
}

/// A function of this program without arguments.
type Handler = Option<extern "C" fn()>;

fn register(before: Handler, after: Handler, child: Handler) -> io::Result<()> {
    let [before, after, child] =
        [before, after, child].map(|handler| handler.map(|h| h as unsafe extern "C" fn()));
    // SAFETY: the handlers are functions of this program, which is never unloaded, and take no arguments.
    match unsafe { libc::pthread_atfork(before, after, child) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
