//! A value under a raw lock: the state of a primitive.

#![expect(unsafe_code, reason = "the value behind the lock under all locks")]

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

#[cfg(not(loom))]
use crate::fork::fork_guarded;
use crate::owner_word::OwnerWord;
use crate::owners::Owned;
use crate::primitive::UnsafeCell;
use crate::raw_lock::{RawLock, RawWordLock};
use crate::thread_ident::ThreadIdent;

/// A value under a lock of one word.
pub type WordLock<T> = StateLock<T, RawWordLock>;

/// Holds a [`WordLock`] until dropped, and gives access to the value.
pub type WordLockGuard<'a, T> = StateGuard<'a, T, RawWordLock>;

/// A value that one thread at a time may look at, for a few instructions: the state of a primitive.
///
/// Not for user code: nothing that can block, call back, compare or drop a user's value may happen while the guard lives.
///
/// A guard is shared between threads only if they may share the value:
///
/// ```compile_fail,E0277
/// use std::cell::Cell;
/// use interlock::wait::WordLock;
///
/// let lock: WordLock<Cell<i32>> = WordLock::new(Cell::new(0));
/// let guard = lock.lock();
/// std::thread::scope(|s| s.spawn(|| guard.set(1)));
/// ```
pub struct StateLock<T, R: RawLock = RawWordLock> {
    raw: R,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through the guard, which one thread has at a time; so sharing the lock moves the
// value between threads, for which `T: Send` is enough.
unsafe impl<T: Send, R: RawLock + Sync> Sync for StateLock<T, R> {}

// SAFETY: the lock owns the value and the raw lock; it may go wherever these may.
unsafe impl<T: Send, R: RawLock + Send> Send for StateLock<T, R> {}

impl<T, R: RawLock> StateLock<T, R> {
    /// Creates a free lock around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        StateLock {
            raw: R::NEW,
            value: UnsafeCell::new(value),
        }
    }

    /// Creates a free lock around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        StateLock {
            raw: R::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the lock; waits for the few instructions that another thread needs.
    #[inline]
    pub fn lock(&self) -> StateGuard<'_, T, R> {
        self.raw.lock();
        StateGuard::new(self)
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<StateGuard<'_, T, R>> {
        self.raw.try_lock().then(|| StateGuard::new(self))
    }

    /// Returns the value. The exclusive reference makes locking unnecessary.
    #[cfg(not(loom))]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Returns the value, moved out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

// No user code runs under the lock, so a panic finds the state intact.
impl<T, R: RawLock> UnwindSafe for StateLock<T, R> {}
impl<T, R: RawLock> RefUnwindSafe for StateLock<T, R> {}

impl<T: Default, R: RawLock> Default for StateLock<T, R> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// The part of a [`Resource`](crate::Resource) that other threads ask: an [`Owned`] state under its lock.
///
/// # Safety
/// Any thread may call `ask` at any time, even if the value is not [`Sync`].
pub unsafe trait Owners {
    /// Returns the threads that can end a wait, at this moment. Returns none on a thread that may not take the lock
    /// (see `RawLock::covers_this_thread`).
    fn ask(&self) -> Vec<ThreadIdent>;
}

// SAFETY: a thread that the lock does not cover touches nothing. The others may use the lock, even one that is not
// `Sync`: it makes them exclude each other, and the state is `Send`.
unsafe impl<T: Owned, R: RawLock> Owners for StateLock<T, R> {
    fn ask(&self) -> Vec<ThreadIdent> {
        if R::covers_this_thread() {
            self.lock().owners()
        } else {
            Vec::new()
        }
    }
}

// SAFETY: a thread that the lock does not cover touches nothing. The others may use the word.
unsafe impl<R: RawLock> Owners for OwnerWord<R> {
    fn ask(&self) -> Vec<ThreadIdent> {
        if R::covers_this_thread() {
            self.load().thread().into_iter().collect()
        } else {
            Vec::new()
        }
    }
}

// SAFETY: any thread may ask each of them. (Each has to end before a wait for all of them does.)
unsafe impl Owners for Vec<&dyn Owners> {
    fn ask(&self) -> Vec<ThreadIdent> {
        self.iter().flat_map(|owners| owners.ask()).collect()
    }
}

/// Holds a [`StateLock`] until dropped, and gives access to the value.
#[must_use = "the lock is free again as soon as the guard is dropped"]
pub struct StateGuard<'a, T, R: RawLock = RawWordLock> {
    lock: &'a StateLock<T, R>,
    /// Makes the guard `Sync` and `Send` as a mutable reference to the value is, not as the lock is.
    like: PhantomData<&'a mut T>,
}

impl<'a, T, R: RawLock> StateGuard<'a, T, R> {
    #[inline]
    fn new(lock: &'a StateLock<T, R>) -> Self {
        StateGuard {
            lock,
            like: PhantomData,
        }
    }
}

impl<T, R: RawLock> Drop for StateGuard<'_, T, R> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard was made when the lock was taken.
        unsafe { self.lock.raw.unlock() };
    }
}

#[cfg(not(loom))]
impl<T, R: RawLock> Deref for StateGuard<'_, T, R> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, so there is no mutable reference but through it.
        unsafe { &*self.lock.value.get() }
    }
}

#[cfg(not(loom))]
impl<T, R: RawLock> DerefMut for StateGuard<'_, T, R> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one and is borrowed mutably, so the reference is unique.
        unsafe { &mut *self.lock.value.get() }
    }
}

#[cfg(loom)]
impl<T, R: RawLock> Deref for StateGuard<'_, T, R> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, so there is no mutable reference but through it; loom checks it.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

#[cfg(loom)]
impl<T, R: RawLock> DerefMut for StateGuard<'_, T, R> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one and is borrowed mutably, so the reference is unique; loom checks it.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

/// Objects that threads lend to all other threads while they do something. Each has a note of type `N`.
#[cfg(not(loom))]
pub(crate) struct Loans<N>(WordLock<Vec<Loan<N>>>);

#[cfg(not(loom))]
struct Loan<N> {
    ticket: u64,
    note: N,
    lent: Option<Lent>,
}

/// A reference to a lent object, without its lifetime.
#[cfg(not(loom))]
struct Lent(*const dyn Owners);

// SAFETY: it stands for a shared reference to a value that any thread may ask, and is used for that alone.
#[cfg(not(loom))]
unsafe impl Send for Lent {}

#[cfg(not(loom))]
impl<N: Send> Loans<N> {
    pub(crate) const fn new() -> Self {
        Loans(WordLock::new(Vec::new()))
    }

    /// Runs `meanwhile`. Until that is done, all threads can ask `owners`.
    ///
    /// No other loan has the same `ticket`.
    pub(crate) fn during<Q>(
        &self,
        ticket: u64,
        note: N,
        owners: Option<&dyn Owners>,
        meanwhile: impl FnOnce() -> Q,
    ) -> Q {
        // SAFETY: this forgets a lifetime. The reference is used only while the loan is in the list, and `Ends` takes it out
        // before this function returns or unwinds. A host that ends a thread in here without unwinding keeps alive what the
        // thread has borrowed, and `end` takes the loan out when the thread's own values are dropped.
        let lent = owners
            .map(|owners| Lent(unsafe { std::mem::transmute::<&dyn Owners, &'static dyn Owners>(owners) }));
        fork_guarded(|| self.0.lock().push(Loan { ticket, note, lent }));
        let _ends = Ends { loans: self, ticket };
        meanwhile()
    }

    /// Calls `look` for all loans, under the lock of the list, so `look` must call no user code.
    pub(crate) fn look<Q>(&self, look: impl Fn(&N, &dyn Fn() -> Vec<ThreadIdent>) -> Option<Q>) -> Vec<Q> {
        fork_guarded(|| {
            let loans = self.0.lock();
            let visit = |loan: &Loan<N>| {
                look(&loan.note, &|| {
                    // SAFETY: the loan is in the list, whose lock is held here, and which it leaves before the value goes.
                    loan.lent
                        .as_ref()
                        .map_or_else(Vec::new, |lent| unsafe { &*lent.0 }.ask())
                })
            };
            loans.iter().filter_map(visit).collect()
        })
    }

    /// Ends the loans for which `is_over` is true.
    pub(crate) fn end(&self, is_over: impl Fn(&N) -> bool) {
        fork_guarded(|| self.0.lock().retain(|loan| !is_over(&loan.note)));
    }
}

/// Ends a loan when it is dropped.
#[cfg(not(loom))]
struct Ends<'a, N: Send> {
    loans: &'a Loans<N>,
    ticket: u64,
}

#[cfg(not(loom))]
impl<N: Send> Drop for Ends<'_, N> {
    fn drop(&mut self) {
        fork_guarded(|| self.loans.0.lock().retain(|loan| loan.ticket != self.ticket));
    }
}

impl<T, R: RawLock> fmt::Debug for StateLock<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateLock").finish_non_exhaustive()
    }
}

impl<T: fmt::Debug, R: RawLock> fmt::Debug for StateGuard<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
