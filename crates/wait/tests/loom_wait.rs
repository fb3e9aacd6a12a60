//! Waiting and notifying, in every order of their threads. The names are those of the claims in `PROTOCOL.md`.

#![cfg(loom)]
#![expect(unsafe_code, reason = "loom's cells are reached by pointers")]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

mod hosts;
mod model;

use std::task::{Wake as Task, Waker};

use hosts::Stops;
use interlock_wait::{
    Deadline, Host, Resource, ResourceId, ResourceKind, Slept, ThreadIdent, WaitContext, WaitQueue, Waiter,
    Wake, WordLock, block,
};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

/// A resource for a model's thread, of any kind.
struct Anything;

impl Resource for Anything {
    fn id(&self) -> ResourceId {
        ResourceId::fresh()
    }

    fn kind(&self) -> ResourceKind {
        ResourceKind::Event
    }
}

/// The smallest primitive: tokens, each for one thread.
#[derive(Default)]
struct Tokens(WordLock<State>);

#[derive(Default)]
struct State {
    there: usize,
    waiters: WaitQueue,
}

impl Tokens {
    fn give(&self) {
        let mut state = self.0.lock();
        state.there += 1;
        let wakeup = state.waiters.notify_one();
        drop(state);
        wakeup.run();
    }

    /// Takes a token. Returns whether it did before `context` ended the wait.
    fn take(&self, context: &mut WaitContext<'_>) -> bool {
        loop {
            let waiter = Waiter::thread();
            let mut state = self.0.lock();
            if state.there > 0 {
                state.there -= 1;
                return true;
            }
            state.waiters.push_back(waiter.clone());
            drop(state);
            let wake = block(&waiter, &Anything, context, || ());
            let mut state = self.0.lock();
            let left = wake != Wake::Notified && state.waiters.remove(&waiter);
            assert_ne!(left, waiter.is_notified());
            if wake != Wake::Notified {
                let owes = usize::from(!left && state.there > 0);
                let wakeups = state.waiters.notify(owes);
                drop(state);
                wakeups.run();
                return false;
            }
        }
    }
}

/// A queue under its lock.
fn line() -> Arc<WordLock<WaitQueue>> {
    Arc::default()
}

fn start<T: 'static>(body: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    thread::spawn(body)
}

#[test]
fn a_wake_up_is_not_lost() {
    model::check(|| {
        let tokens = Arc::new(Tokens::default());
        let taker = {
            let tokens = tokens.clone();
            start(move || tokens.take(&mut WaitContext::endless()))
        };
        tokens.give();
        assert!(taker.join().unwrap());
    });
}

#[test]
fn a_notification_reaches_one_waiter() {
    model::check_bounded(3, || {
        let tokens = Arc::new(Tokens::default());
        let waiters = [(); 2].map(|()| Waiter::thread());
        for waiter in &waiters {
            tokens.0.lock().waiters.push_back(waiter.clone());
        }
        let givers = [(); 2].map(|()| {
            let tokens = tokens.clone();
            start(move || {
                tokens.give();
                tokens.0.lock().waiters.len()
            })
        });
        assert_eq!(
            block(&waiters[1], &Anything, &mut WaitContext::endless(), || ()),
            Wake::Notified
        );
        // The second in line is notified second.
        assert!(waiters[0].is_notified() && tokens.0.lock().there == 2);
        givers
            .into_iter()
            .for_each(|giver| assert!(giver.join().unwrap() < 2));
    });
}

#[test]
fn as_many_as_are_notified_go_on() {
    model::check_bounded(3, || {
        let tokens = Arc::new(Tokens::default());
        let takers = [(); 2].map(|()| {
            let tokens = tokens.clone();
            start(move || tokens.take(&mut WaitContext::endless()))
        });
        tokens.give();
        tokens.give();
        takers
            .into_iter()
            .for_each(|taker| assert!(taker.join().unwrap()));
        let state = tokens.0.lock();
        assert!(state.there == 0 && state.waiters.is_empty());
    });
}

#[test]
fn who_is_notified_sees_what_was_done_before() {
    struct Sees(ThreadIdent);

    impl Host for Sees {
        fn sleep(&mut self, rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
            assert_eq!(rest(), Slept::Notified(Some(self.0)));
            false
        }

        fn hears_signals(&self) -> bool {
            false
        }
    }

    model::check(|| {
        let queue = line();
        let plain = Arc::new(UnsafeCell::new(0));
        let waiter = Waiter::thread();
        queue.lock().push_back(waiter.clone());
        let notifier = {
            let (queue, plain) = (queue.clone(), plain.clone());
            start(move || {
                // SAFETY: nobody looks before the notification; that this suffices is what the model is about.
                plain.with_mut(|plain| unsafe { *plain = 1 });
                let wakeup = queue.lock().notify_one();
                wakeup.run();
                ThreadIdent::current()
            })
        };
        // The second thread of the model.
        let mut host = Sees(ThreadIdent::new(ThreadIdent::current().get() + 8));
        let mut context = WaitContext::hosted(Deadline::NEVER, &mut host);
        assert_eq!(block(&waiter, &Anything, &mut context, || ()), Wake::Notified);
        // SAFETY: as above: the notifier has written.
        assert_eq!(plain.with(|plain| unsafe { *plain }), 1);
        assert_eq!(notifier.join().unwrap(), host.0);
    });
}

#[test]
fn who_leaves_in_time_is_not_notified() {
    model::check(|| {
        let queue = line();
        let waiter = Waiter::thread();
        queue.lock().push_back(waiter.clone());
        let notifier = {
            let queue = queue.clone();
            start(move || {
                let wakeup = queue.lock().notify_one();
                wakeup.run();
            })
        };
        let wake = block(
            &waiter,
            &Anything,
            &mut WaitContext::until(Deadline::PASSED),
            || (),
        );
        let left = wake != Wake::Notified && queue.lock().remove(&waiter);
        assert_ne!(left, waiter.is_notified());
        notifier.join().unwrap();
        assert_ne!(left, waiter.is_notified());
    });
}

/// One thread leaves early, another stays; one token is given.
fn one_leaves(take: fn(&Tokens) -> bool) {
    model::check_bounded(3, move || {
        let tokens = Arc::new(Tokens::default());
        let leaver = {
            let tokens = tokens.clone();
            start(move || {
                if take(&tokens) {
                    // It does not need the token any more.
                    tokens.give();
                }
            })
        };
        let stayer = {
            let tokens = tokens.clone();
            start(move || tokens.take(&mut WaitContext::endless()))
        };
        tokens.give();
        leaver.join().unwrap();
        assert!(stayer.join().unwrap());
        let state = tokens.0.lock();
        assert!(state.there == 0 && state.waiters.is_empty());
    });
}

#[test]
fn who_leaves_passes_its_notification_on() {
    one_leaves(|tokens| tokens.take(&mut WaitContext::until(Deadline::PASSED)));
}

#[test]
fn who_is_interrupted_passes_its_notification_on() {
    one_leaves(|tokens| {
        let mut host = Stops::at_once();
        tokens.take(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
    });
    one_leaves(|tokens| {
        let mut host = Stops::after_a_sleep();
        tokens.take(&mut WaitContext::hosted(Deadline::PASSED, &mut host))
    });
}

/// Two lines, one for a thing and one for the turn to use it, and a thread in the first line.
struct Lines {
    first: WordLock<WaitQueue>,
    second: WordLock<(WaitQueue, bool)>,
}

/// Moves a thread whose wait `context` may end. When it goes on, it must have had its turn in the second line.
fn a_waiter_is_requeued(context: fn() -> WaitContext<'static>) {
    model::check_bounded(4, move || {
        let lines = Arc::new(Lines {
            first: WordLock::default(),
            second: WordLock::default(),
        });
        let waiter = Waiter::thread();
        lines.first.lock().push_back(waiter.clone());
        let notifier = {
            let lines = lines.clone();
            start(move || {
                let mut first = lines.first.lock();
                let nobody = first.requeue(1, &mut lines.second.lock().0);
                drop(first);
                nobody.run();
                let nobody = lines.first.lock().notify_all();
                nobody.run();
                let mut second = lines.second.lock();
                second.1 = true;
                let wakeup = second.0.notify_one();
                drop(second);
                wakeup.run();
            })
        };
        let wake = block(&waiter, &Anything, &mut context(), || ());
        let left = wake != Wake::Notified && lines.first.lock().remove(&waiter);
        if !left {
            // In whichever line it stands, it was notified, or will be.
            assert_eq!(
                block(&waiter, &Anything, &mut WaitContext::endless(), || ()),
                Wake::Notified
            );
            assert!(lines.second.lock().1);
        }
        notifier.join().unwrap();
        assert_ne!(left, waiter.is_notified());
    });
}

#[test]
fn a_requeued_waiter_sleeps_until_its_turn() {
    a_waiter_is_requeued(WaitContext::endless);
}

#[test]
fn a_waiter_that_is_requeued_while_it_leaves_has_its_turn() {
    a_waiter_is_requeued(|| WaitContext::until(Deadline::PASSED));
}

#[test]
fn nothing_is_given_to_a_thread_in_a_signal_handler() {
    struct Handler(Arc<WordLock<(WaitQueue, bool)>>);

    impl Host for Handler {
        fn sleep(&mut self, rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
            if !matches!(rest(), Slept::Notified(_)) {
                // User code. Until its end, no lock may have been handed over to this thread.
                assert!(!self.0.lock().1);
            }
            false
        }

        fn hears_signals(&self) -> bool {
            true
        }
    }

    model::check(|| {
        let line: Arc<WordLock<(WaitQueue, bool)>> = Arc::default();
        let waiter = Waiter::thread();
        line.lock().0.push_back(waiter.clone());
        let giver = {
            let (line, waiter) = (line.clone(), waiter.clone());
            start(move || {
                let mut state = line.lock();
                let notifies = !state.0.is_empty();
                let wakeup = state.0.notify_one();
                state.1 = notifies && !waiter.was_in_handler();
                drop(state);
                wakeup.run();
            })
        };
        let mut host = Handler(line.clone());
        let wake = block(
            &waiter,
            &Anything,
            &mut WaitContext::hosted(Deadline::PASSED, &mut host),
            || (),
        );
        let mut state = line.lock();
        let left = wake != Wake::Notified && state.0.remove(&waiter);
        assert!(!(left && state.1));
        drop(state);
        giver.join().unwrap();
    });
}

#[test]
fn a_notification_does_not_rest_with_a_thread_in_a_signal_handler() {
    struct Handler {
        tokens: Arc<Tokens>,
        has_run: bool,
    }

    impl Host for Handler {
        fn sleep(&mut self, rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
            if !matches!(rest(), Slept::Notified(_)) && !std::mem::replace(&mut self.has_run, true) {
                // User code that waits for the same thing as its thread.
                assert!(self.tokens.take(&mut WaitContext::endless()));
            }
            false
        }

        fn hears_signals(&self) -> bool {
            true
        }
    }

    model::check_bounded(5, || {
        let tokens = Arc::new(Tokens::default());
        let giver = {
            let tokens = tokens.clone();
            start(move || tokens.give())
        };
        let mut host = Handler {
            tokens: tokens.clone(),
            has_run: false,
        };
        let took = tokens.take(&mut WaitContext::hosted(Deadline::PASSED, &mut host));
        giver.join().unwrap();
        assert_ne!(took, host.has_run);
        assert!(tokens.0.lock().there == 0);
    });
}

#[test]
fn a_task_is_woken_once_and_under_no_lock() {
    struct Counts {
        queue: Arc<WordLock<WaitQueue>>,
        woken: std::sync::atomic::AtomicUsize,
    }

    impl Task for Counts {
        fn wake(self: std::sync::Arc<Self>) {
            // The thread that wakes the task must have released the lock: it is not reentrant.
            assert!(self.queue.lock().is_empty());
            self.woken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    model::check(|| {
        let queue = line();
        let counts = std::sync::Arc::new(Counts {
            queue: queue.clone(),
            woken: Default::default(),
        });
        let waiter = Waiter::task(Waker::from(counts.clone()));
        queue.lock().push_back(waiter.clone());
        let notifier = {
            let queue = queue.clone();
            start(move || {
                let wakeups = queue.lock().notify_all();
                wakeups.run();
            })
        };
        let left = queue.lock().remove(&waiter);
        notifier.join().unwrap();
        assert_eq!(
            counts.woken.load(std::sync::atomic::Ordering::Relaxed),
            usize::from(!left)
        );
    });
}
