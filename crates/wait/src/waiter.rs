//! One wait of one thread or task, and the wake-ups that end it.

use std::task::Waker;

use interlock_os::{clock, futex, thread};

use crate::fork;
use crate::primitive::{Arc, AtomicU32, AtomicU64, Ordering};

/// A thread, by the identity that `threading.get_ident()` gives it. Unique among live threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadId(u64);

impl ThreadId {
    /// The calling thread.
    #[inline]
    pub fn current() -> Self {
        #[cfg(not(loom))]
        return ThreadId(thread::current());
        #[cfg(loom)]
        return ThreadId(loom_ident());
    }

    /// The thread with this POSIX identity.
    pub fn from_ident(ident: u64) -> Self {
        ThreadId(ident)
    }

    /// The POSIX identity; never 0.
    #[inline]
    pub fn ident(self) -> u64 {
        self.0
    }
}

#[cfg(loom)]
fn loom_ident() -> u64 {
    let _ = thread::current;
    let text = format!("{:?}", loom::thread::current().id());
    1 + text
        .chars()
        .filter(char::is_ascii_digit)
        .collect::<String>()
        .parse::<u64>()
        .unwrap_or(0)
}

/// Queued, and its thread is awake: about to sleep, spinning, or looking at something else.
const WAITING: u32 = 0;
/// A notifier took it from its queue. Final.
const NOTIFIED: u32 = 2;

/// One wait: what stands in a [`WaitQueue`](crate::WaitQueue).
///
/// State table of `state`:
///
/// | from | to | who | when |
/// |---|---|---|---|
/// | – | `WAITING` | the waiting thread | it is made |
/// | `WAITING` | `ASLEEP` | the waiting thread | before it sleeps |
/// | `WAITING`, `ASLEEP` | `NOTIFIED` | a notifier, under the lock of the queue | it takes the waiter out of the queue |
pub struct Waiter {
    state: AtomicU32,
    generation: u32,
    notifier: AtomicU64,
    thread: ThreadId,
    since: AtomicU64,
    task: Option<Waker>,
    #[cfg(loom)]
    parked: loom::thread::Thread,
}

impl Waiter {
    /// Its thread sleeps in the kernel, or is about to.
    pub(crate) const ASLEEP: u32 = 1;

    /// A wait of the calling thread that begins now.
    pub fn thread() -> Arc<Self> {
        Self::new(clock::monotonic_nanos(), None)
    }

    /// A wait of the calling thread that goes on: as long in line as `earlier` was.
    pub fn again(earlier: &Self) -> Arc<Self> {
        // Relaxed: a time, which orders nothing.
        Self::new(earlier.since.load(Ordering::Relaxed), None)
    }

    /// A wait of a task: when notified, `waker` is woken instead of a thread.
    pub fn task(waker: Waker) -> Arc<Self> {
        Self::new(clock::monotonic_nanos(), Some(waker))
    }

    fn new(since: u64, task: Option<Waker>) -> Arc<Self> {
        fork::watch();
        Arc::new(Waiter {
            state: AtomicU32::new(WAITING),
            generation: fork::generation(),
            notifier: AtomicU64::new(0),
            thread: ThreadId::current(),
            since: AtomicU64::new(since),
            task,
            #[cfg(loom)]
            parked: loom::thread::current(),
        })
    }

    /// The thread that waits (for a task: the one that made it wait).
    pub fn thread_id(&self) -> ThreadId {
        self.thread
    }

    /// Whether a task waits, which nobody can hand a lock to.
    pub(crate) fn is_task(&self) -> bool {
        self.task.is_some()
    }

    /// Whether the wait in this line began more than `nanos` ago.
    pub fn is_older_than(&self, nanos: u64) -> bool {
        // Relaxed: a time, which orders nothing.
        clock::monotonic_nanos() > self.since.load(Ordering::Relaxed) + nanos
    }

    /// Begins to count the time in line anew, because the line is another.
    pub(crate) fn restart(&self, now: u64) {
        // Relaxed: a time, which orders nothing.
        self.since.store(now, Ordering::Relaxed);
    }

    /// Whether a notifier has taken this wait out of its queue.
    #[inline]
    pub fn is_notified(&self) -> bool {
        // Acquire pairs with the AcqRel swap in `notify`.
        self.state.load(Ordering::Acquire) == NOTIFIED
    }

    /// Whether this wait began in this process, not in one that it was forked from.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Who notified, if somebody did.
    pub(crate) fn notifier(&self) -> Option<ThreadId> {
        // Relaxed: written before the swap in `notify`, which `is_notified` has acquired.
        let ident = self.notifier.load(Ordering::Relaxed);
        (ident != 0).then_some(ThreadId(ident))
    }

    /// Says that the thread is about to sleep; `false` when it is notified and must not.
    pub(crate) fn fall_asleep(&self) -> bool {
        // AcqRel pairs with the swap in `notify`: either it sees ASLEEP and wakes, or we see NOTIFIED.
        let was = self
            .state
            .compare_exchange(WAITING, Self::ASLEEP, Ordering::AcqRel, Ordering::Acquire);
        was != Err(NOTIFIED)
    }

    /// The word that its thread sleeps on, while it is [`Waiter::ASLEEP`].
    #[cfg(not(loom))]
    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.state
    }

    /// Marks as notified a waiter just taken from its queue, whose lock the caller holds; what is left to do comes back.
    pub(crate) fn notify(self: Arc<Self>) -> Wakeup {
        // Relaxed: published by the swap below, to `notifier`.
        self.notifier
            .store(ThreadId::current().ident(), Ordering::Relaxed);
        // AcqRel pairs with `is_notified` (the notifier's writes are seen) and with `fall_asleep`.
        let was = self.state.swap(NOTIFIED, Ordering::AcqRel);
        if self.task.is_some() || was == Self::ASLEEP {
            Wakeup(Some(self))
        } else {
            Wakeup(None)
        }
    }

    fn wake(&self) {
        match &self.task {
            Some(task) => task.wake_by_ref(),
            #[cfg(not(loom))]
            None => futex::wake_one(&self.state),
            #[cfg(loom)]
            None => self.parked.unpark(),
        }
    }
}

/// The second half of a notification: the system call, or the task's waker.
///
/// To be run after the lock of the queue is released: so nobody wakes up just to find it taken, and a waker, which is
/// user code, runs under no internal lock.
#[must_use = "the notified thread sleeps on until this is run"]
#[derive(Default)]
pub struct Wakeup(Option<Arc<Waiter>>);

impl Wakeup {
    /// Nobody to wake.
    pub const NOBODY: Wakeup = Wakeup(None);

    /// Wakes the notified thread or task, if it sleeps. Never blocks.
    #[inline]
    pub fn run(self) {
        if let Some(waiter) = self.0 {
            waiter.wake();
        }
    }
}

/// Several [`Wakeup`]s.
#[must_use = "the notified threads sleep on until this is run"]
#[derive(Default)]
pub struct Wakeups(Vec<Wakeup>);

impl Wakeups {
    /// Adds one more.
    pub fn push(&mut self, wakeup: Wakeup) {
        if wakeup.0.is_some() {
            self.0.push(wakeup);
        }
    }

    /// Wakes the notified threads and tasks, in the order in which they waited. Never blocks.
    #[inline]
    pub fn run(self) {
        self.0.into_iter().for_each(Wakeup::run);
    }
}
