//! Blocks that are lent to a program, and pages that the family keeps.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::collections::BTreeSet;

use common::{
    Child, alone, arena, await_signal, eventually, not_hanging, signal, wait_for_the_end, within_a_minute,
};
use interlock_shm::{Arena, Error, Loan, Queue, Taken, step};

const LENGTH: usize = 100_000;

/// A large message that this process has got.
fn take(queue: &Queue, byte: u8) -> Taken {
    take_of(queue, byte, LENGTH)
}

fn take_of(queue: &Queue, byte: u8, length: usize) -> Taken {
    queue.try_put(&vec![byte; length]).unwrap();
    let kept = queue.get_with(&mut not_hanging(), |message| Ok::<_, Error>(message.keep().ok()));
    kept.unwrap().unwrap()
}

fn lend(queue: &Queue, byte: u8) -> Loan {
    Loan::of(take(queue, byte)).unwrap()
}

#[expect(unsafe_code, reason = "a program uses what is lent to it")]
fn place(loan: &Loan, at: usize) -> *mut u8 {
    assert!(at < loan.len());
    // SAFETY: the loan has so many bytes.
    unsafe { loan.address().unwrap().as_ptr().add(at) }
}

#[expect(unsafe_code, reason = "as above")]
fn byte(loan: &Loan, at: usize) -> u8 {
    // SAFETY: the byte is there as long as the loan.
    unsafe { place(loan, at).read_volatile() }
}

#[expect(unsafe_code, reason = "as above")]
fn write(loan: &Loan, at: usize, byte: u8) {
    // SAFETY: as above; it is this process's.
    unsafe { place(loan, at).write_volatile(byte) }
}

/// Returns how many mappings this process has of the arena.
fn mappings(arena: &Arena) -> usize {
    let inode = format!(" {} ", arena.inode());
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains(&inode)).count()
}

#[test]
fn what_is_lent_is_seen_by_nobody_else_c211() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let (told, tells) = (signal(&arena), signal(&arena));
    let loan = lend(&queue, 1);
    write(&loan, 5, 2);
    let child = Child::run(|| {
        await_signal(&told);
        // The child sees the bytes that were written before the fork, and not those that are written after it.
        let seen = [byte(&loan, 5), byte(&loan, 6), byte(&loan, LENGTH - 1)];
        write(&loan, 7, 4);
        tells.release(1).unwrap();
        await_signal(&told);
        drop(unsafe_copy(&loan));
        seen == [2, 1, 1]
    });
    write(&loan, 6, 3);
    told.release(1).unwrap();
    await_signal(&tells);
    assert_eq!([byte(&loan, 5), byte(&loan, 6), byte(&loan, 7)], [2, 3, 1]);
    // A second fork begins with what the parent sees.
    assert!(Child::run(|| [byte(&loan, 6), byte(&loan, 7)] == [3, 1]).succeeded());
    told.release(1).unwrap();
    assert!(child.succeeded());
    // The block is used again, by both.
    let used = arena.used_bytes();
    drop(loan);
    arena.sweep_all();
    assert!(arena.used_bytes() < used);
    let again = take(&queue, 9);
    let mut bytes = vec![0; LENGTH];
    assert!(again.read(&mut bytes));
    assert!(bytes.iter().all(|&byte| byte == 9));
    let getter = Child::run(|| queue.get(&mut not_hanging()).unwrap() == vec![8; LENGTH]);
    drop(again);
    queue.try_put(&vec![8; LENGTH]).unwrap();
    assert!(getter.succeeded());
}

/// Makes the copy that the child of a fork gets of its parent's value, and drops.
#[expect(unsafe_code, reason = "a fork copies all values")]
fn unsafe_copy<T>(value: &T) -> T {
    // SAFETY: the caller is a child that ends without dropping the original.
    unsafe { std::ptr::read(value) }
}

#[test]
fn a_loan_ends_with_the_last_that_has_it_c212() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let (before, objects) = (arena.used_bytes(), arena.objects());
    assert_eq!(mappings(&arena), 1);
    let loan = lend(&queue, 1);
    assert!(arena.used_bytes() > before);
    drop(loan);
    assert_eq!((arena.used_bytes(), arena.objects()), (before, objects));

    // A killed child that has it, and one that drops it first.
    let ready = signal(&arena);
    let orders = Queue::new(&arena, None).unwrap();
    let (before, objects) = (arena.used_bytes(), arena.objects());
    for is_killed in [true, false] {
        let loan = lend(&queue, 2);
        let child = Child::run(|| {
            if !is_killed {
                drop(unsafe_copy(&loan));
            }
            ready.release(1).unwrap();
            wait_for_the_end()
        });
        await_signal(&ready);
        drop(loan);
        assert_eq!(arena.used_bytes() > before, is_killed);
        child.kill();
        child.status();
        arena.sweep_all();
        assert_eq!((arena.used_bytes(), arena.objects()), (before, objects));
    }

    // The receiver is killed, and its child still sees the message whole.
    let receiver = Child::run(|| {
        let loan = lend(&queue, 3);
        let grandchild = Child::run(|| {
            ready.release(1).unwrap();
            let order = orders.get(&mut within_a_minute()).unwrap();
            order == b"look" && (0..LENGTH).all(|at| byte(&loan, at) == 3) && orders.try_put(b"well").is_ok()
        });
        std::mem::forget(grandchild);
        wait_for_the_end()
    });
    await_signal(&ready);
    receiver.kill();
    receiver.status();
    arena.sweep_all();
    let other = take(&queue, 4);
    orders.try_put(b"look").unwrap();
    eventually("the grandchild has looked and ended", || {
        arena.sweep_all();
        orders.len() == 1 && arena.objects() == objects
    });
    assert_eq!(orders.try_get().unwrap(), b"well");
    drop(other);
    assert_eq!(arena.used_bytes(), before);
    assert_eq!(mappings(&arena), 1, "a loan has left a mapping");
}

#[test]
fn a_death_at_any_step_of_a_loan_c212() {
    let _alone = alone();
    let steps = [
        "loan.made",
        "loan.given",
        "loan.returned",
        "object.cleared",
        "object.held",
        "object.destroyed",
    ];
    let mut died = BTreeSet::new();
    for name in steps {
        for forks in [false, true] {
            let arena = arena();
            let queue = Queue::new(&arena, None).unwrap();
            let before = (arena.used_bytes(), arena.objects());
            let child = Child::run(|| {
                let taken = take(&queue, 1);
                step::arm(name, 1);
                let loan = Loan::of(taken).unwrap();
                if forks {
                    assert!(Child::run(|| byte(&loan, 0) == 1).succeeded());
                }
                drop(loan);
                true
            });
            if child.status() == libc::SIGKILL {
                died.insert(name);
            }
            arena.sweep_all();
            assert_eq!((arena.used_bytes(), arena.objects()), before, "after {name}");
            let loan = lend(&queue, 2);
            assert!((0..LENGTH).all(|at| byte(&loan, at) == 2));
        }
    }
    assert_eq!(died, BTreeSet::from(steps));
}

#[test]
fn a_death_at_any_step_of_a_fork_with_a_kept_message_c419() {
    let _alone = alone();
    let steps = ["object.cleared", "object.held", "loan.made", "loan.given"];
    for name in steps {
        let arena = arena();
        let queue = Queue::new(&arena, None).unwrap();
        let before = (arena.used_bytes(), arena.objects());
        let child = Child::run(|| {
            let taken = take(&queue, 1);
            step::arm(name, 1);
            let _ = Child::run(|| taken.is_here()).succeeded();
            true
        });
        assert_eq!(child.status(), libc::SIGKILL, "{name}");
        arena.sweep_all();
        assert_eq!((arena.used_bytes(), arena.objects()), before, "after {name}");
    }
}

#[test]
fn many_loans_end_in_copies_c213() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let before = (arena.used_bytes(), arena.objects());
    let mut loans = Vec::new();
    let refused = loop {
        match Loan::of(take_of(&queue, 5, 40_000)) {
            Ok(loan) => loans.push(loan),
            Err(taken) => break taken,
        }
        assert!(loans.len() < 10_000);
    };
    let mut bytes = vec![0; 40_000];
    assert!(refused.read(&mut bytes));
    assert!(bytes.iter().all(|&byte| byte == 5));
    assert!(loans.len() > 1_000);
    loans.pop();
    let one_more = Loan::of(refused).unwrap();
    drop(one_more);
    drop(loans);
    // The queue keeps a segment.
    assert!(arena.used_bytes() <= before.0 + (64 << 10));
    assert_eq!(arena.objects(), before.1);
}

#[test]
fn warm_pages_go_back_after_a_while_c210() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let before = arena.used_bytes();
    let always = 64 << 20;
    // A process that dies while it gives them back.
    for name in ["block.unlinked", "block.freed"] {
        for i in 0..6 {
            queue.try_put(&vec![i; 20 << 20]).unwrap();
        }
        while let Ok(message) = queue.try_get() {
            assert_eq!(message.len(), 20 << 20);
        }
        assert!(arena.kept_bytes() > always);
        std::thread::sleep(std::time::Duration::from_millis(2500)); // sleep: they outlast a pause of the program
        arena.trim();
        assert!(arena.kept_bytes() > always);
        let child = Child::run(|| {
            step::arm(name, 1);
            eventually("they go back", || {
                arena.trim();
                arena.kept_bytes() <= always
            });
            true
        });
        child.died_or_succeeded(name);
        arena.sweep_all();
        assert_eq!(arena.used_bytes(), before);
    }
    eventually("they go back", || {
        arena.trim();
        arena.kept_bytes() <= always
    });
    assert_eq!(arena.used_bytes(), before);
    // Pages that were warm, or marked as warm, exist, and are zero or intact: the next message comes out as it was
    // put in.
    queue.try_put(&vec![7; 20 << 20]).unwrap();
    assert!(queue.try_get().unwrap() == vec![7; 20 << 20]);
}

#[test]
fn parent_and_child_both_have_a_message_that_was_kept_at_the_fork_c419() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let (told, tells) = (signal(&arena), signal(&arena));
    let (before, objects) = (arena.used_bytes(), arena.objects());
    let is_whole = |taken: &Taken, byte: u8| taken.with_bytes(|bytes| bytes == [byte; LENGTH]);
    // The child drops it first.
    let kept = take(&queue, 1);
    let child = Child::run(|| {
        let own = unsafe_copy(&kept);
        let is_here = own.is_here() && is_whole(&own, 1);
        drop(own);
        is_here
    });
    assert!(child.succeeded());
    let others: Vec<_> = (2..10).map(|byte| take(&queue, byte)).collect();
    assert!(is_whole(&kept, 1));
    drop((kept, others));
    arena.sweep_all();
    assert_eq!((arena.used_bytes(), arena.objects()), (before, objects));
    // The parent drops it first, and the child has a child.
    let kept = take(&queue, 1);
    let child = Child::run(|| {
        await_signal(&told);
        let is_here = is_whole(&kept, 1) && Child::run(|| is_whole(&kept, 1)).succeeded();
        drop(unsafe_copy(&kept));
        tells.release(1).unwrap();
        await_signal(&told);
        is_here
    });
    drop(kept);
    let others: Vec<_> = (2..10).map(|byte| take(&queue, byte)).collect();
    told.release(1).unwrap();
    await_signal(&tells);
    drop(others);
    arena.sweep_all();
    assert_eq!((arena.used_bytes(), arena.objects()), (before, objects));
    told.release(1).unwrap();
    assert!(child.succeeded());
}

#[test]
fn a_message_that_was_kept_at_a_fork_can_be_lent_and_put_by_both_c419() {
    let _alone = alone();
    let arena = arena();
    let (queue, other) = (
        Queue::new(&arena, None).unwrap(),
        Queue::new(&arena, None).unwrap(),
    );
    let (before, objects) = (arena.used_bytes(), arena.objects());
    let (lent, put) = (take(&queue, 1), take(&queue, 2));
    let child = Child::run(|| {
        let loan = Loan::of(unsafe_copy(&lent)).unwrap();
        write(&loan, 5, 7);
        let sent = other.put_taken(unsafe_copy(&put), &mut not_hanging());
        sent.is_ok() && [byte(&loan, 4), byte(&loan, 5)] == [1, 7]
    });
    assert!(child.succeeded());
    let loan = Loan::of(lent).unwrap();
    assert_eq!(byte(&loan, 5), 1, "the child's change is its own");
    write(&loan, 6, 8);
    assert!(Child::run(|| [byte(&loan, 5), byte(&loan, 6)] == [1, 8]).succeeded());
    other.put_taken(put, &mut not_hanging()).unwrap();
    for _ in 0..2 {
        assert!(other.get(&mut not_hanging()).unwrap() == [2; LENGTH]);
    }
    drop(loan);
    arena.sweep_all();
    assert_eq!((arena.used_bytes(), arena.objects()), (before, objects));
}

#[test]
fn a_message_that_the_parent_was_going_to_put_is_not_the_childs_c420() {
    let _alone = alone();
    let arena = arena();
    let queue = Queue::new(&arena, None).unwrap();
    let bytes = vec![3; LENGTH];
    let filled = Taken::filled(&arena, &[&bytes]).unwrap();
    let child = Child::run(|| {
        let own = || unsafe_copy(&filled);
        let refused = queue.put_taken(own(), &mut not_hanging());
        let is_empty = own().address().is_none() && own().with_bytes(<[u8]>::is_empty);
        is_empty && !own().is_here() && Loan::of(own()).is_err() && matches!(refused, Err(Error::OfParent))
    });
    assert!(child.succeeded());
    queue.put_taken(filled, &mut not_hanging()).unwrap();
    assert!(queue.get(&mut not_hanging()).unwrap() == bytes);
}
