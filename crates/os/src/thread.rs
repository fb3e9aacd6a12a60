//! Threads as the operating system sees them.

use std::ffi::CString;
use std::io;
use std::os::unix::thread::JoinHandleExt;

/// The calling thread's POSIX identity, as `threading.get_ident()` gives it. Unique among live threads, never 0.
///
/// See <https://man7.org/linux/man-pages/man3/pthread_self.3.html>.
#[inline]
pub fn current() -> u64 {
    // SAFETY: pthread_self has no preconditions and always succeeds.
    unsafe { libc::pthread_self() }
}

/// The calling thread's kernel identity, as `threading.get_native_id()` gives it.
pub fn native_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}

/// Whether this process has a thread with this kernel identity (see [`native_id`]).
///
/// See <https://man7.org/linux/man-pages/man2/tgkill.2.html>.
pub fn exists(native_id: u32) -> bool {
    let process = rustix::process::getpid().as_raw_nonzero().get();
    // SAFETY: the signal 0 is not sent; the kernel only looks whether it could be.
    unsafe { libc::syscall(libc::SYS_tgkill, process, native_id, 0) == 0 }
}

/// Names the calling thread for the tools of the operating system; the kernel keeps the first 15 bytes.
///
/// A name cut inside a character is cut before it; a NUL ends the name.
pub fn set_name(name: &str) {
    let mut end = name.len().min(15);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let bytes = name[..end].split('\0').next().unwrap_or_default();
    if let Ok(name) = CString::new(bytes) {
        // A refused name costs nothing but the name.
        let _ = rustix::thread::set_name(&name);
    }
}

/// Lets another runnable thread have this processor. Never sleeps.
pub fn yield_now() {
    std::thread::yield_now();
}

/// How many processors this process may run on (its affinity mask and its control group count), at least 1.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The stack size in bytes of a thread for which none is asked: the C library's default.
///
/// See <https://man7.org/linux/man-pages/man3/pthread_getattr_default_np.3.html>.
pub fn default_stack_size() -> usize {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut size = 0;
    // SAFETY: the pointer is to memory for an attribute object, which this call initializes.
    if unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) } == 0 {
        // SAFETY: the attribute object was initialized above, and `size` is a place for the result.
        unsafe { libc::pthread_attr_getstacksize(attributes.as_ptr(), &raw mut size) };
        // SAFETY: the attribute object was initialized above, and is not used after this call.
        unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    }
    if size == 0 { 8 << 20 } else { size }
}

/// Starts a detached operating-system thread that runs `main`, with a stack of `stack_size` bytes.
///
/// Returns the new thread's POSIX identity (see [`current`]).
///
/// # Errors
/// The operating system has no room for another thread.
pub fn spawn(stack_size: usize, main: impl FnOnce() + Send + 'static) -> io::Result<u64> {
    let handle = std::thread::Builder::new().stack_size(stack_size).spawn(main)?;
    Ok(handle.as_pthread_t())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn spawn_tells_the_identity_that_the_thread_sees() {
        let (tell, hear) = mpsc::channel();
        let ident = spawn(1 << 20, move || tell.send((current(), native_id())).unwrap()).unwrap();
        let (seen, native) = hear.recv().unwrap();
        assert_eq!(ident, seen);
        assert_ne!(native, native_id());
    }

    #[test]
    fn a_thread_exists_until_it_has_ended() {
        let (tell, hear) = mpsc::channel();
        let (end, wait) = mpsc::channel::<()>();
        spawn(1 << 20, move || {
            tell.send(native_id()).unwrap();
            wait.recv().unwrap_err();
        })
        .unwrap();
        let native = hear.recv().unwrap();
        assert!(exists(native));
        drop(end);
        while exists(native) {
            yield_now();
        }
    }

    #[test]
    fn a_long_name_is_cut_before_a_character() {
        std::thread::spawn(|| {
            set_name("ääääääääää");
            assert_eq!(rustix::thread::name().unwrap().to_bytes(), "äääääää".as_bytes());
            set_name("a\0b");
            assert_eq!(rustix::thread::name().unwrap().to_bytes(), b"a");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_default_stack_is_the_c_librarys() {
        assert!(default_stack_size() >= 1 << 16);
    }
}
