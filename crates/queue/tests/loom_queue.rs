//! Loom models of `Queue`. `PROTOCOL.md` names the tests beside its claims.

#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a model may fail loudly, its helpers too")]

#[path = "../../wait/tests/hosts/mod.rs"]
mod hosts;
#[path = "../../wait/tests/model/mod.rs"]
mod model;
#[path = "../../wait/tests/woken/mod.rs"]
mod woken;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use hosts::Stops;
use interlock_queue::face::{RecvError, SendError, bounded};
use interlock_queue::{Discard, Fifo, GetError, HostQueue, JoinError, PutError, Queue};
use interlock_wait::{Deadline, WaitContext, Wakeups};
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};
use woken::Woken;

type Numbers = Queue<Fifo<u32>>;

fn start<T: 'static>(queue: &Arc<Numbers>, body: impl FnOnce(&Numbers) -> T + 'static) -> JoinHandle<T> {
    let queue = queue.clone();
    thread::spawn(move || body(&queue))
}

#[test]
fn each_item_is_taken_once_and_in_order() {
    model::check_bounded(4, || {
        let queue = Arc::new(Numbers::new(1));
        let getter = start(&queue, |queue| [queue.get(), queue.get()]);
        queue.put(1).unwrap();
        queue.put(2).unwrap();
        assert_eq!(getter.join().unwrap(), [Ok(1), Ok(2)]);
        assert!(queue.is_empty());
    });
}

#[test]
fn as_many_getters_continue_as_items_are_put() {
    model::check_bounded(3, || {
        let queue = Arc::new(Numbers::new(0));
        let getters = [(); 2].map(|()| start(&queue, Numbers::get));
        let mut items = std::collections::VecDeque::from([1, 2]);
        queue
            .put_many_with(&mut items, &mut WaitContext::endless())
            .unwrap();
        let mut got: Vec<_> = getters.map(|getter| getter.join().unwrap().unwrap()).into();
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

/// Takes an item, and puts it back.
fn pass_by(queue: &Numbers) {
    if let Ok(item) = queue.try_get() {
        queue.put(item).unwrap();
    }
}

#[test]
fn no_getter_sleeps_while_there_is_an_item() {
    model::check_bounded(3, || {
        let queue = Arc::new(Numbers::new(0));
        let getters = [(); 2].map(|()| start(&queue, Numbers::get));
        queue.put(1).unwrap();
        pass_by(&queue);
        queue.put(2).unwrap();
        for getter in getters {
            assert!(getter.join().unwrap().is_ok());
        }
        assert!(queue.is_empty());
    });
}

#[test]
fn no_putter_sleeps_while_there_is_room() {
    model::check_bounded(3, || {
        let queue = Arc::new(Numbers::new(1));
        queue.put(0).unwrap();
        let putters = [1, 2].map(|item| start(&queue, move |queue| queue.put(item)));
        assert!(queue.get().is_ok());
        if queue.try_put(3).is_ok() {
            assert!(queue.get().is_ok());
        }
        assert!(queue.get().is_ok());
        for putter in putters {
            assert_eq!(putter.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn a_task_that_is_polled_again_is_woken_by_its_last_waker() {
    model::check(|| {
        let queue = Arc::new(Numbers::new(0));
        let woken = std::sync::Arc::new(Woken::default());
        let last = Waker::from(woken.clone());
        let mut getting = pin!(queue.get_async());
        assert!(
            getting
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        let putter = start(&queue, |queue| queue.put(1).unwrap());
        let polled = getting.as_mut().poll(&mut Context::from_waker(&last));
        putter.join().unwrap();
        if polled.is_pending() {
            assert_eq!(woken.times(), 1);
            let polled = getting.as_mut().poll(&mut Context::from_waker(&last));
            assert_eq!(polled, Poll::Ready(Ok(1)));
        }
    });
}

/// A wait that times out at once.
fn time_over() -> WaitContext<'static> {
    WaitContext::until(Deadline::PASSED)
}

fn get_interrupted(queue: &Numbers) -> Result<u32, GetError> {
    queue.get_with(&mut WaitContext::hosted(Deadline::NEVER, &mut Stops::at_once()))
}

fn get_interrupted_in_a_sleep(queue: &Numbers) -> Result<u32, GetError> {
    queue.get_with(&mut WaitContext::hosted(
        Deadline::PASSED,
        &mut Stops::after_a_sleep(),
    ))
}

/// Polls once, and drops the future.
fn get_as_a_task(queue: &Numbers) -> Result<u32, GetError> {
    let mut getting = pin!(queue.get_async());
    match getting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(GetError::Empty),
    }
}

/// One getter may leave, another stays. There is one item. If the first getter takes it, it puts it back.
fn one_getter_leaves(leave: fn(&Numbers) -> Result<u32, GetError>) {
    model::check_bounded(3, move || {
        let queue = Arc::new(Numbers::new(0));
        let leaver = start(&queue, move |queue| {
            if let Ok(item) = leave(queue) {
                queue.put(item).unwrap();
            }
        });
        let stayer = start(&queue, Numbers::get);
        queue.put(7).unwrap();
        leaver.join().unwrap();
        assert_eq!(stayer.join().unwrap(), Ok(7));
    });
}

#[test]
fn an_item_reaches_the_next_getter_when_one_leaves() {
    one_getter_leaves(|queue| queue.get_with(&mut time_over()));
    one_getter_leaves(get_interrupted);
    one_getter_leaves(get_interrupted_in_a_sleep);
}

#[test]
fn an_item_reaches_the_next_getter_when_a_task_is_dropped() {
    one_getter_leaves(get_as_a_task);
}

/// One putter may leave, another stays. There is room for one item. If the first putter uses it, it makes room again.
fn one_putter_leaves(leave: fn(&Numbers) -> bool) {
    model::check_bounded(3, move || {
        let queue = Arc::new(Numbers::new(1));
        queue.put(0).unwrap();
        let leaver = start(&queue, move |queue| {
            if leave(queue) {
                queue.get().unwrap();
            }
        });
        let stayer = start(&queue, |queue| queue.put(2).unwrap());
        assert_ne!(queue.get(), Err(GetError::Empty));
        leaver.join().unwrap();
        stayer.join().unwrap();
        assert_eq!(queue.len(), 1);
    });
}

#[test]
fn room_reaches_the_next_putter_when_one_leaves() {
    one_putter_leaves(|queue| queue.put_with(1, &mut time_over()).is_ok());
    one_putter_leaves(|queue| {
        let mut host = Stops::at_once();
        let result = queue.put_with(1, &mut WaitContext::hosted(Deadline::NEVER, &mut host));
        assert!(matches!(result, Ok(()) | Err(PutError::Interrupted(1))));
        result.is_ok()
    });
    one_putter_leaves(|queue| {
        let mut putting = pin!(queue.put_async(1));
        putting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    });
}

fn get_reserved(queue: &Numbers) -> Result<u32, GetError> {
    queue.get_reserved_with(&mut WaitContext::endless())
}

#[test]
fn only_a_waiting_getter_takes_a_reserved_item() {
    model::check_bounded(3, || {
        let queue = Arc::new(Numbers::new(0));
        let getter = start(&queue, get_reserved);
        let passer_by = start(&queue, Numbers::try_get_unreserved);
        queue.try_put_reserved(1).unwrap();
        if passer_by.join().unwrap() == Ok(1) {
            queue.try_put_reserved(2).unwrap();
        }
        assert!(getter.join().unwrap().is_ok());
        assert_eq!((queue.unreserved(), queue.len()), (0, 0));
    });
}

fn one_leaves_a_reserved_item(leave: fn(&Numbers) -> Result<u32, GetError>) {
    model::check_bounded(3, move || {
        let queue = Arc::new(Numbers::new(0));
        let leaver = start(&queue, move |queue| {
            if let Ok(item) = leave(queue) {
                queue.try_put_reserved(item).unwrap();
            }
        });
        let stayer = start(&queue, get_reserved);
        queue.try_put_reserved(7).unwrap();
        leaver.join().unwrap();
        assert_eq!(stayer.join().unwrap(), Ok(7));
        assert_eq!(queue.unreserved(), 0);
    });
}

#[test]
fn a_reserved_item_reaches_the_next_getter_when_one_leaves() {
    one_leaves_a_reserved_item(|queue| queue.get_reserved_with(&mut time_over()));
    one_leaves_a_reserved_item(|queue| {
        let mut host = Stops::at_once();
        queue.get_reserved_with(&mut WaitContext::hosted(Deadline::NEVER, &mut host))
    });
    one_leaves_a_reserved_item(|queue| {
        let mut host = Stops::after_a_sleep();
        queue.get_reserved_with(&mut WaitContext::hosted(Deadline::PASSED, &mut host))
    });
}

#[test]
fn a_shutdown_ends_every_wait() {
    model::check_bounded(3, || {
        let queue = Arc::new(Numbers::new(1));
        let getter = start(&queue, Numbers::get);
        let joiner = start(&queue, |queue| queue.join_with(&mut WaitContext::endless()));
        queue.shutdown(Discard::Items);
        assert_eq!(getter.join().unwrap(), Err(GetError::ShutDown));
        assert_eq!(joiner.join().unwrap(), Ok(()));
        assert_eq!(queue.put(1), Err(PutError::ShutDown(1)));
    });
}

#[test]
fn a_retired_queue_ends_every_wait_and_keeps_nothing() {
    model::check_bounded(3, || {
        let queue = Arc::new(Numbers::new(1));
        queue.put(1).unwrap();
        let putter = start(&queue, |queue| queue.put(2));
        let joiner = start(&queue, |queue| queue.join_with(&mut WaitContext::endless()));
        let (contents, wakeups) = queue.retire().unwrap();
        wakeups.into_iter().for_each(Wakeups::run);
        assert_eq!(putter.join().unwrap(), Err(PutError::Retired(2)));
        assert_eq!(joiner.join().unwrap(), Err(JoinError::Retired));
        assert_eq!(contents.unfinished, 1);
    });
}

#[test]
fn a_joiner_continues_when_every_task_is_done() {
    model::check_bounded(4, || {
        let queue = Arc::new(Numbers::new(0));
        queue.put(1).unwrap();
        let worker = start(&queue, |queue| {
            queue.get().unwrap();
            queue.task_done().unwrap();
        });
        queue.join_with(&mut WaitContext::endless()).unwrap();
        assert_eq!(queue.unfinished(), 0);
        worker.join().unwrap();
    });
}

#[test]
fn a_receiver_gets_all_items_and_learns_that_the_senders_are_gone() {
    model::check_bounded(2, || {
        let (sender, receiver) = bounded(1);
        let senders = [(1, sender.clone()), (2, sender)]
            .map(|(item, sender)| thread::spawn(move || sender.send(item).unwrap()));
        let mut got: Vec<_> = receiver.iter().collect();
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
        assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

#[test]
fn a_sender_learns_that_the_receivers_are_gone() {
    model::check_bounded(3, || {
        let (sender, receiver) = bounded(1);
        sender.send(1).unwrap();
        let sends = thread::spawn(move || sender.send(2));
        drop(receiver);
        assert_eq!(sends.join().unwrap(), Err(SendError::Disconnected(2)));
    });
}
