//! Outcomes and work queues, in every order of their threads. The names are those of the claims in `PROTOCOL.md`.

#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

#[path = "../../wait/tests/model/mod.rs"]
mod model;

use interlock_pool::{DEFAULT_PRIORITY, Outcome, Phase, PoolCore, Refusal, Waited, Watch};
use interlock_queue::{GetError, PutOutcome, Queue};
use interlock_wait::{Deadline, WaitContext, Wakeups};
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

type Numbers = Outcome<u32, u32>;

fn start<T: 'static>(outcome: &Arc<Numbers>, body: impl FnOnce(&Numbers) -> T + 'static) -> JoinHandle<T> {
    let outcome = outcome.clone();
    thread::spawn(move || body(&outcome))
}

fn wait(outcome: &Numbers) -> Waited {
    outcome.wait_with(&mut WaitContext::endless())
}

#[test]
fn cancel_and_begin_race() {
    model::check(|| {
        let outcome = Arc::new(Numbers::new());
        let worker = start(&outcome, |outcome| outcome.begin().unwrap());
        let cancelled = matches!(outcome.cancel(), Ok(Some(_)));
        assert!(worker.join().unwrap() != cancelled);
        let phase = match cancelled {
            true => Phase::CancelledAndNotified,
            false => Phase::Running,
        };
        assert_eq!(outcome.phase(), phase);
    });
}

#[test]
fn it_is_finished_once() {
    model::check_bounded(4, || {
        let outcome = Arc::new(Numbers::new());
        let first = start(&outcome, |outcome| outcome.finish(1).is_ok());
        let second = start(&outcome, |outcome| outcome.finish(2).is_ok());
        let cancelled = outcome.cancel().is_ok();
        let (first, second) = (first.join().unwrap(), second.join().unwrap());
        assert_eq!([first, second, cancelled].iter().filter(|&&won| won).count(), 1);
        let value = outcome.value(|value| *value);
        assert_eq!(value, first.then_some(1).or(second.then_some(2)));
    });
}

#[test]
fn no_waiter_sleeps_past_the_end() {
    model::check_bounded(3, || {
        let outcome = Arc::new(Numbers::new());
        let waits = [(); 2].map(|()| start(&outcome, wait));
        assert!(outcome.finish(1).is_ok());
        assert!(waits.into_iter().all(|it| it.join().unwrap() == Waited::Done));
    });
    model::check(|| {
        let outcome = Arc::new(Numbers::new());
        let waits = start(&outcome, wait);
        assert!(outcome.cancel().is_ok());
        assert_eq!(waits.join().unwrap(), Waited::Done);
    });
}

#[test]
fn a_waiter_that_leaves_takes_nothing_from_the_others() {
    model::check_bounded(3, || {
        let outcome = Arc::new(Numbers::new());
        let stays = start(&outcome, wait);
        let leaves = start(&outcome, |outcome| {
            outcome.wait_with(&mut WaitContext::until(Deadline::PASSED))
        });
        assert!(outcome.finish(1).is_ok());
        assert_eq!(stays.join().unwrap(), Waited::Done);
        assert!(matches!(leaves.join().unwrap(), Waited::Done | Waited::TimedOut));
    });
}

#[test]
fn every_callback_is_handed_out_once() {
    model::check_bounded(4, || {
        let outcome = Arc::new(Numbers::new());
        let listens = |number| start(&outcome, move |outcome| outcome.listen(number).err());
        let listeners = [listens(1), listens(2)];
        let mut handed: Vec<_> = outcome.finish(0).ok().unwrap().callbacks().collect();
        for listener in listeners {
            if let Some((refusal, late)) = listener.join().unwrap() {
                assert_eq!(refusal, Refusal::Phase(Phase::Finished));
                handed.push(late);
            }
        }
        handed.sort_unstable();
        assert_eq!(handed, [1, 2]);
    });
}

#[test]
fn a_watch_hears_of_each_outcome_once() {
    model::check_bounded(3, || {
        let outcome = Arc::new(Numbers::new());
        let watch: Arc<Watch> = Arc::new(Queue::new(0));
        let worker = start(&outcome, |outcome| {
            if outcome.begin().unwrap() {
                assert!(outcome.finish(1).is_ok());
            }
        });
        let cancels = start(&outcome, |outcome| outcome.cancel().is_ok());
        outcome.watch(&watch, 5);
        assert_eq!(watch.get(), Ok(5));
        worker.join().unwrap();
        cancels.join().unwrap();
        assert!(watch.is_empty());
    });
}

#[test]
fn a_retired_outcome_refuses_every_step() {
    model::check_bounded(3, || {
        let outcome = Arc::new(Numbers::new());
        let waits = start(&outcome, wait);
        let worker = start(&outcome, |outcome| outcome.finish(1).is_ok());
        let (contents, wakeups) = outcome.retire().unwrap();
        wakeups.run();
        let finished = worker.join().unwrap();
        assert_eq!(contents.phase == Phase::Finished, finished);
        assert_eq!(contents.value.is_some(), finished);
        let waited = waits.join().unwrap();
        assert!(waited == Waited::Retired || (finished && waited == Waited::Done));
    });
}

#[test]
fn a_task_is_taken_or_comes_out_when_the_queue_is_retired() {
    model::check_bounded(3, || {
        let queue = Arc::new(PoolCore::new(1, 0));
        let its = queue.clone();
        let worker = thread::spawn(move || its.take_with(&mut WaitContext::endless()));
        let its = queue.clone();
        let putter = thread::spawn(move || its.try_put(DEFAULT_PRIORITY, 1).is_ok());
        let retired = queue.retire().unwrap();
        let came_out = retired.tasks.count();
        retired.wakeups.into_iter().for_each(Wakeups::run);
        let taken = worker.join().unwrap();
        assert!(taken == Ok(1) || taken == Err(GetError::Retired));
        let put = putter.join().unwrap();
        assert_eq!(usize::from(put), came_out + usize::from(taken.is_ok()));
    });
}

/// One worker takes a task, and is busy from then on; two are put.
fn two_tasks_for_a_worker(
    put: fn(&PoolCore<u32>, u32) -> PutOutcome,
    take: fn(&PoolCore<u32>) -> Result<u32, GetError>,
) {
    model::check_bounded(3, move || {
        let queue = Arc::new(PoolCore::new(1, 0));
        let its = queue.clone();
        let worker = thread::spawn(move || take(&its));
        let placed = [1, 2].map(|work| put(&queue, work));
        assert!(worker.join().unwrap().is_ok());
        assert_eq!(queue.waiting(), 1);
        let idle = placed
            .iter()
            .filter(|&&it| it == PutOutcome::GetterNotified)
            .count();
        assert!(
            idle <= 1,
            "for the task that no worker takes, another worker was wanted"
        );
    });
}

fn put_for_turns(queue: &PoolCore<u32>, work: u32) -> PutOutcome {
    queue.push_wake_one(DEFAULT_PRIORITY, work).unwrap()
}

fn take_in_turn(queue: &PoolCore<u32>) -> Result<u32, GetError> {
    queue.take_fork_guarded(|_| ()).map(|(work, ())| work)
}

#[test]
fn a_worker_is_wanted_when_none_is_idle() {
    two_tasks_for_a_worker(
        |queue, work| queue.try_put(DEFAULT_PRIORITY, work).unwrap(),
        |queue| queue.take_with(&mut WaitContext::endless()),
    );
    two_tasks_for_a_worker(put_for_turns, take_in_turn);
}

#[test]
fn workers_that_wake_in_turn_all_wake() {
    model::check_bounded(3, || {
        let queue = Arc::new(PoolCore::new(1, 0));
        // Each takes one, and is busy from then on.
        let workers = [(); 2].map(|()| {
            let queue = queue.clone();
            thread::spawn(move || take_in_turn(&queue))
        });
        for work in [1, 2] {
            put_for_turns(&queue, work);
        }
        let mut taken = workers.map(|worker| worker.join().unwrap().unwrap());
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    });
    model::check_bounded(2, || {
        let queue = Arc::new(PoolCore::new(1, 0));
        // One of them takes all tasks, perhaps before the other came.
        let workers = [1, 2].map(|tasks| {
            let queue = queue.clone();
            thread::spawn(move || (0..tasks).filter(|_| take_in_turn(&queue).is_ok()).count())
        });
        for work in [1, 2, 3] {
            put_for_turns(&queue, work);
        }
        assert_eq!(workers.map(|worker| worker.join().unwrap()), [1, 2]);
    });
}

#[test]
fn what_was_put_before_the_end_is_done() {
    model::check_bounded(3, || {
        let queue = Arc::new(PoolCore::new(1, 0));
        let workers = [(); 2].map(|()| {
            let queue = queue.clone();
            thread::spawn(move || queue.take_with(&mut WaitContext::endless()))
        });
        assert!(queue.try_put(DEFAULT_PRIORITY, 1).is_ok());
        queue.shutdown();
        let mut taken = workers.map(|worker| worker.join().unwrap());
        taken.sort_unstable_by_key(Result::is_err);
        assert_eq!(taken, [Ok(1), Err(GetError::ShutDown)]);
    });
}
