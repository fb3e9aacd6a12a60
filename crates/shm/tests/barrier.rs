//! `Barrier` between processes.

#![cfg(not(loom))]

mod common;

use common::{
    Announces, Child, arena, at_once, await_signal, endless, eventually, signal, wait_for_the_end,
    within_a_minute,
};
use interlock_shm::{Barrier, Error, Name};
use interlock_wait::Wake;

/// C161
#[test]
fn all_go_on_when_all_have_come_round_after_round() {
    let arena = arena();
    let barrier = Barrier::new(&arena, 3).unwrap();
    let came = signal(&arena);
    let run = || {
        (1..=100).all(|round| {
            came.release(1).unwrap();
            let number = barrier.wait(&mut within_a_minute());
            // All three have come, and no party can come again and again without the others.
            let all = came.value();
            number.is_ok_and(|number| number < 3) && all >= 3 * round && all <= 3 * round + 2
        })
    };
    let children: Vec<_> = (0..2).map(|_| Child::run(run)).collect();
    assert!(run());
    for child in children {
        assert!(child.succeeded());
    }
    assert_eq!(barrier.waiting(), 0);
}

#[test]
fn one_of_them_acts_before_all_go_on() {
    let arena = arena();
    let barrier = Barrier::new(&arena, 2).unwrap();
    let acted = signal(&arena);
    let run = || {
        (1..=50).all(|round| {
            let party = barrier.enter(&mut within_a_minute()).unwrap();
            let number = match party.is_last() {
                true => acted.release(1).is_ok().then(|| party.release()),
                false => Some(party.wait(&mut within_a_minute())),
            };
            number.unwrap().is_ok() && acted.value() >= round
        })
    };
    let child = Child::run(run);
    assert!(run() && child.succeeded());
    assert_eq!(acted.value(), 50);
    // Failed, the barrier is broken.
    let child = Child::run(|| {
        matches!(
            barrier.wait(&mut within_a_minute()),
            Err(Error::Broken(Name::NONE))
        )
    });
    eventually("the child waits", || barrier.waiting() == 1);
    let party = barrier.enter(&mut endless()).unwrap();
    assert!(party.is_last());
    drop(party);
    assert!(child.succeeded() && barrier.is_broken());
    assert!(matches!(barrier.wait(&mut endless()), Err(Error::Broken(_))));
    barrier.reset();
    assert!(!barrier.is_broken());
}

/// C162: the waiting parties learn which process died, whether it waited or acted.
#[test]
fn a_death_breaks_it() {
    let arena = arena();
    let barrier = Barrier::new(&arena, 3).unwrap();
    let sleeps = signal(&arena);
    for round in 0..20 {
        let acts = round % 2 == 0;
        // Its value is the victim's name.
        let name = signal(&arena);
        let waits = || {
            Child::run(|| {
                let waited = barrier.wait(&mut Announces::new(&sleeps).context());
                let Err(Error::Broken(dead)) = waited else {
                    return false;
                };
                dead.word() == name.value()
            })
        };
        let mut waiting = vec![waits()];
        await_signal(&sleeps);
        if acts {
            waiting.push(waits());
            await_signal(&sleeps);
        }
        let victim = Child::run(|| {
            name.release(arena.me().word()).unwrap();
            let party = barrier.enter(&mut endless()).unwrap();
            match party.is_last() {
                true => sleeps.release(1).unwrap(),
                false => drop(party.wait(&mut Announces::new(&sleeps).context())),
            }
            wait_for_the_end()
        });
        await_signal(&sleeps);
        assert_eq!(barrier.waiting(), if acts { 3 } else { 2 });
        victim.kill();
        for child in waiting {
            assert!(child.succeeded());
        }
        assert!(barrier.is_broken());
        let Err(Error::Broken(dead)) = barrier.enter(&mut endless()) else {
            panic!("it is not broken");
        };
        assert_eq!(dead.word(), name.value());
        barrier.reset();
    }
}

/// C163: a timeout breaks it for all; a reset lets the next round begin when the parties inside have left.
#[test]
fn it_breaks_by_time_and_is_reset() {
    let arena = arena();
    let barrier = Barrier::new(&arena, 3).unwrap();
    let sleeps = signal(&arena);
    let waits = || {
        let child = Child::run(|| {
            let waited = barrier.wait(&mut Announces::new(&sleeps).context());
            matches!(waited, Err(Error::Broken(Name::NONE)))
        });
        await_signal(&sleeps);
        child
    };
    let child = waits();
    let late = barrier.wait(&mut at_once());
    assert!(matches!(late, Err(Error::Ended(Wake::TimedOut))));
    assert!(child.succeeded() && barrier.is_broken());
    barrier.reset();
    let child = waits();
    barrier.reset();
    assert!(child.succeeded() && !barrier.is_broken());
    let child = waits();
    barrier.abort();
    assert!(child.succeeded() && barrier.is_broken());
    barrier.reset();
    let parties: Vec<_> = (0..2)
        .map(|_| Child::run(|| barrier.wait(&mut within_a_minute()).is_ok()))
        .collect();
    assert!(barrier.wait(&mut within_a_minute()).is_ok());
    for party in parties {
        assert!(party.succeeded());
    }
}

#[test]
fn it_is_for_more_threads_than_a_process_has_nodes() {
    let arena = arena();
    let barrier = Barrier::new(&arena, 200).unwrap();
    std::thread::scope(|scope| {
        let spawn = |_| scope.spawn(|| (0..3).all(|_| barrier.wait(&mut within_a_minute()).is_ok()));
        let threads: Vec<_> = (0..200).map(spawn).collect();
        for thread in threads {
            assert!(thread.join().unwrap());
        }
    });
    assert_eq!((barrier.parties(), barrier.waiting()), (200, 0));
}
