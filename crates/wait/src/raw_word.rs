//! A number beside a raw lock, which threads read and change without taking it.

use std::cell::Cell;

use crate::primitive::{AtomicU64, Ordering};

/// A number that threads read and change without taking a lock, such as the owner of one.
pub trait RawWord {
    /// The number 0.
    #[cfg(not(loom))]
    const ZERO: Self;

    /// Returns the number 0.
    #[cfg(loom)]
    fn zero() -> Self;

    /// Returns the number at this moment. Orders nothing.
    fn get(&self) -> u64;

    /// Changes the number. What the thread did before this happens before what the next thread to exchange the
    /// number does after that.
    fn set(&self, number: u64);

    /// Changes the number if it is `from`, and returns whether it was. What other threads did before they changed
    /// it happens before what this thread does after this.
    fn exchange(&self, from: u64, to: u64) -> bool;
}

impl RawWord for AtomicU64 {
    #[cfg(not(loom))]
    const ZERO: Self = AtomicU64::new(0);

    #[cfg(loom)]
    fn zero() -> Self {
        AtomicU64::new(0)
    }

    #[inline]
    fn get(&self) -> u64 {
        // Relaxed: as promised.
        self.load(Ordering::Relaxed)
    }

    #[inline]
    fn set(&self, number: u64) {
        // Release pairs with the Acquire in `exchange`.
        self.store(number, Ordering::Release);
    }

    #[inline]
    fn exchange(&self, from: u64, to: u64) -> bool {
        // AcqRel pairs with itself, and with the Release in `set`.
        self.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
}

/// The number of a host that runs one thread at a time: no atomic operation. It is not [`Sync`], as a [`HostLock`](crate::HostLock) is not.
#[derive(Debug, Default)]
pub struct HostWord(Cell<u64>);

impl RawWord for HostWord {
    #[cfg(not(loom))]
    const ZERO: Self = HostWord(Cell::new(0));

    #[cfg(loom)]
    fn zero() -> Self {
        HostWord(Cell::new(0))
    }

    #[inline]
    fn get(&self) -> u64 {
        self.0.get()
    }

    #[inline]
    fn set(&self, number: u64) {
        self.0.set(number);
    }

    #[inline]
    fn exchange(&self, from: u64, to: u64) -> bool {
        let is_from = self.0.get() == from;
        if is_from {
            self.0.set(to);
        }
        is_from
    }
}
