//! Channels: each side learns when the other side is gone.

#![cfg(not(loom))]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use interlock_queue::face::{RecvError, SendError, bounded, unbounded};

const SOON: Duration = Duration::from_millis(5);

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn receivers_get_what_was_sent_before_the_last_sender_went() {
    let (sender, receiver) = unbounded();
    let other = sender.clone();
    sender.send(1).unwrap();
    drop(sender);
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(RecvError::Empty));
    other.send(2).unwrap();
    drop(other);
    assert!(receiver.is_disconnected());
    assert_eq!(
        (receiver.recv(), receiver.recv()),
        (Ok(2), Err(RecvError::Disconnected))
    );
    assert!(
        receiver
            .recv_timeout(Duration::MAX)
            .unwrap_err()
            .is_disconnected()
    );
}

#[test]
fn senders_are_refused_when_the_last_receiver_has_gone_and_its_items_are_dropped() {
    let (sender, receiver) = unbounded();
    let item = Arc::new(());
    sender.send(item.clone()).unwrap();
    let other = receiver.clone();
    drop(receiver);
    sender.send(item.clone()).unwrap();
    assert!(!sender.is_disconnected());
    drop(other);
    assert_eq!(Arc::strong_count(&item), 1);
    assert_eq!(sender.send(item), Err(SendError::Disconnected(Arc::new(()))));
}

#[test]
fn the_end_of_a_side_ends_the_waits_of_the_other() {
    let (sender, receiver) = bounded(1);
    sender.send(1).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(move || sender.send(2));
        drop(receiver);
        assert_eq!(waits.join().unwrap(), Err(SendError::Disconnected(2)));
    });
    let (sender, receiver) = bounded::<u8>(1);
    std::thread::scope(|scope| {
        let waits = scope.spawn(move || receiver.recv());
        drop(sender);
        assert_eq!(waits.join().unwrap(), Err(RecvError::Disconnected));
    });
}

#[test]
fn each_form_of_sending_and_receiving_can_be_late() {
    let (sender, receiver) = bounded(1);
    let began = Instant::now();
    assert_eq!(receiver.try_recv(), Err(RecvError::Empty));
    assert_eq!(receiver.recv_timeout(SOON), Err(RecvError::Empty));
    assert_eq!(
        receiver.recv_deadline(Instant::now() + SOON),
        Err(RecvError::Empty)
    );
    sender.send('a').unwrap();
    assert!(sender.is_full() && sender.len() == 1 && !receiver.is_empty());
    assert_eq!(sender.try_send('b'), Err(SendError::Full('b')));
    assert_eq!(sender.send_timeout('b', SOON), Err(SendError::Full('b')));
    assert_eq!(
        sender.send_deadline('b', Instant::now() + SOON),
        Err(SendError::Full('b'))
    );
    assert!(began.elapsed() >= 4 * SOON);
    let mut sending = pin!(sender.send_async('c'));
    assert!(poll(sending.as_mut()).is_pending());
    assert_eq!(receiver.recv(), Ok('a'));
    assert_eq!(poll(sending.as_mut()), Poll::Ready(Ok(())));
    assert_eq!(poll(pin!(receiver.recv_async())), Poll::Ready(Ok('c')));
}

#[test]
fn several_receivers_share_the_items() {
    let (sender, receiver) = bounded(4);
    let sum: u32 = std::thread::scope(|scope| {
        let receivers =
            [receiver.clone(), receiver].map(|receiver| scope.spawn(move || receiver.iter().sum::<u32>()));
        for sender in [sender.clone(), sender] {
            scope.spawn(move || (1..=100).for_each(|number| sender.send(number).unwrap()));
        }
        receivers.map(|receiver| receiver.join().unwrap()).iter().sum()
    });
    assert_eq!(sum, 2 * 5050);
}

#[test]
fn iterators_end_at_the_end_of_the_items_or_of_the_senders() {
    let (sender, receiver) = unbounded();
    (0..3).for_each(|number| sender.send(number).unwrap());
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
    sender.send(3).unwrap();
    drop(sender);
    let mut all = Vec::new();
    for item in &receiver {
        all.push(item);
    }
    assert_eq!(all, [3]);
}

#[test]
fn errors_and_sides_can_be_shown() {
    assert!(std::panic::catch_unwind(|| bounded::<u8>(0)).is_err());
    let (sender, receiver) = unbounded::<u8>();
    assert_eq!(
        format!("{sender:?}"),
        "Sender { len: 0, is_disconnected: false, .. }"
    );
    assert_eq!(RecvError::Empty.to_string(), "the channel is empty");
    assert_eq!(
        RecvError::Disconnected.to_string(),
        "the other side of the channel is gone"
    );
    assert_eq!(SendError::Full(1).to_string(), "the channel is full");
    assert_eq!(SendError::Disconnected(receiver).into_inner().len(), 0);
}
