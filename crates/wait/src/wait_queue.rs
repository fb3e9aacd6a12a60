//! The waiters of a resource, in order.

use std::collections::VecDeque;
use std::fmt;

use crate::fork;
use crate::primitive::Arc;
use crate::resource::ResourceId;
use crate::thread_ident::ThreadIdent;
use crate::waiter::{Waiter, Wakeup, Wakeups};

/// A queue of [`Waiter`]s, first in first out. It is one of the fields that a [`WordLock`](crate::WordLock) guards.
///
/// An unused queue is one pointer wide. After a fork, the child finds every queue empty: the threads that waited there
/// do not exist in it.
#[derive(Default)]
pub struct WaitQueue {
    line: Option<Box<Line>>,
}

#[derive(Default)]
struct Line {
    generation: u32,
    /// The number of the resource, if an observer has heard of it.
    id: Option<ResourceId>,
    /// The thread that the waiters wait for, if the primitive has set it.
    owner: Option<ThreadIdent>,
    waiters: VecDeque<Arc<Waiter>>,
    /// How many of them are threads.
    threads: usize,
}

impl Line {
    fn add(&mut self, waiter: Arc<Waiter>, place: fn(&mut VecDeque<Arc<Waiter>>, Arc<Waiter>)) {
        self.threads += usize::from(!waiter.is_task());
        place(&mut self.waiters, waiter);
    }

    fn pop(&mut self) -> Option<Arc<Waiter>> {
        let first = self.waiters.pop_front()?;
        self.threads -= usize::from(!first.is_task());
        Some(first)
    }

    /// Where `waiter` stands. Looks from both ends at once: waiters that give up are most often the first or the last ones.
    fn place_of(&self, waiter: &Arc<Waiter>) -> Option<usize> {
        let is_it = |place: &usize| Arc::ptr_eq(&self.waiters[*place], waiter);
        let count = self.waiters.len();
        (0..count.div_ceil(2)).find_map(|place| [place, count - 1 - place].into_iter().find(is_it))
    }
}

/// When a line is empty, its memory is freed if it has more places than this.
const PLACES_KEPT: usize = 16;

impl WaitQueue {
    /// Creates an empty queue.
    pub const fn new() -> Self {
        WaitQueue { line: None }
    }

    /// Returns whether the queue has not been used. Then it is empty. Costs less than
    /// [`WaitQueue::is_empty`].
    #[inline]
    pub fn is_unused(&self) -> bool {
        self.line.is_none()
    }

    /// Returns whether there is no waiter.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match &self.line {
            None => true,
            Some(line) => line.generation != fork::generation() || line.waiters.is_empty(),
        }
    }

    /// Returns how many waiters there are.
    pub fn len(&self) -> usize {
        if self.is_empty() {
            0
        } else {
            self.line.as_ref().map_or(0, |line| line.waiters.len())
        }
    }

    /// How many of the waiters are threads.
    pub fn threads(&self) -> usize {
        if self.is_empty() {
            0
        } else {
            self.line.as_ref().map_or(0, |line| line.threads)
        }
    }

    /// Returns whether `thread` is one of the waiters.
    pub fn has_thread(&self, thread: ThreadIdent) -> bool {
        let line = self.line.as_ref().filter(|_| !self.is_empty());
        line.is_some_and(|line| {
            let mut waiters = line.waiters.iter();
            waiters.any(|waiter| !waiter.is_task() && waiter.thread_ident() == thread)
        })
    }

    /// Puts `waiter` at the end of the line.
    pub fn push_back(&mut self, waiter: Arc<Waiter>) {
        waiter.number();
        self.line().add(waiter, VecDeque::push_back);
    }

    /// Puts `waiter` at the head of the line. For a thread that was notified, and found that another thread was
    /// faster.
    pub fn push_front(&mut self, waiter: Arc<Waiter>) {
        waiter.number();
        self.line().add(waiter, VecDeque::push_front);
    }

    /// Returns the waiter that has waited longest.
    pub fn front(&self) -> Option<&Arc<Waiter>> {
        if self.is_empty() {
            None
        } else {
            self.line.as_ref()?.waiters.front()
        }
    }

    /// Notifies the first in line, if there is one. The caller runs the [`Wakeup`] after it has released the lock.
    ///
    /// If that thread may be in a signal handler, the next waiter is notified as well: the handler may take long,
    /// or wait for this very notification. So each notified thread has to check whether there is something for it.
    #[inline]
    pub fn notify_one(&mut self) -> Wakeup {
        if self.line.is_none() {
            Wakeup::NOBODY
        } else {
            self.notify_first()
        }
    }

    #[cold]
    fn notify_first(&mut self) -> Wakeup {
        let mut notified = Wakeup::NOBODY;
        while let Some(first) = self.line().pop() {
            let (wakeup, in_handler) = Waiter::notify(first);
            notified = wakeup;
            if !in_handler {
                break;
            }
        }
        self.tidy();
        notified
    }

    /// Notifies the first in line of something that any waiter may take. If the first is a task, also notifies the
    /// waiters behind it until a thread is on its way, because no thread may wait for a task that its executor does
    /// not poll. If no thread is in line, the first task is enough. Returns whether a thread is on its way now that is
    /// in no signal handler.
    #[inline]
    pub fn notify_coming(&mut self) -> (Wakeups, bool) {
        if self.line.is_none() {
            (Wakeups::NOBODY, false)
        } else {
            self.notify_through_tasks()
        }
    }

    #[cold]
    fn notify_through_tasks(&mut self) -> (Wakeups, bool) {
        let mut wakeups = Wakeups::NOBODY;
        let mut comes = false;
        while let Some(first) = self.line().pop() {
            let is_task = first.is_task();
            let (wakeup, in_handler) = Waiter::notify(first);
            wakeups.push(wakeup);
            comes = !is_task && !in_handler;
            if comes || is_task && self.line().threads == 0 {
                break;
            }
        }
        self.tidy();
        (wakeups, comes)
    }

    /// Notifies waiters from the head of the line until one of them is certainly on its way: a thread that is in no
    /// signal handler. Returns the identity of that thread. (A task does not count, because its executor decides
    /// when to poll it.)
    pub fn notify_heir(&mut self) -> (Wakeups, Option<ThreadIdent>) {
        let mut wakeups = Wakeups::default();
        let mut heir = None;
        while let Some(first) = self.line().pop() {
            let thread = (!first.is_task()).then(|| first.thread_ident());
            let (wakeup, in_handler) = Waiter::notify(first);
            wakeups.push(wakeup);
            if !in_handler && thread.is_some() {
                heir = thread;
                break;
            }
        }
        self.tidy();
        (wakeups, heir)
    }

    /// Notifies the first `count` in line, or all if there are fewer. Waiters that may be in a signal handler are
    /// notified too, but do not count.
    pub fn notify(&mut self, count: usize) -> Wakeups {
        let mut wakeups = Wakeups::default();
        for _ in 0..count.min(self.len()) {
            wakeups.push(self.notify_first());
        }
        wakeups
    }

    /// Notifies all in line.
    pub fn notify_all(&mut self) -> Wakeups {
        self.notify(usize::MAX)
    }

    /// Moves the first `count` in line to the end of another line without waking them; tasks are notified instead.
    ///
    /// The threads sleep on; they are notified when their turn comes in `other`. Both queues' locks are held.
    pub fn requeue(&mut self, count: usize, other: &mut WaitQueue) -> Wakeups {
        let mut wakeups = Wakeups::default();
        for _ in 0..count.min(self.len()) {
            match self.line().pop() {
                Some(waiter) if waiter.is_task() => wakeups.push(Waiter::notify(waiter).0),
                Some(waiter) => other.push_back(waiter),
                None => break,
            }
        }
        self.tidy();
        wakeups
    }

    /// Takes `waiter`, which gives up, out of the line. Returns `false` if it was notified, and so is not in line
    /// any more.
    pub fn remove(&mut self, waiter: &Arc<Waiter>) -> bool {
        if self.is_empty() {
            return false;
        }
        let line = self.line();
        let place = line.place_of(waiter);
        if let Some(place) = place {
            line.waiters.remove(place);
            line.threads -= usize::from(!waiter.is_task());
        }
        self.tidy();
        place.is_some()
    }

    /// Returns the number of the resource whose waiters these are, which it gets now if it has none. For an
    /// observer.
    pub fn id(&mut self) -> ResourceId {
        *self.line().id.get_or_insert_with(ResourceId::fresh)
    }

    /// Records that the waiters wait for this thread. For a primitive that does not store its owner itself, while
    /// an observer is registered.
    pub fn set_owner(&mut self, owner: ThreadIdent) {
        self.line().owner = Some(owner);
    }

    /// Returns the thread that the waiters wait for, if the primitive has set it.
    pub fn owner(&self) -> Option<ThreadIdent> {
        self.line.as_ref()?.owner
    }

    /// Takes all waiters out without notifying them. The queue keeps its number.
    #[must_use = "dropping the waiters may run user code, so do that under no lock"]
    pub fn forget_waiters(&mut self) -> WaitQueue {
        let forgotten = std::mem::take(self);
        if let Some(id) = forgotten.line.as_ref().and_then(|line| line.id) {
            self.line().id = Some(id);
        }
        forgotten
    }

    fn line(&mut self) -> &mut Line {
        let generation = fork::generation();
        let line = self.line.get_or_insert_with(|| {
            Box::new(Line {
                generation,
                ..Line::default()
            })
        });
        if line.generation != generation {
            line.generation = generation;
            // Forgotten, not dropped: a waker may be user code, and its thread does not exist in this process.
            std::mem::forget(std::mem::take(&mut line.waiters));
            line.threads = 0;
        }
        line
    }

    fn tidy(&mut self) {
        if let Some(line) = &mut self.line
            && line.waiters.is_empty()
            && line.waiters.capacity() > PLACES_KEPT
        {
            line.waiters = VecDeque::new();
        }
    }
}

impl fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitQueue").field("len", &self.len()).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_in_line_is_notified_first() {
        let mut queue = WaitQueue::new();
        let (a, b) = (Waiter::thread(), Waiter::thread());
        queue.push_back(a.clone());
        queue.push_back(b.clone());
        queue.notify_one().run();
        assert!(a.is_notified() && !b.is_notified());
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn a_waiter_that_leaves_is_not_notified() {
        let mut queue = WaitQueue::new();
        let a = Waiter::thread();
        queue.push_back(a.clone());
        assert!(queue.remove(&a));
        assert!(!queue.remove(&a));
        queue.notify_one().run();
        assert!(!a.is_notified() && queue.is_empty());
    }

    #[test]
    fn a_requeued_waiter_is_notified_where_it_stands_now() {
        let (mut from, mut to) = (WaitQueue::new(), WaitQueue::new());
        let a = Waiter::thread();
        from.push_back(a.clone());
        from.requeue(5, &mut to).run();
        from.notify_all().run();
        assert!(!a.is_notified());
        to.notify_all().run();
        assert!(a.is_notified());
    }

    #[test]
    fn a_waiter_that_leaves_is_found_wherever_it_stands() {
        for count in 1..6 {
            for leaver in 0..count {
                let mut queue = WaitQueue::new();
                let mut waiters: Vec<_> = (0..count).map(|_| Waiter::thread()).collect();
                waiters.iter().for_each(|waiter| queue.push_back(waiter.clone()));
                assert!(queue.remove(&waiters.remove(leaver)));
                for waiter in waiters {
                    assert!(queue.front().is_some_and(|first| Arc::ptr_eq(first, &waiter)));
                    queue.notify_one().run();
                }
                assert!(queue.is_empty());
            }
        }
    }

    #[test]
    fn tasks_are_passed_by_until_a_thread_comes() {
        let task = || Waiter::task(std::task::Waker::noop().clone());
        let mut queue = WaitQueue::new();
        let waiters = [task(), task(), Waiter::thread(), task(), task()];
        waiters.iter().for_each(|waiter| queue.push_back(waiter.clone()));
        let mut notified = |left| {
            let (wakeups, comes) = queue.notify_coming();
            wakeups.run();
            assert_eq!(queue.len(), left);
            comes
        };
        assert!(notified(2));
        assert!(!notified(1) && !notified(0) && !notified(0));
    }

    #[test]
    fn an_unused_queue_is_one_pointer_wide() {
        assert_eq!(size_of::<WaitQueue>(), size_of::<usize>());
    }
}
