//! The rest of a pool's interface, besides tasks and their results.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

mod common;

use std::error::Error;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use common::{eventually, occupy};
use interlock_pool::{CancelToken, JoinError, MapError, Panic, ScopedTask, Task, TaskError, ThreadPool};
use interlock_sync::Event;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn pools_tasks_and_errors_cross_threads_and_unwinding() {
    fn crosses<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    fn is_error<T: Error + Send + Sync + 'static>() {}
    crosses::<ThreadPool>();
    crosses::<Task<u32>>();
    crosses::<ScopedTask<'_, u32>>();
    crosses::<CancelToken>();
    crosses::<Panic>();
    is_error::<TaskError>();
    is_error::<JoinError>();
    is_error::<Panic>();
    is_error::<MapError<TaskError>>();
}

#[test]
fn each_form_of_a_wait_ends_in_time_and_says_so() {
    let pool = ThreadPool::builder().workers(1).max_pending(1).build();
    let event = Arc::new(Event::new());
    let busy = occupy(&pool, &event);
    let past = Instant::now();
    assert!(busy.wait_timeout(Duration::ZERO).is_err() && busy.wait_deadline(past).is_err());
    let busy = busy.try_result().unwrap_err();
    let busy = busy.result_timeout(Duration::ZERO).unwrap_err();
    let busy = busy.result_deadline(past).unwrap_err();
    let waits = pool.submit(|| 1).unwrap();
    assert!(pool.submit_timeout(Duration::ZERO, || 2).unwrap_err().is_full());
    assert!(pool.submit_deadline(past, || 2).unwrap_err().is_full());
    assert!(pool.at(1).submit_deadline(past, || 2).unwrap_err().is_full());
    event.set();
    busy.result_deadline(past + LONG).unwrap().unwrap();
    waits.wait_deadline(past + LONG).unwrap();
    assert_eq!(waits.try_result().unwrap().unwrap(), 1);
    assert_eq!(pool.submit_timeout(LONG, || 3).unwrap().result().unwrap(), 3);

    event.clear();
    let busy = occupy(&pool, &event);
    assert!(pool.try_join().unwrap_err().is_timed_out());
    assert_eq!(pool.join_deadline(past), Err(JoinError::TimedOut));
    event.set();
    busy.result().unwrap();
    assert_eq!(pool.join_timeout(LONG), Ok(()));
    assert_eq!(pool.try_join(), Ok(()));
}

#[test]
fn a_running_task_learns_that_it_should_stop() {
    let pool = ThreadPool::new(1);
    let began = Arc::new(Event::new());
    let its = began.clone();
    let runs = pool.submit_cancellable(move |token| {
        its.set();
        while !token.is_cancelled() {
            std::thread::yield_now();
        }
        7
    });
    let runs = runs.unwrap();
    began.wait();
    let never = pool.submit_cancellable(|_| 8).unwrap();
    assert!(never.cancel());
    assert!(!runs.cancel());
    assert_eq!(runs.result_timeout(LONG).unwrap().unwrap(), 7);
    assert!(never.result().unwrap_err().is_cancelled());
}

#[test]
fn threads_and_tasks_wait_for_a_token() {
    let pool = ThreadPool::new(1);
    let begun = Arc::new(Event::new());
    let task = {
        let begun = begun.clone();
        pool.submit_cancellable(move |token| {
            begun.set();
            token.wait();
        })
    };
    let token = CancelToken::new();
    assert!(token.wait_timeout(Duration::ZERO).is_err());
    assert!(token.wait_deadline(Instant::now()).is_err());
    let polled = token.clone();
    let mut future = pin!(polled.wait_async());
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    std::thread::scope(|scope| {
        let waits = [token.clone(), token.clone()].map(|its| scope.spawn(move || its.wait_timeout(LONG)));
        token.cancel();
        assert!(waits.into_iter().all(|thread| thread.join().unwrap().is_ok()));
    });
    assert!(future.as_mut().poll(&mut context).is_ready());
    token.wait();
    let task = task.unwrap();
    begun.wait();
    assert!(!task.cancel());
    assert!(task.result_timeout(LONG).unwrap().is_ok());
}

#[test]
fn each_form_of_submitting_a_cancellable_function_returns_it_if_it_is_refused() {
    let pool = ThreadPool::builder().workers(1).max_pending(1).build();
    let (event, past) = (Arc::new(Event::new()), Instant::now());
    let busy = occupy(&pool, &event);
    let looks = |token: &CancelToken| token.is_cancelled();
    let waits = pool.try_submit_cancellable(looks).unwrap();
    let urgent = pool.at(-1);
    let refused = [
        pool.try_submit_cancellable(looks),
        pool.submit_cancellable_timeout(Duration::ZERO, looks),
        pool.submit_cancellable_deadline(past, looks),
        urgent.try_submit_cancellable(looks),
        urgent.submit_cancellable_timeout(Duration::ZERO, looks),
        urgent.submit_cancellable_deadline(past, looks),
    ];
    for refused in refused {
        let function = refused.unwrap_err().into_inner();
        let token = CancelToken::new();
        assert!(!function(&token));
        token.cancel();
        assert!(function(&token));
    }
    let context = &mut Context::from_waker(Waker::noop());
    let began = Arc::new(Event::new());
    let its = began.clone();
    let mut submitting = pin!(urgent.submit_cancellable_async(move |token| {
        its.set();
        while !token.is_cancelled() {
            std::thread::yield_now();
        }
        7
    }));
    assert!(submitting.as_mut().poll(context).is_pending());
    assert!(waits.cancel());
    let Poll::Ready(Ok(stops)) = submitting.as_mut().poll(context) else {
        panic!("there is room");
    };
    assert!(submitting.is_terminated());
    event.set();
    busy.result().unwrap();
    began.wait();
    assert!(!stops.cancel());
    assert_eq!(stops.result().unwrap(), 7);
    pool.shutdown();
    assert!(pool.submit_cancellable(looks).unwrap_err().is_shut_down());
    let Poll::Ready(Err(refused)) = pin!(pool.submit_cancellable_async(looks)).poll(context) else {
        panic!("the pool was shut down");
    };
    assert!(!refused.into_inner()(&CancelToken::new()));
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_async_submitter_waits_for_room_in_line() {
    let pool = ThreadPool::builder().workers(1).max_pending(1).build();
    let event = Arc::new(Event::new());
    let busy = occupy(&pool, &event);
    let waits = pool.submit(|| 1).unwrap();
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut context = Context::from_waker(&waker);
    let mut first = Box::pin(pool.submit_async(|| 2));
    let mut second = pin!(pool.submit_async(|| 3));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
    // There is one place, and the first in line gives its turn up.
    assert!(waits.cancel());
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    drop(first);
    assert_eq!(wakes.0.load(Ordering::SeqCst), 2);
    let Poll::Ready(Ok(task)) = second.as_mut().poll(&mut context) else {
        panic!("there is room");
    };
    assert!(second.as_mut().poll(&mut context).is_pending(), "it is over");
    let third = pool.submit_async(|| 4);
    pool.shutdown();
    let Poll::Ready(Err(refused)) = pin!(third).poll(&mut context) else {
        panic!("the pool was shut down");
    };
    assert!(refused.is_shut_down());
    assert_eq!(refused.into_inner()(), 4);
    event.set();
    busy.result().unwrap();
    assert_eq!(task.result().unwrap(), 3);
}

/// A task that counts how often it is woken.
fn counting() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (wakes.clone(), Waker::from(wakes))
}

#[test]
fn an_async_submitter_keeps_its_place_when_it_is_polled_again_or_finds_the_room_taken() {
    let pool = ThreadPool::builder().workers(1).max_pending(1).build();
    let event = Arc::new(Event::new());
    let busy = occupy(&pool, &event);
    let waits = pool.submit(|| 1).unwrap();
    let (to_first, first_waker) = counting();
    let (to_second, second_waker) = counting();
    let woken = || [&to_first, &to_second].map(|wakes| wakes.0.load(Ordering::SeqCst));
    let mut first = pin!(pool.submit_async(|| 2));
    let mut second = pin!(pool.submit_async(|| 3));
    let context = &mut Context::from_waker(&first_waker);
    assert!(first.as_mut().poll(context).is_pending());
    let to_the_second = &mut Context::from_waker(&second_waker);
    assert!(second.as_mut().poll(to_the_second).is_pending());
    // As `join!` and `select!` do.
    assert!(first.as_mut().poll(context).is_pending());
    assert!(waits.cancel());
    assert_eq!(woken(), [1, 0]);
    // Another one is faster.
    let faster = pool.try_submit(|| 4).unwrap();
    assert!(first.as_mut().poll(context).is_pending());
    assert!(faster.cancel());
    assert_eq!(woken(), [2, 0]);
    assert!(first.as_mut().poll(context).is_ready());
    assert!(first.is_terminated() && !second.is_terminated());
    event.set();
    busy.result().unwrap();
    eventually(|| woken() == [2, 1]);
    assert!(second.as_mut().poll(to_the_second).is_ready());
}

#[test]
fn a_map_is_lazy_and_may_be_endless() {
    let pool = ThreadPool::new(2);
    let taken = Arc::new(AtomicUsize::new(0));
    let its = taken.clone();
    let numbers = (0_u64..).inspect(move |_| {
        its.fetch_add(1, Ordering::SeqCst);
    });
    let mut mapped = pool.map(numbers, |number| number + 1);
    assert_eq!(taken.load(Ordering::SeqCst), 0);
    let firsts: Vec<_> = mapped.by_ref().take(100).map(Result::unwrap).collect();
    assert!(firsts.into_iter().eq(1..=100));
    assert!(taken.load(Ordering::SeqCst) < 500);
}

#[test]
fn a_map_takes_a_limited_number_of_items_ahead_however_many_workers_there_may_be() {
    let pool = ThreadPool::new(100);
    let taken = Arc::new(AtomicUsize::new(0));
    let its = taken.clone();
    let numbers = (0_u64..100_000).inspect(move |_| {
        its.fetch_add(1, Ordering::SeqCst);
    });
    let firsts: Vec<_> = pool.map(numbers, |n| n).take(3).map(Result::unwrap).collect();
    assert_eq!(firsts, [0, 1, 2]);
    assert!(taken.load(Ordering::SeqCst) < 4100);
}

#[test]
fn the_first_error_of_a_map_ends_it() {
    let pool = ThreadPool::new(2);
    let calls = Arc::new(AtomicUsize::new(0));
    let its = calls.clone();
    let result = pool.try_map(0..100_000, move |number| {
        its.fetch_add(1, Ordering::SeqCst);
        if number >= 10 { Err(number) } else { Ok(number) }
    });
    assert!(
        matches!(result, Err(MapError::Failed(10))),
        "the first in their order"
    );
    assert!(calls.load(Ordering::SeqCst) < 1_000);
    let panics = pool.try_map([1], |_| -> Result<(), u32> { panic!("in a call") });
    assert!(matches!(panics, Err(MapError::Task(TaskError::Panicked(_)))));
    assert!(pool.try_map(0..10, Ok::<u32, u32>).unwrap().into_iter().eq(0..10));
}

#[test]
fn results_come_as_they_are_done_or_in_chunks() {
    let pool = Arc::new(ThreadPool::new(2));
    let event = Arc::new(Event::new());
    let its = event.clone();
    let mut unordered = pool.map_unordered(0..1_000, move |number| {
        if number == 0 {
            its.wait();
        }
        assert_ne!(number, 5);
        number
    });
    let first = unordered.next().unwrap();
    assert!(!matches!(first, Ok(0)));
    event.set();
    let rest: Vec<_> = unordered.collect();
    let mut numbers: Vec<_> = rest.iter().chain([&first]).flatten().copied().collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq((0..1_000).filter(|&number| number != 5)));
    assert_eq!(rest.len() + 1, 1_000);

    let chunked = pool.map_chunked(7, 0..100, |number| {
        assert_ne!(number, 50);
        number
    });
    for (number, result) in chunked.enumerate() {
        match result {
            Ok(same) => assert_eq!(same, number),
            Err(error) => assert!(error.is_panic() && number == 50),
        }
    }
}

#[test]
fn a_worker_may_map_on_its_own_pool() {
    let pool = Arc::new(ThreadPool::new(1));
    let its = pool.clone();
    let sums = pool.submit(move || {
        let ordered: u32 = its.map(0..500, |number| number).flatten().sum();
        let unordered: u32 = its.map_unordered(0..500, |number| number).flatten().sum();
        (ordered, unordered)
    });
    let sum = (0..500).sum();
    assert_eq!(sums.unwrap().result_timeout(LONG).unwrap().unwrap(), (sum, sum));
}

#[test]
fn results_that_are_cancelled_meanwhile_are_errors_of_an_unordered_map() {
    let pool = ThreadPool::new(1);
    let (began, event) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let (tells, waits) = (began.clone(), event.clone());
    let mut mapped = pool.map_unordered(0..20, move |number| {
        if number == 1 {
            tells.set();
            waits.wait();
        }
    });
    mapped.next().unwrap().unwrap();
    began.wait();
    assert_eq!(pool.cancel_waiting(), 18);
    event.set();
    let (done, cancelled): (Vec<_>, Vec<_>) = mapped.partition(Result::is_ok);
    assert_eq!((done.len(), cancelled.len()), (1, 18));
}

#[test]
fn errors_say_what_happened_and_why() {
    let pool = ThreadPool::new(1);
    let error = pool.submit(|| panic!("too hot")).unwrap().result();
    let error: TaskError = error.map(|(): ()| ()).unwrap_err();
    assert_eq!(error.to_string(), "the task panicked: too hot");
    assert_eq!(error.source().unwrap().to_string(), "too hot");
    let name = pool.submit(|| std::thread::current().name().map(String::from));
    assert_eq!(name.unwrap().result().unwrap().as_deref(), Some("worker-1"));
}
