//! Threads and tasks at one priority queue.
//!
//! Run it with `cargo run --release -p interlock --example dispatcher`.
//!
//! Two threads hand in orders, each with its priority; they wait while the queue is full. A thread and an asynchronous task
//! serve them, the most urgent first, and both stand in the same line when there is nothing to do.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use interlock::queue::{Discard, PriorityQueue};

const ORDERS: u32 = 10_000;

/// A priority, the smallest first, and the number of the order.
type Orders = PriorityQueue<u32, u32>;

struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor: runs one task on this thread.
fn run<F: Future>(task: F) -> F::Output {
    let mut task = pin!(task);
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    loop {
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

/// Hands in every second order.
fn hand_in(orders: &Orders, first: u32) {
    for number in (first..ORDERS).step_by(2) {
        if let Err(error) = orders.put((number % 7, number)) {
            println!("order {number} was refused: {error}");
        }
    }
}

/// Serves orders until the queue is shut down and empty; how many.
fn serve(orders: &Orders) -> u32 {
    let mut served = 0;
    while let Ok(_order) = orders.get_task() {
        served += 1;
    }
    served
}

/// As [`serve`], for a task.
async fn serve_async(orders: &Orders) -> u32 {
    let mut served = 0;
    while let Ok(_order) = orders.get_task_async().await {
        served += 1;
    }
    served
}

fn main() {
    let orders = Orders::bounded(16);
    let [by_thread, by_task] = thread::scope(|scope| {
        let servers = [
            scope.spawn(|| serve(&orders)),
            scope.spawn(|| run(serve_async(&orders))),
        ];
        let clerks = [0, 1].map(|first| {
            let orders = &orders;
            scope.spawn(move || hand_in(orders, first))
        });
        for clerk in clerks {
            let _ = clerk.join();
        }
        // All orders are in; wait until they are served, and let the servers go home.
        orders.join();
        orders.shutdown(Discard::Nothing);
        servers.map(|server| server.join().unwrap_or(0))
    });
    println!("{by_thread} orders were served by a thread, {by_task} by a task");
    assert_eq!(by_thread + by_task, ORDERS);
}

#[test]
fn every_order_is_served() {
    main();
}
