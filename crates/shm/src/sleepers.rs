//! A word for threads of all processes that sleep until something changes. (QUEUE_FORMAT.md, "Queue": "Waiting".)

use interlock_wait::primitive::Ordering;
use interlock_wait::primitive::global::AtomicBool;
use interlock_wait::{Announced, ResourceKind, SharedWord, WaitContext, Wake, block_announced, wake_shared};

use crate::arena::Arena;
use crate::cells::Sleepers;
use crate::name::Name;
use crate::resource::SharedResource;

/// A thread may sleep.
const SOME: u32 = 1;
const ONE_WAKE_UP: u32 = 2;

impl Sleepers {
    /// Waits until `is_ready`, which looks by sequentially consistent loads, or until `owner` is dead. `slept` becomes true if the
    /// thread has announced itself, and so owes a call of [`pass_on`](Self::pass_on). The caller has to check again:
    /// with an owner, this may return spuriously.
    ///
    /// # Errors
    /// `context` ended the wait.
    pub(crate) fn wait(
        &self,
        is_ready: &(dyn Fn() -> bool + Sync),
        (arena, owner): (&Arena, Option<Name>),
        slept: &mut bool,
        (kind, context): (ResourceKind, &mut WaitContext<'_>),
    ) -> Result<(), Wake> {
        self.announced(is_ready, arena, slept, &mut |wait| {
            let resource = SharedResource::new(kind);
            match owner {
                None => block_announced(wait, &resource, context),
                Some(owner) => arena.wait_beside(wait, owner, &resource, context),
            }
        })
    }

    /// Like [`wait`](Self::wait), but also returns when the word `beside` has changed; `is_ready` has to check for
    /// that, too.
    pub(crate) fn wait_beside(
        &self,
        is_ready: &(dyn Fn() -> bool + Sync),
        (arena, beside): (&Arena, SharedWord<'_>),
        slept: &mut bool,
        (kind, context): (ResourceKind, &mut WaitContext<'_>),
    ) -> Result<(), Wake> {
        self.announced(is_ready, arena, slept, &mut |wait| {
            let wait = Announced {
                beside: Some(beside),
                ..*wait
            };
            block_announced(&wait, &SharedResource::new(kind), context)
        })
    }

    fn announced(
        &self,
        is_ready: &(dyn Fn() -> bool + Sync),
        arena: &Arena,
        slept: &mut bool,
        block: &mut dyn FnMut(&Announced<'_>) -> Wake,
    ) -> Result<(), Wake> {
        let announced = AtomicBool::new(false);
        let announce = || {
            // Relaxed: read by this thread.
            announced.store(true, Ordering::Relaxed);
            arena.trim();
            self.announce()
        };
        let wake = block(&Announced {
            word: &self.0,
            beside: None,
            is_ready,
            announce: &announce,
        });
        // Relaxed: as above.
        *slept |= announced.load(Ordering::Relaxed);
        match wake {
            Wake::Notified => Ok(()),
            wake => Err(wake),
        }
    }

    pub(crate) fn announce(&self) -> u32 {
        // SeqCst: the thread announces itself before it checks its condition. Pairs with the load in `wake`, which
        // comes after the change of the condition.
        self.0.fetch_or(SOME, Ordering::SeqCst) | SOME
    }

    /// Called by a thread that has slept and is done waiting. Its wake-up has cleared the flag for all threads that
    /// sleep, so this sets it again, and wakes one of them if `is_ready`.
    #[cold]
    pub(crate) fn pass_on(&self, is_ready: impl Fn() -> bool) {
        self.announce();
        if is_ready() {
            self.wake(1);
        }
    }

    /// Wakes at most `most` threads. The caller has made the change that they wait for by a sequentially consistent access.
    #[inline]
    pub(crate) fn wake(&self, most: u32) {
        // SeqCst: pairs with `announce`: this thread sees the flag, or the other one sees the change.
        let word = self.0.load(Ordering::SeqCst);
        if word & SOME != 0 {
            self.wake_announced(word, most);
        }
    }

    /// Wakes all threads, after a change that is not made in a word. A thread either sees the change, or is woken
    /// here.
    pub(crate) fn tell(&self) {
        // SeqCst: pairs with `announce`: a thread that announces itself later sees what the caller did before; a
        // thread that did so before is woken here.
        let word = self.0.fetch_add(ONE_WAKE_UP, Ordering::SeqCst);
        if word & SOME != 0 {
            wake_shared(&self.0, u32::MAX);
        }
    }

    #[cold]
    fn wake_announced(&self, mut word: u32, most: u32) {
        while word & SOME != 0 {
            let next = (word & !SOME).wrapping_add(ONE_WAKE_UP);
            // Release pairs with the Acquire of the kernel's, or the sleeper's, look at the word. Relaxed: looked at again.
            match (self.0).compare_exchange(word, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return wake_shared(&self.0, most),
                Err(now) => word = now,
            }
        }
    }
}
