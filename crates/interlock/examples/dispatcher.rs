//! Threads and tokio tasks at one priority queue.
//!
//! Run it with `cargo run --release -p interlock --example dispatcher`.
//!
//! A thread and a task take orders from customers. Both wait while the queue is full: the thread blocks, and the task lets
//! its executor run other tasks meanwhile. A thread and two tasks serve the orders, the most urgent first. Threads and
//! tasks stand in one line, so none of them is served before its turn. At the end the queue is shut down, and each of them
//! ends when there are no more orders.

use std::sync::Arc;

use tokio::task::{JoinError, spawn, spawn_blocking};

use interlock::queue::{Discard, PriorityQueue, PutError};

const ORDERS: u32 = 10_000;

/// The smallest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Express,
    Standard,
}

/// Orders by their numbers.
type Orders = PriorityQueue<Urgency, u32>;

fn urgency(number: u32) -> Urgency {
    match number % 7 {
        0 => Urgency::Express,
        _ => Urgency::Standard,
    }
}

/// Takes the orders with odd numbers, on a thread.
fn take_orders(orders: &Orders) -> Result<(), PutError<(Urgency, u32)>> {
    (1..ORDERS)
        .step_by(2)
        .try_for_each(|number| orders.put((urgency(number), number)))
}

/// Takes the orders with even numbers, in a task.
async fn take_orders_async(orders: &Orders) -> Result<(), PutError<(Urgency, u32)>> {
    for number in (0..ORDERS).step_by(2) {
        orders.put_async((urgency(number), number)).await?;
    }
    Ok(())
}

/// Serves orders on a thread, until the queue is shut down and empty. Returns how many.
fn serve(orders: &Orders) -> usize {
    orders.iter().count()
}

/// Serves orders in a task.
async fn serve_async(orders: Arc<Orders>) -> usize {
    let mut served = 0;
    while orders.get_async().await.is_ok() {
        served += 1;
    }
    served
}

/// Lets all of them work. Returns how many orders the thread and the two tasks served.
async fn run() -> Result<[usize; 3], JoinError> {
    let orders = Arc::new(Orders::bounded(100));
    let thread = spawn_blocking({
        let orders = orders.clone();
        move || serve(&orders)
    });
    let tasks = [
        spawn(serve_async(orders.clone())),
        spawn(serve_async(orders.clone())),
    ];
    let customers = spawn_blocking({
        let orders = orders.clone();
        move || take_orders(&orders)
    });
    let taken = [take_orders_async(&orders).await, customers.await?];
    for error in taken.into_iter().filter_map(Result::err) {
        println!("{error}");
    }
    orders.shutdown(Discard::Nothing);
    let [one, two] = tasks;
    Ok([thread.await?, one.await?, two.await?])
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), JoinError> {
    let [thread, one, two] = run().await?;
    println!("the thread served {thread} orders, the tasks {one} and {two}");
    Ok(())
}

#[tokio::test]
async fn every_order_is_served_once() {
    assert_eq!(run().await.unwrap().iter().sum::<usize>(), ORDERS as usize);
}
