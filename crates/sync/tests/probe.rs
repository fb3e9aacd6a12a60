//! The events that an observer gets. They suffice to detect a deadlock when it forms.

#![cfg(not(loom))]

#[path = "../../wait/tests/common/mod.rs"]
mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::{Counts, eventually};
use interlock_sync::{Condition, Event as Flag, Lock, RLock, Semaphore};
use interlock_wait::{
    Deadline, Probe, Resource, ResourceKind, ThreadId, TraceEvent, WaitContext, Wake, clear_probe, probed,
    report, set_probe,
};

/// A process has one observer, so these tests take turns.
struct Turn(#[allow(dead_code, reason = "held until dropped")] MutexGuard<'static, ()>);

impl Turn {
    fn observed_by(probe: Arc<dyn Probe>) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        set_probe(probe);
        Turn(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        clear_probe();
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
            .filter(|event| thread_of(event) == thread)
            .collect()
    }
}

impl Probe for Log {
    fn event(&self, event: TraceEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}

fn thread_of(event: &TraceEvent) -> ThreadId {
    match *event {
        TraceEvent::WillWait { thread, .. }
        | TraceEvent::Woke { thread, .. }
        | TraceEvent::Acquired { thread, .. }
        | TraceEvent::Released { thread, .. }
        | TraceEvent::ThreadBegan { thread }
        | TraceEvent::ThreadEnded { thread } => thread,
    }
}

fn kind_of(event: &TraceEvent) -> Option<ResourceKind> {
    match *event {
        TraceEvent::WillWait { resource, .. }
        | TraceEvent::Woke { resource, .. }
        | TraceEvent::Acquired { resource, .. }
        | TraceEvent::Released { resource, .. } => Some(resource.kind),
        TraceEvent::ThreadBegan { .. } | TraceEvent::ThreadEnded { .. } => None,
    }
}

#[test]
fn a_lock_created_while_observed_reports_every_acquisition() {
    let log = Arc::new(Log::default());
    let _turn = Turn::observed_by(log.clone());
    let (lock, reentrant) = (Lock::new(), RLock::new());
    lock.acquire();
    lock.release().unwrap();
    assert!(lock.try_acquire());
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
        TraceEvent::ThreadBegan { .. } | TraceEvent::ThreadEnded { .. } => "thread",
    };
    kind_of(event).map_or(word.to_owned(), |kind| format!("{word} {kind:?}"))
}

#[test]
fn a_contended_lock_reports_its_holder_and_how_the_wait_ended() {
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
    let me = Some(ThreadId::current());
    assert!(matches!(events[0], TraceEvent::WillWait { holder, .. } if holder == me));
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
    let thread = ThreadId::from_ident(2);
    if !probed() {
        report(TraceEvent::ThreadBegan { thread });
        assert!(log.of(thread).is_empty());
    }
    eventually(|| Arc::strong_count(&log) == 1);
}

/// A deadlock detector: which thread waits for which resource, and which thread owns it.
///
/// Each edge is reported by the thread that adds it, before that thread sleeps. So the thread whose edge closes a cycle
/// finds the whole cycle.
#[derive(Default)]
struct WaitForGraph {
    graph: Mutex<Graph>,
}

#[derive(Default)]
struct Graph {
    waits: HashMap<ThreadId, Resource>,
    owners: HashMap<Resource, ThreadId>,
    cycles: Vec<Vec<ThreadId>>,
}

impl Graph {
    /// The cycle of threads from `start` back to `start`, if there is one. Each waits for a resource that the next one
    /// owns.
    fn cycle(&self, start: ThreadId) -> Option<Vec<ThreadId>> {
        let mut cycle = vec![start];
        loop {
            let resource = self.waits.get(cycle.last()?)?;
            match self.owners.get(resource)? {
                owner if *owner == start => return Some(cycle),
                owner if cycle.contains(owner) => return None,
                owner => cycle.push(*owner),
            }
        }
    }
}

impl WaitForGraph {
    fn lock(&self) -> MutexGuard<'_, Graph> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Probe for WaitForGraph {
    fn event(&self, event: TraceEvent) {
        let mut graph = self.lock();
        match event {
            TraceEvent::WillWait {
                thread,
                resource,
                holder,
            } => {
                graph.waits.insert(thread, resource);
                if let Some(holder) = holder {
                    graph.owners.insert(resource, holder);
                }
                let cycle = graph.cycle(thread);
                graph.cycles.extend(cycle);
            }
            TraceEvent::Woke { thread, .. } => drop(graph.waits.remove(&thread)),
            TraceEvent::Acquired { thread, resource } => drop(graph.owners.insert(resource, thread)),
            TraceEvent::Released { resource, .. } => drop(graph.owners.remove(&resource)),
            TraceEvent::ThreadBegan { .. } | TraceEvent::ThreadEnded { .. } => {}
        }
    }
}

#[test]
fn an_observer_can_detect_a_deadlock_when_it_forms() {
    let graph = Arc::new(WaitForGraph::default());
    let _turn = Turn::observed_by(graph.clone());
    let locks = [(); 3].map(|()| Lock::new());
    let begun = AtomicUsize::new(0);
    let threads: Vec<_> = std::thread::scope(|scope| {
        let philosophers = [0, 1, 2].map(|index| {
            let (locks, begun, graph) = (&locks, &begun, &graph);
            scope.spawn(move || {
                let (left, right) = (&locks[index], &locks[(index + 1) % 3]);
                left.acquire();
                begun.fetch_add(1, Ordering::SeqCst);
                eventually(|| begun.load(Ordering::SeqCst) == 3);
                // Until a thread has found the cycle.
                eventually(|| {
                    let soon = Deadline::after(std::time::Duration::from_millis(20));
                    let got = right.acquire_with(&mut WaitContext::until(soon)).is_ok();
                    if got {
                        right.release().unwrap();
                    }
                    got || !graph.lock().cycles.is_empty()
                });
                left.release().unwrap();
                ThreadId::current()
            })
        });
        philosophers
            .into_iter()
            .map(|philosopher| philosopher.join().unwrap())
            .collect()
    });
    let graph = graph.lock();
    let cycle = &graph.cycles[0];
    assert_eq!(cycle.len(), 3);
    assert!(threads.iter().all(|thread| cycle.contains(thread)));
    assert!(graph.waits.is_empty());
}
