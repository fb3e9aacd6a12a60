//! Threads as the operating system sees them.

#![expect(
    unsafe_code,
    reason = "the C library tells a thread's identity and starts threads with a stack of a given size"
)]

use std::ffi::CString;
use std::io;
use std::ops::Range;

/// Returns the calling thread's POSIX identity, as `threading.get_ident()` returns it. Unique among live
/// threads, never 0.
///
/// See <https://man7.org/linux/man-pages/man3/pthread_self.3.html>.
#[inline]
pub fn current() -> u64 {
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64", not(miri)))]
    {
        // The identity is the address of the thread's control block, in glibc and in musl. The ABI stores it
        // here. A lock asks for it at each acquisition, and a call would cost as much as everything else.
        let identity: u64;
        // SAFETY: the x86-64 ABI for thread-local storage keeps the control block's address at this place.
        unsafe {
            std::arch::asm!("mov {}, fs:[0]", out(reg) identity, options(pure, readonly, nostack, preserves_flags));
        }
        identity
    }
    #[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64", not(miri))))]
    // SAFETY: pthread_self has no preconditions and always succeeds.
    unsafe {
        libc::pthread_self()
    }
}

/// Names the calling thread for the operating system's tools. The kernel keeps 15 bytes.
///
/// A longer name is cut at a character boundary. A NUL ends the name.
pub fn set_name(name: &str) {
    let mut end = name.len().min(15);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let bytes = name[..end].split('\0').next().unwrap_or_default();
    if let Ok(name) = CString::new(bytes) {
        // If the kernel refuses it, the thread keeps its old name.
        let _ = rustix::thread::set_name(&name);
    }
}

/// Yields this processor to another runnable thread. Never sleeps.
pub fn yield_now() {
    std::thread::yield_now();
}

/// Returns how many processors this process may run on (its affinity mask and its control group count), at
/// least 1.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the default stack size of a thread, in bytes, as the C library sets it.
///
/// See <https://man7.org/linux/man-pages/man3/pthread_getattr_default_np.3.html>.
fn default_stack_size() -> usize {
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

/// Returns the addresses of the calling thread's stack, as far as the C library knows it. A stack grows down.
/// For the main thread, this reads a file.
///
/// See <https://man7.org/linux/man-pages/man3/pthread_getattr_np.3.html>.
pub fn stack() -> Option<Range<usize>> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: pthread_self has no preconditions.
    let me = unsafe { libc::pthread_self() };
    // SAFETY: the thread is the calling one, so it lives, and the pointer is to memory for an attribute object, which this call
    // initializes.
    if unsafe { libc::pthread_getattr_np(me, attributes.as_mut_ptr()) } != 0 {
        return None;
    }
    let (mut lowest, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attribute object was initialized above; the others are places for the results.
    let told = unsafe { libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lowest, &raw mut size) };
    // SAFETY: the attribute object was initialized above, and is not used after this call.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    (told == 0).then(|| lowest.addr()..lowest.addr().saturating_add(size))
}

/// Starts a detached operating-system thread that runs `main` on a stack of `stack_size` bytes. 0 stands for
/// the C library's default size. With an empty name, the thread has no name.
///
/// # Errors
/// The operating system cannot start another thread.
pub fn spawn(name: &str, stack_size: usize, main: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let stack_size = match stack_size {
        0 => default_stack_size(),
        bytes => bytes,
    };
    let mut builder = std::thread::Builder::new().stack_size(stack_size);
    // The name appears in the messages of panics. A NUL ends it.
    if let Some(name) = name.split('\0').next().filter(|name| !name.is_empty()) {
        builder = builder.name(name.into());
    }
    builder.spawn(main).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_spawned_thread_is_another_thread() {
        for stack_size in [0, 1 << 20] {
            let (sender, receiver) = mpsc::channel();
            spawn("", stack_size, move || sender.send(current()).unwrap()).unwrap();
            assert_ne!(receiver.recv().unwrap(), current());
        }
    }

    #[test]
    fn the_identity_is_the_c_librarys() {
        let check = || {
            // SAFETY: pthread_self has no preconditions.
            assert_eq!(current(), unsafe { libc::pthread_self() });
        };
        check();
        std::thread::spawn(check).join().unwrap();
    }

    #[test]
    fn a_long_name_is_cut_at_a_character_boundary() {
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
    fn a_thread_knows_its_stack() {
        let check = |size: usize| {
            let local = 0_u8;
            let stack = stack().unwrap();
            assert!(stack.contains(&std::ptr::from_ref(&local).addr()));
            assert!(stack.len() >= size / 2 && stack.len() <= size + (1 << 20));
        };
        for size in [1 << 17, 1 << 22] {
            let thread = std::thread::Builder::new().stack_size(size);
            thread.spawn(move || check(size)).unwrap().join().unwrap();
        }
    }

    #[test]
    fn the_default_stack_is_the_c_librarys() {
        assert!(default_stack_size() >= 1 << 16);
    }
}
