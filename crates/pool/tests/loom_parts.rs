//! The parts that pools are made of beside outcomes and work queues, in every order of their threads: counts, gatherings,
//! crews, groups. The names are those of the claims in `PROTOCOL.md`.

#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

#[path = "../../wait/tests/model/mod.rs"]
mod model;

use interlock_pool::{CountedQueue, Counts, DEFAULT_PRIORITY, ReorderBuffer, Started, WaitGroup, WorkQueue};
use interlock_queue::GetError;
use interlock_wait::{Deadline, Host, Slept, WaitContext};
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

fn wait_for(number: u64) -> impl FnOnce(&Counts) -> u64 {
    move |counts| counts.wait_with(number, &mut WaitContext::endless())
}

fn give_up_on(number: u64) -> impl FnOnce(&Counts) -> u64 {
    move |counts| counts.wait_with(number, &mut WaitContext::hosted(Deadline::NEVER, &mut GivesUp))
}

#[test]
fn nobody_sleeps_past_the_number_of_tasks_that_it_waits_for() {
    model::check_bounded(3, || {
        let counts: Arc<Counts> = Arc::new(Counts::default());
        let [one, two] = [1, 2].map(|number| start(&counts, wait_for(number)));
        counts.began();
        counts.succeeded();
        assert!(one.join().unwrap() >= 1);
        counts.taken_out(1);
        assert_eq!(two.join().unwrap(), 2);
    });
}

#[test]
fn who_gives_up_on_a_number_takes_nothing_from_the_others() {
    for gives_up_on in [1, 3] {
        model::check_bounded(2, move || {
            let counts: Arc<Counts> = Arc::new(Counts::default());
            let gives_up = start(&counts, give_up_on(gives_up_on));
            let [one, two] = [1, 2].map(|number| start(&counts, wait_for(number)));
            counts.taken_out(1);
            assert!(one.join().unwrap() >= 1);
            counts.taken_out(1);
            assert_eq!(two.join().unwrap(), 2);
            assert!(gives_up.join().unwrap() <= 2);
        });
    }
}

#[test]
fn a_task_is_in_one_place_in_each_look() {
    model::check(|| {
        let counts: Arc<Counts> = Arc::new(Counts::default());
        counts.began();
        let worker = start(&counts, Counts::failed);
        let seen = counts.look();
        assert_eq!((seen.running + seen.done, seen.failed), (1, seen.done));
        worker.join().unwrap();
    });
}

/// All that is still to come.
fn take_all(gather: &ReorderBuffer<usize>) -> Vec<usize> {
    let next = || gather.take_with(&mut WaitContext::endless());
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
    move |gather| gather.put_at(number, number).is_ok()
}

#[test]
fn the_end_is_noticed_by_whoever_comes_second() {
    for new in [ReorderBuffer::<_>::as_they_come, ReorderBuffer::<_>::in_order] {
        model::check_bounded(3, move || {
            let gather = Arc::new(new());
            let puts = [0, 1].map(|number| start(&gather, put(number)));
            gather.set_length(2);
            // If nobody notices the end, this does not end either.
            let mut taken = take_all(&gather);
            taken.sort_unstable();
            assert_eq!(taken, [0, 1]);
            assert!(puts.into_iter().all(|put| put.join().unwrap()));
        });
    }
}

#[test]
fn values_are_taken_in_the_order_of_their_numbers_each_once() {
    model::check_bounded(3, || {
        let gather = Arc::new(ReorderBuffer::in_order());
        gather.set_length(3);
        let first = start(&gather, |gather| put(1)(gather) && put(0)(gather));
        let second = start(&gather, put(2));
        assert_eq!(take_all(&gather), [0, 1, 2]);
        assert!(first.join().unwrap() && second.join().unwrap());
    });
}

#[test]
fn there_is_one_last_value_and_no_other_is_lost() {
    for new in [ReorderBuffer::<_>::as_they_come, ReorderBuffer::<_>::in_order] {
        model::check_bounded(3, move || {
            let gather = Arc::new(new());
            let puts = start(&gather, put(0));
            let ends = [8, 9].map(|last| start(&gather, move |gather| gather.end_with(last).is_ok()));
            let (put, ends) = (puts.join().unwrap(), ends.map(|end| end.join().unwrap()));
            assert!(ends[0] != ends[1]);
            let last = if ends[0] { 8 } else { 9 };
            let mut taken = take_all(&gather);
            taken.sort_unstable();
            assert_eq!(taken, if put { vec![0, last] } else { vec![last] });
        });
    }
}

#[test]
fn what_is_put_while_all_is_discarded_stays_nowhere() {
    for new in [ReorderBuffer::<_>::as_they_come, ReorderBuffer::<_>::in_order] {
        model::check_bounded(3, move || {
            let gather = Arc::new(new());
            let value = std::sync::Arc::new(());
            let puts = [1, 0].map(|number| {
                let value = value.clone();
                start(&gather, move |gather| drop(gather.put_at(number, value)))
            });
            drop(gather.discard());
            puts.into_iter().for_each(|put| put.join().unwrap());
            assert_eq!(std::sync::Arc::strong_count(&value), 1);
            assert!(matches!(gather.try_take(), Err(GetError::ShutDown)));
        });
    }
}

/// Puts a task, and counts the workers that are missing afterwards.
fn put_and_enter(tasks: &CountedQueue<u32>) {
    tasks.put(7).unwrap();
    (0..tasks.missing(0, 3)).for_each(|_| tasks.enter());
}

/// A worker that takes a task, and is at it from then on.
fn take_one(tasks: &CountedQueue<u32>) {
    tasks.take_with(&mut WaitContext::endless()).unwrap();
}

#[test]
fn for_each_task_that_is_not_done_there_is_a_worker_or_one_is_missing() {
    // One thread submits two, two submit one each.
    for together in [1, 2] {
        model::check_bounded(3, move || {
            let tasks = Arc::new(CountedQueue::new());
            tasks.enter();
            let worker = start(&tasks, take_one);
            let other = start(&tasks, move |tasks| {
                (1..together).for_each(|_| put_and_enter(tasks))
            });
            (together..=2).for_each(|_| put_and_enter(&tasks));
            worker.join().unwrap();
            other.join().unwrap();
            assert_eq!(tasks.waiting(), 1);
            assert!(tasks.workers() >= 2, "one more than the one that is at a task");
        });
    }
}

#[test]
fn a_worker_that_is_done_is_there_for_the_next_task() {
    model::check_bounded(4, || {
        let tasks = Arc::new(CountedQueue::new());
        put_and_enter(&tasks);
        let worker = start(&tasks, |tasks| {
            take_one(tasks);
            tasks.done();
            take_one(tasks);
        });
        put_and_enter(&tasks);
        worker.join().unwrap();
        tasks.done();
        assert_eq!(tasks.missing(tasks.workers() as usize, 3), 0, "all are free");
    });
}

#[test]
fn a_task_is_taken_or_taken_out_or_refused_and_then_every_worker_ends() {
    model::check_bounded(3, || {
        let tasks = Arc::new(CountedQueue::new());
        let worker = start(&tasks, |tasks| {
            let next = || tasks.take_with(&mut WaitContext::endless());
            std::iter::from_fn(|| next().ok())
                .inspect(|_| tasks.done())
                .count()
        });
        let puts = start(&tasks, |tasks| [1, 2].map(|task| tasks.put(task).is_ok()));
        tasks.close();
        let taken_out = tasks.drain().count();
        let put = puts.join().unwrap().into_iter().filter(|&put| put).count();
        assert_eq!(worker.join().unwrap() + taken_out, put);
        assert_eq!(
            (tasks.missing(0, 3), tasks.missing(1, 3)),
            (0, 1),
            "nothing is left to do"
        );
    });
}

/// A pool as a [`ThreadPool`](interlock_pool) is one, with threads of which some can't be started.
struct Pool {
    workers: WaitGroup,
    tasks: WorkQueue<u32>,
    attempts: AtomicU32,
    /// A bit for each attempt to start a thread: whether it fails.
    fail: u32,
}

impl Pool {
    fn new(fail: u32) -> Self {
        Pool {
            workers: WaitGroup::new(),
            tasks: WorkQueue::new(0),
            attempts: AtomicU32::new(0),
            fail,
        }
    }

    /// Submits a task to a pool that has no worker, as far as the caller knows. Whether it was taken.
    fn submit(&self, most: usize) -> bool {
        loop {
            let started = self.workers.try_start(most, |_| {
                if self.tasks.is_shut_down() {
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
                _ if self.workers.has_any() => return self.tasks.push_wake_one(DEFAULT_PRIORITY, 7).is_ok(),
                Started::Failed(()) => return false,
                Started::Enough => {}
            }
        }
    }
}

#[test]
fn a_task_is_taken_only_by_a_pool_with_a_worker() {
    for (most, fail) in [(1, 0b11), (2, 0b11), (1, 0b01), (2, 0b01), (2, 0b10), (1, 0)] {
        model::check_bounded(3, move || {
            let pool = Arc::new(Pool::new(fail));
            let other = start(&pool, move |pool| pool.submit(most));
            let taken = [pool.submit(most), other.join().unwrap()];
            let taken = taken.into_iter().filter(|&taken| taken).count();
            let workers = pool.workers.len();
            assert!(workers <= most && workers + pool.tasks.len() == taken);
            assert!(taken == 0 || workers > 0, "nobody would do them");
            if fail == 0b11 {
                assert_eq!(taken, 0);
            }
            assert_eq!(pool.workers.has_any(), workers > 0);
        });
    }
}

#[test]
fn a_task_submitted_at_the_end_of_a_pool_is_done_or_comes_back() {
    model::check(|| {
        let pool = Arc::new(Pool::new(0));
        let submits = start(&pool, |pool| pool.submit(1));
        pool.tasks.shutdown();
        let has_ended = pool.workers.wait_with(&mut WaitContext::until(Deadline::PASSED));
        // The worker of a task that was taken has not left yet: who joins waits for it.
        let taken = submits.join().unwrap();
        assert!(!(has_ended && taken));
    });
}

#[test]
fn a_thread_that_ends_before_it_is_known_that_it_was_started_is_not_waited_for() {
    model::check_bounded(3, || {
        let group = Arc::new(WaitGroup::new());
        let starts = start(&group, |group| {
            let started = group.try_start(1, |_| {
                // The thread has run, and ended.
                group.leave();
                Ok::<_, ()>(())
            });
            assert!(matches!(started, Started::Yes));
        });
        assert!(!group.has_any(), "it has left, or has not been started");
        assert!(group.wait_with(&mut WaitContext::endless()));
        starts.join().unwrap();
        assert!(group.is_empty() && !group.has_any());
    });
}

#[test]
fn who_waits_for_the_end_hears_of_a_thread_that_could_not_be_started() {
    model::check(|| {
        let group = Arc::new(WaitGroup::new());
        let fails = start(&group, |group| {
            assert!(matches!(group.try_start(1, |_| Err(())), Started::Failed(())));
        });
        assert!(group.wait_with(&mut WaitContext::endless()));
        fails.join().unwrap();
    });
}
