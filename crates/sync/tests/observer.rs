//! The events that an observer gets. They suffice to detect a deadlock when it forms.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;
#[path = "../../wait/tests/detector/mod.rs"]
mod detector;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::{Counts, eventually};
use detector::Detector;
use interlock_sync::host::Reset;
use interlock_sync::{Condition, Event as Flag, Lock, RLock, Semaphore, WaitError};
use interlock_wait::{
    Deadline, Host, Interest, Observer, Resource, ResourceKind, Slept, ThreadId, ThreadIdent, TraceEvent,
    Verdict, Wait, WaitContext, Wake, clear_observer, observes, pending_waits, report, set_observer,
    take_refusal,
};

/// A process has one observer, so these tests take turns.
struct Turn(#[allow(dead_code, reason = "held until dropped")] MutexGuard<'static, ()>);

impl Turn {
    fn observed_by(observer: Arc<dyn Observer>) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        set_observer(observer);
        Turn(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        clear_observer();
    }
}

/// Records all events.
#[derive(Default)]
struct Log(Mutex<Vec<TraceEvent>>);

impl Log {
    fn of(&self, thread: ThreadId) -> Vec<TraceEvent> {
        let events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events
            .iter()
            .copied()
            .filter(|event| thread_of(event) == Some(thread))
            .collect()
    }
}

impl Observer for Log {
    fn interest(&self) -> Interest {
        Interest::Acquisitions
    }

    fn event(&self, event: TraceEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}

fn thread_of(event: &TraceEvent) -> Option<ThreadId> {
    match *event {
        TraceEvent::WillWait { thread, .. }
        | TraceEvent::Woke { thread, .. }
        | TraceEvent::Acquired { thread, .. }
        | TraceEvent::Released { thread, .. }
        | TraceEvent::ThreadBegan { thread }
        | TraceEvent::ThreadEnded { thread } => Some(thread),
        _ => None,
    }
}

fn kind_of(event: &TraceEvent) -> Option<ResourceKind> {
    match *event {
        TraceEvent::WillWait { kind, .. }
        | TraceEvent::Woke { kind, .. }
        | TraceEvent::Acquired { kind, .. }
        | TraceEvent::Released { kind, .. } => Some(kind),
        _ => None,
    }
}

#[test]
fn a_lock_created_while_observed_reports_every_acquisition() {
    let log = Arc::new(Log::default());
    let _turn = Turn::observed_by(log.clone());
    let (lock, reentrant) = (Lock::new(), RLock::new());
    lock.acquire();
    lock.release().unwrap();
    assert!(lock.try_acquire().is_ok());
    reentrant.acquire();
    reentrant.acquire();
    reentrant.release().unwrap();
    reentrant.release().unwrap();
    lock.release().unwrap();
    let reported: Vec<_> = log.of(ThreadId::current()).iter().map(describe).collect();
    assert_eq!(
        reported,
        [
            "acquired Lock",
            "released Lock",
            "acquired Lock",
            "acquired RLock",
            "released RLock",
            "released Lock"
        ]
    );
}

fn describe(event: &TraceEvent) -> String {
    let word = match event {
        TraceEvent::WillWait { .. } => "waits for",
        TraceEvent::Woke {
            wake: Wake::Notified, ..
        } => "woke from",
        TraceEvent::Woke { .. } => "gave up",
        TraceEvent::Acquired { .. } => "acquired",
        TraceEvent::Released { .. } => "released",
        _ => "thread",
    };
    kind_of(event).map_or(word.to_owned(), |kind| format!("{word} {kind:?}"))
}

#[test]
fn a_contended_lock_reports_how_each_wait_ended() {
    let log = Arc::new(Log::default());
    // Created before there is an observer: the lock reports only if it is contended.
    let lock = Lock::new();
    let _turn = Turn::observed_by(log.clone());
    let sleeps = AtomicUsize::new(0);
    lock.acquire();
    let waiter = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let _ = lock.acquire_with(&mut WaitContext::until(Deadline::PASSED));
            let mut host = Counts(&sleeps);
            lock.acquire_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
                .unwrap();
            ThreadId::current()
        });
        eventually(|| sleeps.load(Ordering::SeqCst) == 1);
        lock.release().unwrap();
        waiter.join().unwrap()
    });
    let events = log.of(waiter);
    let described: Vec<_> = events.iter().map(describe).collect();
    assert_eq!(
        described,
        [
            "waits for Lock",
            "gave up Lock",
            "waits for Lock",
            "woke from Lock",
            "acquired Lock"
        ]
    );
    assert_eq!(
        log.of(ThreadId::current())
            .iter()
            .map(describe)
            .next_back()
            .as_deref(),
        Some("released Lock")
    );
}

#[test]
fn each_wait_reports_its_kind() {
    let log = Arc::new(Log::default());
    let _turn = Turn::observed_by(log.clone());
    let mut over = WaitContext::until(Deadline::PASSED);
    let lock = Lock::new();
    lock.acquire();
    let _ = Condition::new().wait_with(&lock, &mut over);
    let _ = Semaphore::new(0).acquire_with(&mut over);
    let _ = Flag::new().wait_with(&mut over);
    let kinds: Vec<_> = log
        .of(ThreadId::current())
        .iter()
        .filter(|event| matches!(event, TraceEvent::WillWait { .. }))
        .filter_map(kind_of)
        .collect();
    assert_eq!(
        kinds,
        [
            ResourceKind::Condition,
            ResourceKind::Semaphore,
            ResourceKind::Event
        ]
    );
}

#[test]
fn a_cleared_observer_gets_no_more_events_and_is_dropped() {
    let log = Arc::new(Log::default());
    drop(Turn::observed_by(log.clone()));
    let thread = ThreadId::of_ident(ThreadIdent::new(2));
    if !observes(Interest::Waits) {
        report(TraceEvent::ThreadBegan { thread });
        assert!(log.of(thread).is_empty());
    }
    eventually(|| Arc::strong_count(&log) == 1);
}

/// C343
#[test]
fn the_owner_that_has_ended_is_not_the_thread_that_waits() {
    #[derive(Default)]
    struct Owners(Mutex<Vec<(ThreadId, Vec<ThreadId>)>>);
    impl Observer for Owners {
        fn event(&self, _: TraceEvent) {}

        fn will_wait(&self, wait: &Wait<'_>) -> Verdict {
            let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let mine = pending_waits()
                .into_iter()
                .find(|other| other.thread == wait.thread);
            seen.extend(mine.map(|mine| (mine.thread, mine.owners)));
            Verdict::Refuse
        }
    }
    let owners = Arc::new(Owners::default());
    let _turn = Turn::observed_by(owners.clone());
    let lock = Lock::new();
    std::thread::scope(|scope| {
        let ends = scope.spawn(|| {
            lock.acquire();
            ThreadId::current()
        });
        let owner = ends.join().unwrap();
        let waits = scope.spawn(|| {
            assert!(lock.acquire_timeout(Duration::MAX).is_err());
            ThreadId::current()
        });
        let waiter = waits.join().unwrap();
        assert_ne!(owner, waiter);
        let seen = owners.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(seen.contains(&(waiter, vec![owner])), "{seen:?}");
    });
}

#[test]
fn the_numbers_of_events_have_the_order_in_which_a_lock_changed_hands() {
    let log = Arc::new(Log::default());
    let _turn = Turn::observed_by(log.clone());
    let lock = Lock::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    lock.acquire();
                    lock.release().unwrap();
                }
            });
        }
    });
    let mut changes: Vec<_> = (log.0.lock().unwrap().iter())
        .filter_map(|event| match *event {
            TraceEvent::Acquired { thread, sequence, .. } => Some((sequence, thread, true)),
            TraceEvent::Released { thread, sequence, .. } => Some((sequence, thread, false)),
            _ => None,
        })
        .collect();
    changes.sort_unstable_by_key(|&(sequence, ..)| sequence);
    assert_eq!(changes.len(), 16_000);
    for pair in changes.chunks(2) {
        let [(_, owner, acquired), (_, releaser, still)] = *pair else {
            unreachable!()
        };
        assert!(acquired && !still && owner == releaser, "{pair:?}");
    }
}

#[test]
fn an_observer_of_waits_hears_no_acquisition_and_leaves_the_fast_path_alone() {
    struct Waits(Log);
    impl Observer for Waits {
        fn event(&self, event: TraceEvent) {
            self.0.event(event);
        }
    }
    let waits = Arc::new(Waits(Log::default()));
    let _turn = Turn::observed_by(waits.clone());
    let lock = Lock::new();
    lock.acquire();
    assert!(lock.acquire_timeout(Duration::ZERO).is_err());
    lock.release().unwrap();
    let heard: Vec<_> = waits.0.of(ThreadId::current()).iter().map(describe).collect();
    assert_eq!(heard, ["waits for Lock", "gave up Lock"]);
}

#[test]
fn a_wait_that_insists_goes_on_and_leaves_no_refusal_behind() {
    struct RefusesAll(AtomicUsize);
    impl Observer for RefusesAll {
        fn event(&self, _: TraceEvent) {}

        fn will_wait(&self, _: &Wait<'_>) -> Verdict {
            self.0.fetch_add(1, Ordering::SeqCst);
            Verdict::Refuse
        }
    }
    let observer = Arc::new(RefusesAll(AtomicUsize::new(0)));
    let _turn = Turn::observed_by(observer.clone());
    let lock = Lock::new();
    lock.acquire();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let got = lock.acquire_with(&mut WaitContext::endless().insisting());
            (got.is_ok(), take_refusal())
        });
        eventually(|| observer.0.load(Ordering::SeqCst) == 1);
        lock.release().unwrap();
        assert_eq!(waiter.join().unwrap(), (true, false));
    });
}

/// Refuses every wait.
struct Refuses;

impl Observer for Refuses {
    fn event(&self, _: TraceEvent) {}

    fn will_wait(&self, _: &Wait<'_>) -> Verdict {
        Verdict::Refuse
    }
}

#[test]
fn the_host_of_an_operation_is_told_of_its_refusal() {
    #[derive(Default)]
    struct Remembers {
        refused: bool,
    }
    impl Host for Remembers {
        fn sleep(&mut self, sleep: &mut (dyn FnMut() -> Slept + Send)) -> bool {
            sleep(); // sleep: the engine's, until the wait ends
            false
        }

        fn hears_signals(&self) -> bool {
            false
        }

        fn refused(&mut self) {
            self.refused = true;
        }
    }
    let _turn = Turn::observed_by(Arc::new(Refuses));
    let lock = Lock::new();
    lock.acquire();
    let mut host = Remembers::default();
    let got = lock.acquire_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host));
    assert_eq!(got, Err(WaitError::Interrupted));
    assert!(host.refused);
    // It is no refusal of another operation of this thread.
    assert!(!take_refusal());
}

#[test]
fn the_wait_that_closes_a_circle_is_refused() {
    for size in [2, 3] {
        let _turn = Turn::observed_by(Arc::new(Detector));
        let locks: Vec<_> = (0..size).map(|_| Lock::new()).collect();
        let begun = AtomicUsize::new(0);
        let refused = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for index in 0..size {
                let (locks, begun, refused) = (&locks, &begun, &refused);
                scope.spawn(move || {
                    let (left, right) = (&locks[index], &locks[(index + 1) % size]);
                    left.acquire();
                    begun.fetch_add(1, Ordering::SeqCst);
                    eventually(|| begun.load(Ordering::SeqCst) == size);
                    match right.acquire_with(&mut WaitContext::endless()) {
                        Ok(()) => right.release().unwrap(),
                        Err(_) => {
                            assert!(take_refusal());
                            refused.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                    assert!(!take_refusal());
                    left.release().unwrap();
                });
            }
        });
        assert_eq!(refused.into_inner(), 1);
        assert!(pending_waits().is_empty());
        assert!(locks.iter().all(|lock| !lock.is_locked()));
    }
}

#[test]
fn one_wait_of_a_circle_is_refused_when_all_its_threads_ask_at_once() {
    struct Meets(Barrier);
    impl Observer for Meets {
        fn event(&self, _: TraceEvent) {}

        fn will_wait(&self, wait: &Wait<'_>) -> Verdict {
            self.0.wait();
            let verdict = Detector.will_wait(wait);
            self.0.wait();
            verdict
        }
    }
    let _turn = Turn::observed_by(Arc::new(Meets(Barrier::new(2))));
    let (locks, held) = ([Lock::new(), Lock::new()], Barrier::new(2));
    let refused = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (left, right) in [(&locks[0], &locks[1]), (&locks[1], &locks[0])] {
            let (held, refused) = (&held, &refused);
            scope.spawn(move || {
                left.acquire();
                held.wait();
                match right.acquire_with(&mut WaitContext::endless()) {
                    Ok(()) => right.release().unwrap(),
                    Err(_) => drop(refused.fetch_add(1, Ordering::SeqCst)),
                }
                left.release().unwrap();
            });
        }
    });
    assert_eq!(refused.into_inner(), 1);
}

#[test]
fn a_circle_is_found_after_a_lock_has_changed_hands() {
    let _turn = Turn::observed_by(Arc::new(Detector));
    let (first, second) = (Lock::new(), Lock::new());
    let owners = || -> Vec<_> { pending_waits().into_iter().map(|wait| wait.owners).collect() };
    first.acquire();
    std::thread::scope(|scope| {
        let heir = scope.spawn(|| {
            first.acquire();
            let heir = ThreadId::current();
            // The other thread waits for the lock that this one holds by now.
            eventually(|| owners() == [[heir]]);
            let refused = second.acquire_with(&mut WaitContext::endless()).is_err();
            assert!(refused && take_refusal());
            first.release().unwrap();
        });
        let me = ThreadId::current();
        eventually(|| owners() == [[me]]);
        let other = scope.spawn(|| {
            second.acquire();
            first.acquire();
            first.release().unwrap();
            second.release().unwrap();
        });
        // Both wait for this thread. The heir, which was first in line, gets the lock.
        eventually(|| owners() == [[me], [me]]);
        first.release().unwrap();
        heir.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn a_lock_keeps_its_number_and_no_other_lock_gets_it() {
    let _turn = Turn::observed_by(Arc::new(Log::default()));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        // At the address of the last one.
        let lock = Lock::new();
        let number = lock.id();
        assert!(seen.insert(number));
        assert!(lock.acquire_timeout(Duration::ZERO).is_ok());
        assert!(lock.acquire_timeout(Duration::ZERO).is_err());
        lock.reset();
        assert_eq!(lock.id(), number);
    }
}
