//! The effect of an observer's refusal on operations of queues and channels.

#![cfg(not(loom))]

use std::sync::Arc;
use std::time::{Duration, Instant};

use interlock_queue::face::{FifoQueue, GetError, PutError, RecvError, SendError, bounded};
use interlock_wait::{
    Observer, TimedOut, TraceEvent, Verdict, Wait, clear_observer, set_observer, take_refusal,
};

/// Refuses every wait.
struct Refuses;

impl Observer for Refuses {
    fn event(&self, _: TraceEvent) {}

    fn will_wait(&self, _: &Wait<'_>) -> Verdict {
        Verdict::Refuse
    }
}

/// C341: these would wait for ever, or a day.
#[test]
fn a_refused_get_or_put_ends_at_once() {
    const DAY: Duration = Duration::from_secs(86_400);
    let day = Instant::now() + DAY;
    set_observer(Arc::new(Refuses));
    let queue = FifoQueue::bounded(1);
    for got in [queue.get(), queue.get_timeout(DAY), queue.get_deadline(day)] {
        assert_eq!(got, Err(GetError::Empty));
    }
    assert!(take_refusal());
    queue.put(1).unwrap();
    for put in [
        queue.put(2),
        queue.put_timeout(2, DAY),
        queue.put_deadline(2, day),
    ] {
        assert_eq!(put, Err(PutError::Full(2)));
    }
    for joined in [queue.join_timeout(DAY), queue.join_deadline(day)] {
        assert_eq!(joined, Err(TimedOut));
    }
    let (sender, receiver) = bounded(1);
    for received in [
        receiver.recv(),
        receiver.recv_timeout(DAY),
        receiver.recv_deadline(day),
    ] {
        assert_eq!(received, Err(RecvError::Empty));
    }
    sender.send(1).unwrap();
    for sent in [
        sender.send(2),
        sender.send_timeout(2, DAY),
        sender.send_deadline(2, day),
    ] {
        assert_eq!(sent, Err(SendError::Full(2)));
    }
    clear_observer();
    assert_eq!((queue.len(), receiver.len()), (1, 1));
    drop(queue.get_task());
    queue.put(2).unwrap();
    drop(queue.get_task());
    queue.join();
}
