//! One wait of one thread or task, and the wake-ups that end it.

use std::fmt;
use std::task::Waker;

use crate::contained::contained;
use crate::fork;
use crate::observer::{Interest, next_sequence, observes};
use crate::primitive::{Arc, AtomicU32, AtomicU64, Ordering};
#[cfg(not(loom))]
use crate::sleep;
use crate::thread_ident::ThreadIdent;
use crate::word_lock::WordLock;

/// The thread is awake, and has not slept yet.
const WAITING: u32 = 0;
/// The thread woke without a notification, and may be in user code: a signal handler.
const IN_HANDLER: u32 = 2;
/// A notifier took the waiter from its queue. Final, unless `NOTIFIED_IN_HANDLER` follows.
const NOTIFIED: u32 = 3;
/// A notifier took the waiter from its queue while the thread was `IN_HANDLER`. Final.
const NOTIFIED_IN_HANDLER: u32 = 4;

/// One wait: the entry of a [`WaitQueue`](crate::WaitQueue).
///
/// State table of `state`:
///
/// | from | to | by | when |
/// |---|---|---|---|
/// | – | `WAITING` | the waiting thread | it is made |
/// | `WAITING`, `IN_HANDLER` | `ASLEEP` | the waiting thread | before it sleeps |
/// | `ASLEEP` | `IN_HANDLER` | the waiting thread | a sleep ended without a notification: its time is over, or a signal came |
/// | `WAITING`, `ASLEEP`, `IN_HANDLER` | `NOTIFIED` | a notifier, under the lock of the queue | it takes the waiter out of the queue |
/// | `NOTIFIED` | `NOTIFIED_IN_HANDLER` | the same notifier, at once | the state was `IN_HANDLER` |
///
/// So no notifier hands a lock to a thread that is `IN_HANDLER` (see [`Waiter::was_in_handler`]), and a signal
/// handler on that thread can take the lock that the thread waits for.
pub struct Waiter {
    state: AtomicU32,
    generation: u32,
    notifier: AtomicU64,
    thread: ThreadIdent,
    /// When the waiter took its place in line, if there was an observer: see [`next_sequence`].
    sequence: AtomicU64,
    /// For a task: the waker to call, until it is called.
    task: Option<WordLock<Option<TaskWaker>>>,
    #[cfg(loom)]
    bed: crate::model::Bed,
}

impl Waiter {
    /// The thread sleeps in the kernel, or is about to.
    pub(crate) const ASLEEP: u32 = 1;

    /// Creates a waiter for the calling thread.
    pub fn thread() -> Arc<Self> {
        Self::new(None)
    }

    /// Creates a waiter for a task: a notification wakes `waker` instead of a thread.
    pub fn task(waker: Waker) -> Arc<Self> {
        Self::new(Some(waker))
    }

    fn new(task: Option<Waker>) -> Arc<Self> {
        fork::watch();
        Arc::new(Waiter {
            state: AtomicU32::new(WAITING),
            generation: fork::generation(),
            notifier: AtomicU64::new(0),
            thread: ThreadIdent::current(),
            sequence: AtomicU64::new(0),
            task: task.map(|waker| WordLock::new(Some(TaskWaker::new(waker)))),
            #[cfg(loom)]
            bed: crate::model::Bed::new(),
        })
    }

    /// Returns the thread that waits (for a task: the one that made it wait).
    pub fn thread_ident(&self) -> ThreadIdent {
        self.thread
    }

    /// Takes a sequence number if there is an observer of waits. Called under the lock of the queue that the waiter enters.
    #[inline]
    pub(crate) fn number(&self) {
        if observes(Interest::Waits) {
            // Relaxed: for the waiting thread, which passes the queue's lock in between.
            self.sequence.store(next_sequence(), Ordering::Relaxed);
        }
    }

    /// Returns when the waiter took its place in line; 0 if there was no observer.
    pub(crate) fn sequence(&self) -> u64 {
        // Relaxed: see `number`.
        self.sequence.load(Ordering::Relaxed)
    }

    /// Sets the waker of a task that was polled again and still waits. If the waiter is not notified yet after this
    /// call, a later notifier wakes this waker.
    pub fn set_waker(&self, waker: &Waker) {
        let Some(task) = &self.task else { return };
        if task.lock().as_ref().is_some_and(|current| current.is_like(waker)) {
            return;
        }
        // Cloned and dropped under no lock: a waker is user code.
        let new = Some(TaskWaker::new(waker.clone()));
        let old = std::mem::replace(&mut *task.lock(), new);
        drop(old);
    }

    /// Returns whether a task waits. A lock cannot be handed to a task.
    pub fn is_task(&self) -> bool {
        self.task.is_some()
    }

    /// Returns whether its thread may have been in a signal handler when it was notified. For the notifier,
    /// which still holds the lock of the queue: it must not hand the thread a lock that the handler may want.
    pub fn was_in_handler(&self) -> bool {
        // Relaxed: the calling thread wrote it.
        self.state.load(Ordering::Relaxed) == NOTIFIED_IN_HANDLER
    }

    /// Returns whether a notifier has taken this wait out of its queue.
    #[inline]
    pub fn is_notified(&self) -> bool {
        // Acquire pairs with the AcqRel swap, or the Release store, in `notify`.
        self.state.load(Ordering::Acquire) >= NOTIFIED
    }

    /// Returns whether this wait began in this process, not in one that it was forked from.
    pub fn is_of_this_process(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Returns the thread that notified, if it was notified.
    pub(crate) fn notifier(&self) -> Option<ThreadIdent> {
        // Relaxed: written before the swap in `notify`, which `is_notified` has acquired.
        let ident = self.notifier.load(Ordering::Relaxed);
        (ident != 0).then_some(ThreadIdent::new(ident))
    }

    /// Marks that the thread is about to sleep. Returns `false` if it was notified, and so must not sleep.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.change(WAITING, Self::ASLEEP) || self.change(IN_HANDLER, Self::ASLEEP)
    }

    /// Marks that the thread woke without a notification, and may do something else before it sleeps again. Returns
    /// `false` if it was notified after all.
    pub(crate) fn enter_handler(&self) -> bool {
        self.change(Self::ASLEEP, IN_HANDLER)
    }

    /// Changes the state, as a step of the waiting thread. Returns `false` if the state is not `from`, that is, if
    /// the waiter was notified.
    fn change(&self, from: u32, to: u32) -> bool {
        // AcqRel pairs with the swap in `notify`: either it sees `to`, or we see NOTIFIED.
        self.state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Returns the word that its thread sleeps on, while it is [`Waiter::ASLEEP`].
    #[cfg(not(loom))]
    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.state
    }

    /// Sleeps on the word in a model's kernel, while it is [`Waiter::ASLEEP`].
    #[cfg(loom)]
    pub(crate) fn sleep_in_bed(&self) {
        // Relaxed: the kernel's look orders nothing for the thread.
        self.bed
            .sleep_while(|| self.state.load(Ordering::Relaxed) == Self::ASLEEP);
    }

    /// Marks a waiter as notified. The caller has just taken it from its queue, whose lock it holds. Returns the
    /// wake-up that is left to do, and whether the thread may have been in a signal handler.
    pub(crate) fn notify(waiter: Arc<Self>) -> (Wakeup, bool) {
        // Relaxed: published by the swap below, to `notifier`.
        waiter
            .notifier
            .store(ThreadIdent::current().get(), Ordering::Relaxed);
        // AcqRel pairs with `is_notified` (the notifier's writes are seen) and with `change`.
        let was = waiter.state.swap(NOTIFIED, Ordering::AcqRel);
        if was == IN_HANDLER {
            // Release pairs with `is_notified`, as the swap does.
            waiter.state.store(NOTIFIED_IN_HANDLER, Ordering::Release);
        }
        let sleeps = waiter.task.is_some() || was == Self::ASLEEP;
        (Wakeup(sleeps.then_some(waiter)), was == IN_HANDLER)
    }

    fn wake(&self) {
        match &self.task {
            Some(task) => {
                let waker = task.lock().take();
                waker.into_iter().for_each(TaskWaker::wake);
            }
            #[cfg(not(loom))]
            None => sleep::wake(&self.state),
            #[cfg(loom)]
            None => self.bed.wake(),
        }
    }
}

/// The waker of a task. It is a program's code, so no panic of its call, or of its drop, comes out of here.
struct TaskWaker(Option<Waker>);

impl TaskWaker {
    fn new(waker: Waker) -> Self {
        TaskWaker(Some(waker))
    }

    fn is_like(&self, waker: &Waker) -> bool {
        self.0.as_ref().is_some_and(|own| own.will_wake(waker))
    }

    fn wake(mut self) {
        let waker = self.0.take();
        contained(|| waker.map(Waker::wake));
    }
}

impl Drop for TaskWaker {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            contained(|| drop(waker));
        }
    }
}

/// The second half of a notification: the system call, or the task's waker.
///
/// The notifier runs it after it has released the lock of the queue. So no thread wakes up just to find that lock
/// taken, and a waker, which is user code, runs under no internal lock.
#[must_use = "the notified thread sleeps on until this is run"]
#[derive(Default)]
pub struct Wakeup(Option<Arc<Waiter>>);

impl Wakeup {
    /// Wakes no thread.
    pub const NOBODY: Wakeup = Wakeup(None);

    /// Wakes the notified thread or task, if it sleeps. Never blocks.
    #[inline]
    pub fn run(self) {
        drop(self);
    }
}

impl Drop for Wakeup {
    /// In `drop`, so that every notified thread is woken, even if its notifier panics.
    #[inline]
    fn drop(&mut self) {
        if let Some(waiter) = self.0.take() {
            waiter.wake();
        }
    }
}

/// Several [`Wakeup`]s.
#[must_use = "the notified threads sleep on until this is run"]
#[derive(Default)]
pub struct Wakeups {
    /// Most often there is no other one, so this one costs no allocation.
    first: Wakeup,
    more: Vec<Wakeup>,
}

impl From<Wakeup> for Wakeups {
    #[inline]
    fn from(first: Wakeup) -> Self {
        let more = Vec::new();
        Wakeups { first, more }
    }
}

impl Wakeups {
    /// No thread to wake.
    pub const NOBODY: Wakeups = Wakeups {
        first: Wakeup::NOBODY,
        more: Vec::new(),
    };

    /// Adds one more.
    pub fn push(&mut self, wakeup: Wakeup) {
        if self.first.0.is_none() {
            self.first = wakeup;
        } else if wakeup.0.is_some() {
            self.more.push(wakeup);
        }
    }

    /// Adds more.
    pub fn append(&mut self, more: Wakeups) {
        self.push(more.first);
        more.more.into_iter().for_each(|wakeup| self.push(wakeup));
    }

    /// Wakes the notified threads and tasks, in the order in which they waited. Never blocks.
    #[inline]
    pub fn run(self) {
        drop(self);
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter")
            .field("thread", &self.thread_ident())
            .field("is_notified", &self.is_notified())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Wakeup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakeup").finish_non_exhaustive()
    }
}

impl fmt::Debug for Wakeups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakeups").finish_non_exhaustive()
    }
}
