//! Gets threads into a known state without sleeping.

#![allow(dead_code, reason = "each file of tests uses what it needs")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use interlock_wait::{Deadline, Host, Resource, ResourceId, ResourceKind, Slept, WaitContext};

/// A resource for a test's thread, of any kind.
pub(crate) struct Anything;

impl Resource for Anything {
    fn id(&self) -> ResourceId {
        ResourceId::fresh()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Event
    }
}

/// Waits until `condition` holds; fails the test if that takes a minute, more than the busiest machine needs.
#[track_caller]
pub(crate) fn eventually(condition: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < limit, "this should have come true long ago");
        std::thread::yield_now();
    }
}

/// Deadlines for a wait that has to begin before its deadline. On a busy machine the first ones may have passed by then.
pub(crate) fn ever_later() -> impl Iterator<Item = Deadline> {
    let millis = [20, 200, 2_000, 20_000, 60_000];
    millis
        .into_iter()
        .map(|millis| Deadline::after(Duration::from_millis(millis)))
}

/// A host that counts the sleeps that its thread has begun. By the first one, the thread stands in line.
pub(crate) struct Counts<'a>(pub(crate) &'a AtomicUsize);

impl Host for Counts<'_> {
    fn sleep(&mut self, rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
        self.0.fetch_add(1, Ordering::SeqCst);
        rest();
        false
    }

    fn hears_signals(&self) -> bool {
        false
    }
}

/// A host that runs a function before each sleep, and ends the wait if the function returns true.
pub(crate) struct Runs<F>(pub(crate) F);

impl<F: FnMut() -> bool> Host for Runs<F> {
    fn sleep(&mut self, rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
        if (self.0)() {
            return true;
        }
        rest();
        false
    }

    fn hears_signals(&self) -> bool {
        true
    }
}

/// A host that runs a function after each sleep that ended without a notification, as a signal handler would run.
pub(crate) struct Handles<F>(pub(crate) F);

impl<F: FnMut() -> bool> Host for Handles<F> {
    fn sleep(&mut self, rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
        !matches!(rest(), Slept::Notified(_)) && (self.0)()
    }

    fn hears_signals(&self) -> bool {
        true
    }
}

/// A host that runs a function before the first sleep, and then panics.
pub(crate) struct Panics<F>(F);

impl<F: FnMut()> Host for Panics<F> {
    fn sleep(&mut self, _rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
        (self.0)();
        resume_unwind(Box::new("the host of a test panics"));
    }

    fn hears_signals(&self) -> bool {
        false
    }
}

/// Waits with a host that runs a function in the middle of the wait, and then panics. Checks that the panic leaves
/// the wait.
#[track_caller]
pub(crate) fn panics_in<R, M>(
    wait: impl FnOnce(&mut WaitContext<'_>) -> R,
    mut meanwhile: impl FnMut() -> M,
) {
    let mut host = Panics(|| drop(meanwhile()));
    let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
    let panicked = catch_unwind(AssertUnwindSafe(|| drop(wait(&mut context))));
    assert!(panicked.is_err(), "the host should have been called");
}

/// Panics when it is dropped, as often as it says, each time with what panics one time less.
pub(crate) struct Bomb(pub(crate) u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        if let Some(less) = self.0.checked_sub(1) {
            resume_unwind(Box::new(Bomb(less)));
        }
    }
}

/// A waker that panics with what panics again when it is dropped.
pub(crate) struct Explodes;

impl Wake for Explodes {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new(Bomb(2)));
    }
}

/// Polls once with a waker that panics.
pub(crate) fn poll_explosive<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&Waker::from(Arc::new(Explodes))))
}
