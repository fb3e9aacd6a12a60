//! Life words: when the thread that holds one dies, however it dies, the kernel changes the word.
//!
//! A life word is the word of a robust mutex. See
//! <https://man7.org/linux/man-pages/man3/pthread_mutexattr_setrobust.3.html> and
//! <https://www.kernel.org/doc/html/latest/locking/robust-futex-ABI.html>.

#![expect(
    unsafe_code,
    reason = "the C library keeps the list of a thread's robust mutexes"
)]
#![expect(
    clippy::disallowed_types,
    reason = "I8: a word that the kernel writes, below the one door"
)]

use std::cell::UnsafeCell;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::sync::atomic::AtomicU32;

use crate::memory::Shared;

/// A life word, in shared memory. If it is all zeros, no thread has held it yet.
///
/// Beside the word, the C library stores the links of its list. They have a meaning only in the process that
/// holds the word.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct LifeWord(UnsafeCell<[u64; 8]>);

const _: () = assert!(size_of::<libc::pthread_mutex_t>() <= size_of::<LifeWord>());

// SAFETY: the word is used as an atomic, and the rest by one process alone, that which begins the life.
unsafe impl Sync for LifeWord {}
// SAFETY: as above; all zeros is a mutex that is not initialized, of which only the word is looked at.
unsafe impl Shared for LifeWord {}

impl LifeWord {
    /// Set by the kernel, in the word, when its holder has died.
    pub const DIED: u32 = 0x4000_0000;
    /// Set by a thread that wants to be woken when the holder dies.
    pub const WAITERS: u32 = 0x8000_0000;
    /// The part of the word that names the thread that holds it, 0 if none does.
    pub const HOLDER: u32 = 0x3fff_ffff;

    /// Makes the calling thread the holder of the word until the thread ends. Never blocks.
    ///
    /// # Safety
    /// The word is not held by a thread that lives, and no other thread begins or renews it meanwhile.
    ///
    /// # Errors
    /// The C library has no robust mutexes, or other code writes to the word meanwhile.
    pub unsafe fn begin(&self) -> io::Result<()> {
        let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        // SAFETY: the pointer is to memory for attributes, which this call initializes.
        check(unsafe { libc::pthread_mutexattr_init(attributes.as_mut_ptr()) })?;
        let (shared, robust) = (libc::PTHREAD_PROCESS_SHARED, libc::PTHREAD_MUTEX_ROBUST);
        // SAFETY: the attributes were initialized above.
        check(unsafe { libc::pthread_mutexattr_setpshared(attributes.as_mut_ptr(), shared) })?;
        // SAFETY: as above.
        check(unsafe { libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), robust) })?;
        // SAFETY: nobody uses the mutex, says the caller, and there is room for one.
        check(unsafe { libc::pthread_mutex_init(self.mutex(), attributes.as_ptr()) })?;
        // Not `pthread_mutex_lock`, which would wait for ever on a word that is neither 0 nor held by a thread that lives.
        // SAFETY: the mutex was initialized above, and nobody else locks it.
        check(unsafe { libc::pthread_mutex_trylock(self.mutex()) })
    }

    /// Returns the word, which contains the holder's thread id and the flags above.
    #[inline]
    pub fn word(&self) -> &AtomicU32 {
        // SAFETY: in glibc the mutex begins with its word, which all of them change in one piece.
        unsafe { AtomicU32::from_ptr(self.0.get().cast()) }
    }

    fn mutex(&self) -> *mut libc::pthread_mutex_t {
        self.0.get().cast()
    }
}

fn check(error: i32) -> io::Result<()> {
    match error {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn the_end_of_the_holder_is_seen() {
        let life = LifeWord(UnsafeCell::new([0; 8]));
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    // SAFETY: no other thread uses it.
                    unsafe { life.begin() }.unwrap();
                    let holder = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
                    assert_eq!(life.word().load(Ordering::Acquire), holder);
                })
                .join()
                .unwrap();
        });
        assert_eq!(life.word().load(Ordering::Acquire) & LifeWord::HOLDER, 0);
        assert_ne!(life.word().load(Ordering::Acquire) & LifeWord::DIED, 0);
    }
}
