//! `Watch`: one thread that waits for many queues.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use common::{Child, alone, arena, asleep, within_a_minute};
use interlock_shm::{Lock, OnOwnerDeath, Order, OrderedQueue, Queue, Shutdown, Side, Watch, step};
use interlock_wait::{Deadline, WaitContext};

#[test]
fn a_watch_ends_when_any_of_its_queues_is_ready_c200() {
    let _alone = alone();
    let arena = arena();
    let (empty, full) = (
        Queue::new(&arena, None).unwrap(),
        Queue::new(&arena, Some(1)).unwrap(),
    );
    let stack = OrderedQueue::new(&arena, Some(1), Order::Last).unwrap();
    full.try_put(b"1").unwrap();
    let changes: [(usize, &dyn Fn()); 4] = [
        (0, &|| empty.try_put(b"2").unwrap()),
        (1, &|| drop(full.try_get().unwrap())),
        (2, &|| stack.try_put(b"3").unwrap()),
        (2, &|| {
            stack.shutdown(Shutdown::Drain, &mut within_a_minute()).unwrap();
        }),
    ];
    for (place, change) in changes {
        let child = Child::run(|| {
            let watch = Watch::new();
            let awaited = [
                empty.awaited(Side::Get),
                full.awaited(Side::Put),
                stack.awaited(Side::Get),
            ];
            watch.wait(0, &awaited, &mut within_a_minute());
            awaited
                .iter()
                .enumerate()
                .all(|(i, side)| side.is_ready() == (i == place))
        });
        asleep(&child);
        change();
        assert!(child.succeeded(), "queue {place}");
        // The same state as before.
        drop(empty.try_get());
        drop(full.try_put(b"1"));
        drop(stack.try_get());
    }
}

#[test]
fn a_call_ends_a_watch_c200() {
    let watch = Watch::new();
    let seen = watch.calls();
    std::thread::scope(|scope| {
        scope.spawn(|| watch.wait(seen, &[], &mut within_a_minute()));
        watch.call();
    });
    // A wait that begins after the call that it has not seen ends at once.
    watch.wait(seen, &[], &mut WaitContext::until(Deadline::NEVER));
    assert_eq!(watch.calls(), seen + 1);
}

#[test]
fn a_watch_beside_a_dead_process_finds_it_cleared_away_c322() {
    let _alone = alone();
    let arena = arena();
    let lock = Lock::new(&arena, OnOwnerDeath::Tell).unwrap();
    let dead = Child::run(|| lock.acquire(&mut within_a_minute()).is_ok());
    assert!(dead.succeeded());
    let name = lock.owner();
    let sweeper = Child::run(|| {
        step::arm("sweep.begun", 1);
        arena.confirm_death(name)
    });
    assert_eq!(sweeper.status(), libc::SIGKILL);
    assert!(arena.is_known_dead(name) && !arena.is_cleared_away(name));
    Watch::new().wait_beside(0, &[], (&arena, &[name]), &mut within_a_minute());
    assert!(arena.is_cleared_away(name));
}
