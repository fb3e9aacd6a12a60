//! Futures, with which tasks wait without blocking a thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use interlock_wait::primitive::Arc;
use interlock_wait::{Place, RawLock, RawWordLock, ResourceKind, TaskLine, Turn, Waiter};

use crate::event::Event;
use crate::guard::{Guard, Guarded};
use crate::lock::Lock;
use crate::mutex::{Mutex, MutexGuard};
use crate::semaphore::Semaphore;

mod sealed {
    use interlock_wait::primitive::Arc;
    use interlock_wait::{Turn, Waiter};

    pub trait Awaited {
        /// Takes the lock or permit, or sees the event, or lines the task up.
        fn attempt(&self, turn: Turn<'_>) -> Option<()>;
        /// Takes the task's waiter out of the line.
        fn leave(&self, waiter: &Arc<Waiter>);
    }
}

pub(crate) use sealed::Awaited;

/// A reference to the object that a task waits for.
struct Line<'a, L: Awaited>(&'a L);

impl<L: Awaited> TaskLine for Line<'_, L> {
    fn leave(&mut self, waiter: &Arc<Waiter>) {
        self.0.leave(waiter);
    }
}

impl<R: RawLock> Awaited for Lock<R> {
    fn attempt(&self, turn: Turn<'_>) -> Option<()> {
        self.owned().acquire_as_task(ResourceKind::Lock, turn)
    }

    fn leave(&self, waiter: &Arc<Waiter>) {
        self.owned().leave_as_task(waiter);
    }
}

impl<R: RawLock> Awaited for Semaphore<R> {
    fn attempt(&self, turn: Turn<'_>) -> Option<()> {
        self.acquire_as_task(turn)
    }

    fn leave(&self, waiter: &Arc<Waiter>) {
        self.leave_as_task(waiter);
    }
}

impl<R: RawLock> Awaited for Event<R> {
    fn attempt(&self, turn: Turn<'_>) -> Option<()> {
        self.wait_as_task(turn)
    }

    fn leave(&self, waiter: &Arc<Waiter>) {
        self.leave_as_task(waiter);
    }
}

/// The future of [`Lock::acquire_async`] and [`Semaphore::acquire_async`]. Dropping it leaves the line.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Acquiring<'a, L: Awaited = Lock>(Place<Line<'a, L>>);

impl<'a, L: Awaited> Acquiring<'a, L> {
    fn new(line: &'a L) -> Self {
        Acquiring(Place::new(Line(line)))
    }
}

impl<L: Awaited> Future for Acquiring<'_, L> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll(context, |line, turn| line.0.attempt(turn))
    }
}

/// The future of [`Lock::guard_async`] and [`Semaphore::guard_async`]. Dropping it leaves the line.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Guarding<'a, L: Awaited = Lock>(Acquiring<'a, L>);

impl<'a, L: Awaited + Guarded> Future for Guarding<'a, L> {
    type Output = Guard<'a, L>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let line = self.0.0.line().0;
        Pin::new(&mut self.0).poll(context).map(|()| Guard::new(line))
    }
}

/// The future of [`Mutex::lock_async`]. Dropping it leaves the line.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Locking<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    guarding: Guarding<'a, Lock>,
}

impl<'a, T: ?Sized> Future for Locking<'a, T> {
    type Output = MutexGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mutex = self.mutex;
        let guarded = Pin::new(&mut self.guarding).poll(context);
        guarded.map(|guard| mutex.guard_value(guard))
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Takes the value until the guard is dropped, as soon as no other thread or task holds it. Blocks no thread.
    ///
    /// A task keeps its place in line, but the mutex is never handed over to it: threads that come later may be
    /// faster.
    ///
    /// ```
    /// use std::future::Future;
    /// use std::pin::pin;
    /// use std::task::{Context, Poll, Waker};
    ///
    /// use interlock::sync::Mutex;
    ///
    /// let total = Mutex::new(0);
    /// let add = async {
    ///     let mut total = total.lock_async().await;
    ///     *total += 1;
    ///     *total
    /// };
    /// let polled = pin!(add).poll(&mut Context::from_waker(Waker::noop()));
    /// assert_eq!(polled, Poll::Ready(1));
    /// ```
    pub fn lock_async(&self) -> Locking<'_, T> {
        Locking {
            mutex: self,
            guarding: self.lock.guard_async(),
        }
    }
}

impl<R: RawLock> Lock<R> {
    /// Takes the lock as soon as no thread or task holds it. Blocks no thread.
    ///
    /// The lock counts as held by the thread that polls the task at that moment; any thread may release it.
    pub fn acquire_async(&self) -> Acquiring<'_, Self> {
        Acquiring::new(self)
    }

    /// Like [`Lock::acquire_async`], but holds the lock until the guard is dropped, on any thread.
    pub fn guard_async(&self) -> Guarding<'_, Self> {
        Guarding(self.acquire_async())
    }
}

impl<R: RawLock> Semaphore<R> {
    /// Takes a permit as soon as there is one. Blocks no thread.
    pub fn acquire_async(&self) -> Acquiring<'_, Self> {
        Acquiring::new(self)
    }

    /// Like [`Semaphore::acquire_async`], but holds the permit until the guard is dropped.
    ///
    /// ```
    /// use std::future::Future;
    /// use std::pin::pin;
    /// use std::task::{Context, Waker};
    ///
    /// use interlock::sync::Semaphore;
    ///
    /// let permits = Semaphore::new(1);
    /// let permit = permits.guard();
    /// let mut next = pin!(permits.guard_async());
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(next.as_mut().poll(&mut context).is_pending());
    /// drop(permit);
    /// assert!(next.as_mut().poll(&mut context).is_ready());
    /// ```
    pub fn guard_async(&self) -> Guarding<'_, Self> {
        Guarding(self.acquire_async())
    }
}

/// The future of [`Event::wait_async`]. Dropping it leaves the line.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Waiting<'a, R: RawLock = RawWordLock>(Acquiring<'a, Event<R>>);

impl<R: RawLock> Future for Waiting<'_, R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<R: RawLock> Event<R> {
    /// Waits until the event is set, even if it is cleared at once. Blocks no thread.
    ///
    /// ```
    /// use std::future::Future;
    /// use std::pin::pin;
    /// use std::task::{Context, Waker};
    ///
    /// use interlock::sync::Event;
    ///
    /// let ready = Event::new();
    /// let mut waits = pin!(ready.wait_async());
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(waits.as_mut().poll(&mut context).is_pending());
    /// ready.set();
    /// ready.clear();
    /// assert!(waits.as_mut().poll(&mut context).is_ready());
    /// ```
    pub fn wait_async(&self) -> Waiting<'_, R> {
        Waiting(Acquiring::new(self))
    }
}

macro_rules! debug {
    ($($future:ident [$($parameters:tt)*]),*) => {
        $(impl<$($parameters)*> fmt::Debug for $future<'_, debug!(@name $($parameters)*)> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($future)).finish_non_exhaustive()
            }
        })*
    };
    (@name $name:ident: $($bound:tt)*) => { $name };
}

debug!(Acquiring[L: Awaited], Guarding[L: Awaited], Locking[T: ?Sized], Waiting[R: RawLock]);
