//! Threads that somebody waits for together.

use interlock_wait::{
    Owned, Owners, Resource, ResourceId, ResourceKind, ThreadId, ThreadIdent, WaitContext, WaitQueue, Waiter,
    Wake, Wakeups, WordLock, block, fork,
};

use crate::step::step;

/// A number of running threads, and a way to wait until it is zero.
#[derive(Debug)]
pub struct WaitGroup {
    state: WordLock<State>,
}

struct State {
    generation: u32,
    running: usize,
    /// How many of those that are counted as running are being started, and may fail to.
    starting: usize,
    /// Who waits until none runs.
    waiters: WaitQueue,
    /// Who waits to hear whether one that is being started will run.
    doubtful: WaitQueue,
    /// Those of the running threads that an observer can be told of.
    members: Vec<ThreadIdent>,
}

/// What became of an attempt to have one more thread.
#[derive(Debug)]
pub enum Started<E> {
    /// It runs.
    Yes,
    /// It could not be started.
    Failed(E),
    /// There are as many as there may be, those that are being started included.
    Enough,
}

impl State {
    const NEW: State = State {
        generation: 0,
        running: 0,
        starting: 0,
        waiters: WaitQueue::new(),
        doubtful: WaitQueue::new(),
        members: Vec::new(),
    };

    /// Forgets the threads of the process that this one was forked from: they do not run here.
    fn renew(&mut self) {
        if self.generation != fork::generation() {
            self.generation = fork::generation();
            self.running = 0;
            self.starting = 0;
            self.members.clear();
        }
    }

    /// Whether a thread is in it that was started for certain. (One that ends before it is known that it was started is taken
    /// for another one, for a moment: then the answer is no.)
    fn has_certain(&self) -> bool {
        self.running > self.starting
    }

    fn wakeups_at_the_end(&mut self) -> Wakeups {
        if self.running == 0 {
            self.waiters.notify_all()
        } else {
            Wakeups::default()
        }
    }
}

impl WaitGroup {
    /// A group without threads.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        WaitGroup {
            state: WordLock::new(State::NEW),
        }
    }

    /// A group without threads.
    #[cfg(loom)]
    pub fn new() -> Self {
        WaitGroup {
            state: WordLock::new(State::NEW),
        }
    }

    /// Counts one more thread if there are fewer than `most`, and has `start` start it, which is told how many there are with
    /// it. If that fails, it is not counted any more. The thread is to [leave](WaitGroup::leave). Never blocks, if `start` does not.
    pub fn try_start<E>(&self, most: usize, start: impl FnOnce(usize) -> Result<(), E>) -> Started<E> {
        // So that the child of a fork does not wait for its parent's threads.
        fork::watch();
        let Some(number) = step(|| self.begin(most)) else {
            return Started::Enough;
        };
        let started = start(number);
        step(|| self.settle(started.is_ok()));
        match started {
            Ok(()) => Started::Yes,
            Err(error) => Started::Failed(error),
        }
    }

    fn begin(&self, most: usize) -> Option<usize> {
        let mut state = self.state.lock();
        state.renew();
        if state.running >= most {
            return None;
        }
        state.running += 1;
        state.starting += 1;
        Some(state.running)
    }

    /// A thread that was being started runs, or could not be started.
    fn settle(&self, runs: bool) {
        let mut state = self.state.lock();
        state.renew();
        state.starting = state.starting.saturating_sub(1);
        if !runs {
            state.running = state.running.saturating_sub(1);
        }
        let doubtful = state.doubtful.notify_all();
        let at_the_end = state.wakeups_at_the_end();
        drop(state);
        doubtful.run();
        at_the_end.run();
    }

    /// Whether a thread is in it that was started for certain. Blocks while there is none, and one is being started.
    pub fn has_any(&self) -> bool {
        loop {
            let waiter = Waiter::thread();
            let answer = step(|| {
                let mut state = self.state.lock();
                state.renew();
                if state.has_certain() || state.starting == 0 {
                    return Some(state.has_certain());
                }
                state.doubtful.push_back(waiter.clone());
                None
            });
            if let Some(answer) = answer {
                return answer;
            }
            // It never gives up, so there is nothing to take back.
            block(&waiter, self, &mut WaitContext::uninterruptible());
        }
    }

    /// How many threads are in it, at this moment. Never blocks.
    pub fn len(&self) -> usize {
        let mut state = self.state.lock();
        state.renew();
        state.running
    }

    /// Whether no thread is in it, at this moment. Never blocks.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells an observer that the calling thread is one of the group, until it leaves. Never blocks.
    pub fn show_member(&self) {
        let member = ThreadId::current().ident();
        let mut state = self.state.lock();
        state.renew();
        state.members.push(member);
    }

    /// Counts one thread less, and wakes all who wait if it was the last. Never blocks.
    pub fn leave(&self) {
        let mut state = self.state.lock();
        state.renew();
        if !state.members.is_empty() {
            let leaver = ThreadIdent::current();
            state.members.retain(|&member| member != leaver);
        }
        state.running = state.running.saturating_sub(1);
        let wakeups = state.wakeups_at_the_end();
        drop(state);
        wakeups.run();
    }

    /// Waits until no thread of the group runs; `false` when `context` ended the wait first. Blocks until then.
    pub fn wait_with(&self, context: &mut WaitContext<'_>) -> bool {
        loop {
            let waiter = Waiter::thread();
            let mut state = self.state.lock();
            state.renew();
            if state.running == 0 {
                return true;
            }
            state.waiters.push_back(waiter.clone());
            drop(state);
            if block(&waiter, self, context) != Wake::Notified {
                self.state.lock().waiters.remove(&waiter);
                return false;
            }
        }
    }
}

impl Owned for State {
    fn owners(&self) -> Vec<ThreadIdent> {
        self.members.clone()
    }
}

impl Resource for WaitGroup {
    fn id(&self) -> ResourceId {
        self.state.lock().waiters.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Thread
    }

    fn owned(&self) -> Option<&dyn Owners> {
        Some(&self.state)
    }
}

impl Default for WaitGroup {
    fn default() -> Self {
        Self::new()
    }
}
