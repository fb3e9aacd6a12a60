//! Asks for the waits of other threads.

#![cfg(not(loom))]

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Anything, eventually};
use interlock_wait::{
    Deadline, Observer, Owned, Owners, Resource, ResourceId, ResourceKind, ThreadId, ThreadIdent, TraceEvent,
    WaitContext, WaitQueue, Waiter, Wake, WordLock, block, clear_observer, pending_waits, set_observer,
};

struct Deaf;

impl Observer for Deaf {
    fn event(&self, _: TraceEvent) {}
}

/// A resource that its owner gives away, and that a thread waits for once.
struct Gift(WordLock<State>);

struct State {
    owner: ThreadIdent,
    line: WaitQueue,
}

impl Owned for State {
    fn owners(&self) -> Vec<ThreadIdent> {
        vec![self.owner]
    }
}

impl Resource for Gift {
    fn id(&self) -> ResourceId {
        self.0.lock().line.id()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Lock
    }

    fn owned(&self) -> Option<&dyn Owners> {
        Some(&self.0)
    }
}

impl Gift {
    fn wait(&self, deadline: Deadline) -> Wake {
        let waiter = Waiter::thread();
        self.0.lock().line.push_back(waiter.clone());
        let wake = block(&waiter, self, &mut WaitContext::until(deadline), || ());
        if wake != Wake::Notified {
            self.0.lock().line.remove(&waiter);
        }
        wake
    }
}

#[test]
fn the_waits_of_other_threads_can_be_asked_while_they_come_and_go() {
    set_observer(Arc::new(Deaf));
    let me = ThreadId::current();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // Dropped as soon as the wait is over.
                    let gift = Box::new(Gift(WordLock::new(State {
                        owner: me.ident(),
                        line: WaitQueue::new(),
                    })));
                    gift.wait(Deadline::after(std::time::Duration::from_micros(50)));
                }
            });
        }
        let mut seen = HashSet::new();
        while seen.len() < 100 {
            for wait in pending_waits() {
                assert_eq!(wait.owners, [me]);
                assert!(wait.timed && wait.thread != me);
                seen.insert(wait.resource);
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    // A wait that a notification has ended does not count, even if its thread has not come back yet.
    let gift = Gift(WordLock::new(State {
        owner: me.ident(),
        line: WaitQueue::new(),
    }));
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(gift.wait(Deadline::NEVER), Wake::Notified));
        eventually(|| pending_waits().len() == 1);
        let wakeup = gift.0.lock().line.notify_one();
        assert!(pending_waits().is_empty());
        wakeup.run();
    });
    let waiter = Waiter::thread();
    let mut over = WaitContext::until(Deadline::PASSED);
    assert_eq!(block(&waiter, &Anything, &mut over, || ()), Wake::TimedOut);
    assert!(pending_waits().is_empty());
    clear_observer();
}
