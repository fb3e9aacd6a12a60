//! Numbers in shared memory whose changes are ordered by a lock, or by another word that publishes them.

use interlock_wait::primitive::{AtomicU32, AtomicU64, Ordering};

/// 32 bits. A process that accesses them holds the lock that their record names, or knows from another word that no
/// other process writes them.
#[repr(transparent)]
#[derive(Debug, Default)]
pub(crate) struct Field32(AtomicU32);

/// 64 bits, like [`Field32`].
#[repr(transparent)]
#[derive(Debug, Default)]
pub(crate) struct Field64(AtomicU64);

// Relaxed, but for what is published: see the types.

impl Field32 {
    #[inline]
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed) // Relaxed: see the type
    }

    #[inline]
    pub(crate) fn set(&self, value: u32) {
        self.0.store(value, Ordering::Relaxed); // Relaxed: see the type
    }
}

impl Field64 {
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed) // Relaxed: see the type
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed); // Relaxed: see the type
    }

    /// Sets the value for readers that call [`seen`](Self::seen) without the lock. They also see everything that
    /// was written before.
    pub(crate) fn publish(&self, value: u64) {
        // Release pairs with the Acquire in `seen`.
        self.0.store(value, Ordering::Release);
    }

    /// Returns the value. After this, the caller also sees everything that was written before the value was
    /// published.
    pub(crate) fn seen(&self) -> u64 {
        // Acquire pairs with the Release in `publish`.
        self.0.load(Ordering::Acquire)
    }

    /// Sets bits, atomically: the other bits of the word may belong to another process.
    pub(crate) fn insert(&self, bits: u64) {
        self.0.fetch_or(bits, Ordering::Relaxed); // Relaxed: see the type
    }

    /// Clears bits, atomically.
    pub(crate) fn remove(&self, bits: u64) {
        self.0.fetch_and(!bits, Ordering::Relaxed); // Relaxed: see the type
    }
}
