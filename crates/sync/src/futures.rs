//! Futures, with which tasks wait without blocking a thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use interlock_wait::primitive::Arc;
use interlock_wait::{RawLock, RawWordLock, ResourceKind, Waiter};

use crate::event::Event;
use crate::guard::Guard;
use crate::lock::Lock;
use crate::mutex::{Mutex, MutexGuard};
use crate::semaphore::Semaphore;

/// A task's place in a line. Dropping it leaves the line, and passes on what the task was notified of.
struct Place<'a, L: Line> {
    line: &'a L,
    waiter: Option<Arc<Waiter>>,
    done: bool,
}

/// What a task can stand in line for.
trait Line {
    fn poll(&self, place: &mut Option<Arc<Waiter>>, context: &Context<'_>) -> bool;
    fn leave(&self, waiter: &Arc<Waiter>);
}

impl<'a, L: Line> Place<'a, L> {
    fn new(line: &'a L) -> Self {
        Place {
            line,
            waiter: None,
            done: false,
        }
    }

    /// Pending for ever once it was ready.
    fn poll(&mut self, context: &Context<'_>) -> Poll<&'a L> {
        if self.done || !self.line.poll(&mut self.waiter, context) {
            return Poll::Pending;
        }
        self.done = true;
        Poll::Ready(self.line)
    }
}

impl<L: Line> Drop for Place<'_, L> {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.line.leave(&waiter);
        }
    }
}

impl<R: RawLock> Line for Lock<R> {
    fn poll(&self, place: &mut Option<Arc<Waiter>>, context: &Context<'_>) -> bool {
        self.owned()
            .poll_acquire(ResourceKind::Lock, place, context.waker())
    }

    fn leave(&self, waiter: &Arc<Waiter>) {
        self.owned().leave_as_task(waiter);
    }
}

impl<R: RawLock> Line for Semaphore<R> {
    fn poll(&self, place: &mut Option<Arc<Waiter>>, context: &Context<'_>) -> bool {
        self.poll_acquire(place, context.waker())
    }

    fn leave(&self, waiter: &Arc<Waiter>) {
        self.leave_as_task(waiter);
    }
}

impl<R: RawLock> Line for Event<R> {
    fn poll(&self, place: &mut Option<Arc<Waiter>>, context: &Context<'_>) -> bool {
        self.poll_wait(place, context.waker())
    }

    fn leave(&self, waiter: &Arc<Waiter>) {
        self.leave_as_task(waiter);
    }
}

/// The future of [`Mutex::lock_async`]. Dropping it leaves the line.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Locking<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    place: Place<'a, Lock>,
}

impl<'a, T: ?Sized> Future for Locking<'a, T> {
    type Output = MutexGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mutex = self.mutex;
        let acquired = self.place.poll(context);
        acquired.map(|lock| mutex.guard_value(Guard::new(lock)))
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Takes the value until the guard is dropped, once no other thread or task holds it. Blocks no thread.
    ///
    /// A task keeps its place in line, but the mutex is not handed over to it: threads that come later may be faster.
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
            place: Place::new(&self.lock),
        }
    }
}

/// The future of [`Lock::guard_async`]. Dropping it leaves the line.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Guarding<'a, R: RawLock = RawWordLock>(Place<'a, Lock<R>>);

impl<'a, R: RawLock> Future for Guarding<'a, R> {
    type Output = Guard<'a, Lock<R>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context).map(Guard::new)
    }
}

impl<R: RawLock> Lock<R> {
    /// Takes the lock until the guard is dropped, once no thread or task holds it. Blocks no thread.
    ///
    /// The lock counts as held by the thread that polls the task at that moment; any thread may drop the guard.
    pub fn guard_async(&self) -> Guarding<'_, R> {
        Guarding(Place::new(self))
    }
}

/// The future of [`Semaphore::guard_async`]. Dropping it leaves the line.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Permitting<'a, R: RawLock = RawWordLock>(Place<'a, Semaphore<R>>);

impl<'a, R: RawLock> Future for Permitting<'a, R> {
    type Output = Guard<'a, Semaphore<R>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context).map(Guard::new)
    }
}

impl<R: RawLock> Semaphore<R> {
    /// Takes a permit until the guard is dropped, once there is one. Blocks no thread.
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
    pub fn guard_async(&self) -> Permitting<'_, R> {
        Permitting(Place::new(self))
    }
}

/// The future of [`Event::wait_async`]. Dropping it leaves the line.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Waiting<'a, R: RawLock = RawWordLock>(Place<'a, Event<R>>);

impl<R: RawLock> Future for Waiting<'_, R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll(context).map(|_| ())
    }
}

impl<R: RawLock> Event<R> {
    /// Waits until the event is set, also if it is cleared at once. Blocks no thread.
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
        Waiting(Place::new(self))
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

debug!(Locking[T: ?Sized], Guarding[R: RawLock], Permitting[R: RawLock], Waiting[R: RawLock]);
