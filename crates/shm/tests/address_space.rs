//! Processes that may not have more addresses: what they can't map stays for others, and they go on with what they have.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]
#![expect(unsafe_code, reason = "the C library sets limits")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use common::{Child, alone, arena, eventually, shared_words, within_a_minute};
use interlock_shm::{Arena, Error, Order, OrderedQueue, Owner, Queue, channel};

/// More than a process maps at the beginning, and than one that is limited can map.
const FAR: usize = 300 << 20;
const SPARE: u64 = 48 << 20;

fn addresses() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096
}

/// Calls `body` while this process may have little more addresses than it has.
fn limited<R>(body: impl FnOnce() -> R) -> R {
    let set = |bytes: u64| {
        let limit = libc::rlimit {
            rlim_cur: bytes,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: the limits are this process's own.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    };
    set(addresses() + SPARE);
    let result = body();
    set(libc::RLIM_INFINITY);
    result
}

fn is_out_of_reach<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::OutOfReach { .. }))
}

/// Makes all blocks that are allocated from now on lie far from the beginning.
fn skip(arena: &Arc<Arena>) {
    arena.allocate(FAR, Owner::Process(arena.me())).unwrap();
}

/// Forks a child that calls `body` once the parent has called `before`, and expects `true` from it.
fn after(before: impl FnOnce(), body: impl FnOnce() -> bool) {
    let go = &shared_words(1)[0];
    let child = Child::run(|| {
        eventually("the parent is ready", || go.load(Ordering::SeqCst) != 0);
        body()
    });
    before();
    go.store(1, Ordering::SeqCst);
    assert_eq!(child.status(), 0);
}

#[test]
fn a_process_has_few_addresses_for_an_arena() {
    let _alone = alone();
    let before = addresses();
    let arena = arena();
    assert!(addresses() - before < 400 << 20, "{}", addresses() - before);
    skip(&arena);
    assert!(addresses() - before < 1 << 30, "{}", addresses() - before);
}

#[test]
fn what_cannot_be_mapped_is_not_allocated() {
    let _alone = alone();
    let arena = arena();
    let child = Child::run(|| {
        let mine = Owner::Process(arena.me());
        let refused = limited(|| is_out_of_reach(&arena.allocate(FAR, mine)));
        let small = limited(|| arena.allocate(4096, mine));
        refused && small.is_ok() && arena.used_bytes() == 4096 && arena.allocate(FAR, mine).is_ok()
    });
    assert_eq!(child.status(), 0);
}

#[test]
fn a_free_block_out_of_reach_is_left_for_others() {
    let _alone = alone();
    let arena = arena();
    let mine = || Owner::Process(arena.me());
    let near = arena.allocate(1 << 20, mine()).unwrap();
    let make = || {
        skip(&arena);
        let far = arena.allocate(1 << 20, mine()).unwrap();
        arena.free(near);
        arena.free(far); // is the first on the list
    };
    after(make, || {
        limited(|| {
            let reached = arena.allocate(1 << 20, mine());
            reached.is_ok_and(|block| block == near) && is_out_of_reach(&arena.allocate(1 << 20, mine()))
        }) && arena.allocate(1 << 20, mine()).is_ok()
    });
}

#[test]
fn a_message_out_of_reach_stays() {
    let _alone = alone();
    for length in [100, 100 << 20] {
        let arena = arena();
        let queue = Queue::new(&arena, None).unwrap();
        let (reader, writer) = channel(&arena).unwrap();
        let orders = [Order::Last, Order::Rank];
        let ordered = orders.map(|order| OrderedQueue::new(&arena, None, order).unwrap());
        let message = vec![7; length];
        let put = || {
            skip(&arena);
            // These fill the segments that are there already, and begin the next ones.
            for _ in 0..40 {
                queue.try_put(&[1; 100]).unwrap();
                assert_eq!(queue.try_get().unwrap(), [1; 100]);
                writer.send(&[&[1; 100]], &mut within_a_minute()).unwrap();
                assert_eq!(reader.receive(&mut within_a_minute()).unwrap(), [1; 100]);
            }
            queue.try_put(&message).unwrap();
            writer.send(&[&message], &mut within_a_minute()).unwrap();
            ordered.iter().for_each(|queue| queue.try_put(&message).unwrap());
        };
        after(put, || {
            let is_refused = || {
                is_out_of_reach(&queue.try_get())
                    && is_out_of_reach(&reader.receive(&mut within_a_minute()))
                    && ordered.iter().all(|queue| is_out_of_reach(&queue.try_get()))
            };
            limited(|| is_refused() && is_refused())
                && queue.try_get().unwrap() == message
                && reader.receive(&mut within_a_minute()).unwrap() == message
                && ordered.iter().all(|queue| queue.try_get().unwrap() == message)
        });
    }
}
