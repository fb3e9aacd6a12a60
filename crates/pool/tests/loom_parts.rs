//! Reorder buffers, and the counts and workers of a pool's core, in every order of their threads. The names are those of
//! the claims in `PROTOCOL.md`.

#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

#[path = "../../wait/tests/model/mod.rs"]
mod model;

use interlock_pool::{DEFAULT_PRIORITY, Growth, PoolCore, ReorderBuffer, Runner, Running, Started};
use interlock_queue::GetError;
use interlock_wait::{Deadline, Host, RawWordLock, Slept, WaitContext};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread::{self, JoinHandle};

fn start<P: 'static, T: 'static>(part: &Arc<P>, body: impl FnOnce(&P) -> T + 'static) -> JoinHandle<T> {
    let part = part.clone();
    thread::spawn(move || body(&part))
}

/// Ends each wait at once, when its thread is in line.
struct GivesUp;

impl Host for GivesUp {
    fn sleep(&mut self, _rest: &mut (dyn FnMut() -> Slept + Send)) -> bool {
        true
    }

    fn hears_signals(&self) -> bool {
        true
    }
}

/// A core of at most `limit` workers.
fn core(limit: usize) -> Arc<PoolCore<u32>> {
    Arc::new(PoolCore::new(limit, 0))
}

fn put_one(core: &PoolCore<u32>) {
    core.try_put(DEFAULT_PRIORITY, 7).unwrap();
}

/// Runs this many tasks, or all that are put until the end of the pool if there are fewer. Each of them fails.
struct Runs(usize);

impl Runner<u32, RawWordLock> for Runs {
    type Error = ();

    fn next(&mut self, core: &PoolCore<u32>) -> Result<Result<u32, GetError>, ()> {
        self.0 = self.0.checked_sub(1).ok_or(())?;
        Ok(core.take_with(&mut WaitContext::endless()))
    }

    fn run(&mut self, _work: u32, running: Running<'_>) -> Result<(), ()> {
        running.fail();
        Ok(())
    }
}

fn run(tasks: usize) -> impl FnOnce(&PoolCore<u32>) {
    move |core| assert_ne!(core.work(&mut Runs(tasks)), Ok(GetError::Empty))
}

fn wait_for(number: u64) -> impl FnOnce(&PoolCore<u32>) -> u64 {
    move |core| core.wait_for_ended(number, &mut WaitContext::endless())
}

fn give_up_on(number: u64) -> impl FnOnce(&PoolCore<u32>) -> u64 {
    move |core| core.wait_for_ended(number, &mut WaitContext::hosted(Deadline::NEVER, &mut GivesUp))
}

/// Takes all waiting tasks out and counts them as dropped.
fn drop_all(core: &PoolCore<u32>) -> usize {
    let drained = core.drain().count();
    core.drop_drained(drained as u64);
    drained
}

#[test]
fn no_waiter_sleeps_past_the_number_of_tasks_that_it_waits_for() {
    model::check_bounded(3, || {
        let core = core(1);
        put_one(&core);
        put_one(&core);
        let [one, two] = [1, 2].map(|number| start(&core, wait_for(number)));
        run(1)(&core);
        assert!(one.join().unwrap() >= 1);
        assert_eq!(drop_all(&core), 1);
        assert_eq!(two.join().unwrap(), 2);
    });
}

#[test]
fn a_waiter_that_gives_up_on_a_number_takes_nothing_from_the_others() {
    for gives_up_on in [1, 3] {
        model::check_bounded(2, move || {
            let core = core(1);
            let gives_up = start(&core, give_up_on(gives_up_on));
            let [one, two] = [1, 2].map(|number| start(&core, wait_for(number)));
            put_one(&core);
            drop_all(&core);
            assert!(one.join().unwrap() >= 1);
            put_one(&core);
            drop_all(&core);
            assert_eq!(two.join().unwrap(), 2);
            assert!(gives_up.join().unwrap() <= 2);
        });
    }
}

#[test]
fn a_task_is_in_one_place_in_each_look() {
    model::check_bounded(4, || {
        let core = core(1);
        put_one(&core);
        let worker = start(&core, run(1));
        let putter = start(&core, put_one);
        let seen = core.stats();
        let places = seen.waiting as u64 + seen.running + seen.done;
        assert_eq!((places, seen.failed), (seen.submitted, seen.done));
        assert!(seen.running <= 1 && seen.submitted >= 1);
        worker.join().unwrap();
        putter.join().unwrap();
    });
}

/// Takes all values that are still to come.
fn take_all(buffer: &ReorderBuffer<usize>) -> Vec<usize> {
    let next = || buffer.take_with(&mut WaitContext::endless());
    let mut taken = Vec::new();
    loop {
        match next() {
            Ok(value) => taken.push(value),
            Err(error) => {
                assert_eq!(error, GetError::ShutDown);
                return taken;
            }
        }
    }
}

fn put(number: usize) -> impl FnOnce(&ReorderBuffer<usize>) -> bool {
    move |buffer| buffer.put_at(number, number).is_ok()
}

#[test]
fn the_end_is_noticed_by_the_thread_that_comes_second() {
    for new in [ReorderBuffer::<_>::as_they_come, ReorderBuffer::<_>::in_order] {
        model::check_bounded(3, move || {
            let buffer = Arc::new(new());
            let puts = [0, 1].map(|number| start(&buffer, put(number)));
            buffer.set_length(2);
            // If no thread notices the end, this does not end either.
            let mut taken = take_all(&buffer);
            taken.sort_unstable();
            assert_eq!(taken, [0, 1]);
            assert!(puts.into_iter().all(|put| put.join().unwrap()));
        });
    }
}

#[test]
fn values_are_taken_in_the_order_of_their_numbers_each_once() {
    model::check_bounded(3, || {
        let buffer = Arc::new(ReorderBuffer::in_order());
        buffer.set_length(3);
        let first = start(&buffer, |buffer| put(1)(buffer) && put(0)(buffer));
        let second = start(&buffer, put(2));
        assert_eq!(take_all(&buffer), [0, 1, 2]);
        assert!(first.join().unwrap() && second.join().unwrap());
    });
}

#[test]
fn there_is_one_last_value_and_no_other_is_lost() {
    for new in [ReorderBuffer::<_>::as_they_come, ReorderBuffer::<_>::in_order] {
        model::check_bounded(3, move || {
            let buffer = Arc::new(new());
            let puts = start(&buffer, put(0));
            let ends = [8, 9].map(|last| start(&buffer, move |buffer| buffer.end_with(last).is_ok()));
            let (put, ends) = (puts.join().unwrap(), ends.map(|end| end.join().unwrap()));
            assert!(ends[0] != ends[1]);
            let last = if ends[0] { 8 } else { 9 };
            let mut taken = take_all(&buffer);
            taken.sort_unstable();
            assert_eq!(taken, if put { vec![0, last] } else { vec![last] });
        });
    }
}

#[test]
fn what_is_put_while_all_is_discarded_stays_nowhere() {
    for new in [ReorderBuffer::<_>::as_they_come, ReorderBuffer::<_>::in_order] {
        model::check_bounded(3, move || {
            let buffer = Arc::new(new());
            let value = std::sync::Arc::new(());
            let puts = [1, 0].map(|number| {
                let value = value.clone();
                start(&buffer, move |buffer| drop(buffer.put_at(number, value)))
            });
            drop(buffer.discard());
            puts.into_iter().for_each(|put| put.join().unwrap());
            assert_eq!(std::sync::Arc::strong_count(&value), 1);
            assert!(matches!(buffer.try_take(), Err(GetError::ShutDown)));
        });
    }
}

/// Returns how many workers are missing in a pool that grows with each task.
fn missing(core: &PoolCore<u32>, more: usize) -> usize {
    core.missing(Growth::PerTask { more })
}

/// Puts a task, and counts the workers that are missing afterwards.
fn put_and_enter(core: &PoolCore<u32>) {
    put_one(core);
    (0..missing(core, 0)).for_each(|_| assert!(core.enter().is_some()));
}

#[test]
fn for_each_task_that_is_not_done_there_is_a_worker_or_one_is_missing() {
    // One thread submits two, two submit one each.
    for together in [1, 2] {
        model::check_bounded(3, move || {
            let core = core(3);
            core.enter();
            let worker = start(&core, |core| {
                // The worker runs this task from now on.
                core.take_with(&mut WaitContext::endless()).unwrap();
            });
            let other = start(&core, move |core| (1..together).for_each(|_| put_and_enter(core)));
            (together..=2).for_each(|_| put_and_enter(&core));
            worker.join().unwrap();
            other.join().unwrap();
            let stats = core.stats();
            assert_eq!((stats.waiting, stats.running), (1, 1));
            assert!(stats.workers >= 2, "one more than the one that runs a task");
        });
    }
}

#[test]
fn a_worker_that_is_done_is_there_for_the_next_task() {
    model::check_bounded(4, || {
        let core = core(3);
        put_and_enter(&core);
        let worker = start(&core, run(2));
        put_and_enter(&core);
        worker.join().unwrap();
        assert_eq!(missing(&core, core.stats().workers), 0, "all are free");
    });
}

#[test]
fn a_task_is_taken_or_taken_out_or_refused_and_then_every_worker_ends() {
    model::check_bounded(3, || {
        let core = core(3);
        let worker = start(&core, run(3));
        let puts = start(&core, |core| {
            [1, 2].map(|task| core.try_put(DEFAULT_PRIORITY, task).is_ok())
        });
        core.shutdown();
        let dropped = drop_all(&core) as u64;
        let put = puts.join().unwrap().into_iter().filter(|&put| put).count() as u64;
        worker.join().unwrap();
        let stats = core.stats();
        assert_eq!((stats.submitted, stats.dropped), (put, dropped));
        assert_eq!((stats.done + dropped, stats.running, stats.waiting), (put, 0, 0));
        assert_eq!(
            (missing(&core, 0), missing(&core, 1)),
            (0, 1),
            "nothing is left to do"
        );
    });
}

/// A pool like a `ThreadPool`, with threads of which some can't be started.
struct Pool {
    core: PoolCore<u32>,
    attempts: AtomicU32,
    /// A bit for each attempt to start a thread: whether it fails.
    fail: u32,
}

impl Pool {
    fn new(limit: usize, fail: u32) -> Arc<Self> {
        Arc::new(Pool {
            core: PoolCore::new(limit, 0),
            attempts: AtomicU32::new(0),
            fail,
        })
    }

    /// Submits a task to a pool that has no worker, as far as the caller knows. Returns whether it was accepted.
    fn submit(&self) -> bool {
        loop {
            let started = self.core.try_start_with_task(|_| {
                if self.core.is_shut_down() {
                    return Err(());
                }
                let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
                if self.fail & (1 << attempt) == 0 {
                    Ok(())
                } else {
                    Err(())
                }
            });
            match started {
                // It begins with this task.
                Started::Yes => return true,
                _ if self.core.has_worker() => return self.core.push_wake_one(DEFAULT_PRIORITY, 7).is_ok(),
                Started::Failed(()) => return false,
                Started::Enough => {}
            }
        }
    }
}

#[test]
fn a_task_is_taken_only_by_a_pool_with_a_worker() {
    for (limit, fail) in [(1, 0b11), (2, 0b11), (1, 0b01), (2, 0b01), (2, 0b10), (1, 0)] {
        model::check_bounded(3, move || {
            let pool = Pool::new(limit, fail);
            let other = start(&pool, Pool::submit);
            let taken = [pool.submit(), other.join().unwrap()];
            let taken = taken.into_iter().filter(|&taken| taken).count();
            let stats = pool.core.stats();
            assert!(stats.workers <= limit && stats.workers + stats.waiting == taken);
            assert_eq!(
                (stats.submitted, stats.running),
                (taken as u64, stats.workers as u64)
            );
            assert!(taken == 0 || stats.workers > 0, "no worker would run them");
            if fail == 0b11 {
                assert_eq!(taken, 0);
            }
            assert_eq!(pool.core.has_worker(), stats.workers > 0);
        });
    }
}

#[test]
fn a_task_submitted_at_the_end_of_a_pool_is_done_or_comes_back() {
    model::check_bounded(4, || {
        let pool = Pool::new(1, 0);
        let submits = start(&pool, Pool::submit);
        pool.core.shutdown();
        let has_ended = pool
            .core
            .wait_for_workers(&mut WaitContext::until(Deadline::PASSED));
        // The worker of a task that was taken has not left yet: a thread that joins the pool waits for it.
        let taken = submits.join().unwrap();
        assert!(!(has_ended && taken));
    });
}

#[test]
fn a_worker_that_leaves_before_its_start_is_known_is_not_waited_for() {
    model::check_bounded(3, || {
        let core = core(1);
        let starts = start(&core, |core| {
            let started = core.try_start(|worker| {
                // The thread has run, and ended.
                core.leave(worker);
                Ok::<_, ()>(())
            });
            assert!(matches!(started, Started::Yes));
        });
        assert!(!core.has_worker(), "it has left, or has not been started");
        assert!(core.wait_for_workers(&mut WaitContext::endless()));
        starts.join().unwrap();
        assert_eq!(core.stats().workers, 0);
        assert!(!core.has_worker());
    });
}

#[test]
fn a_wait_for_the_workers_ends_when_one_could_not_be_started() {
    model::check(|| {
        let core = core(1);
        let fails = start(&core, |core| {
            assert!(matches!(core.try_start(|_| Err(())), Started::Failed(())));
        });
        assert!(core.wait_for_workers(&mut WaitContext::endless()));
        fails.join().unwrap();
    });
}
