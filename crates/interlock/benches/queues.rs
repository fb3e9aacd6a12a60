//! Queues beside the channels of std, `crossbeam-channel` and `flume`. Times are for one item, or one round trip.

mod common;

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use common::together;
use criterion::Criterion;
use interlock::queue::FifoQueue;

/// The most items in a channel; in a round trip there is never more than one.
const BOUND: usize = 1000;

/// A bounded channel of numbers, whichever it is.
trait Channel: Sync {
    fn put(&self, item: u64);
    fn get(&self) -> u64;
}

impl Channel for FifoQueue<u64> {
    fn put(&self, item: u64) {
        let _ = FifoQueue::put(self, item);
    }

    fn get(&self) -> u64 {
        FifoQueue::get(self).unwrap_or_default()
    }
}

/// Std's has one receiver; more share it under a lock.
struct Std(mpsc::SyncSender<u64>, Mutex<mpsc::Receiver<u64>>);

impl Channel for Std {
    fn put(&self, item: u64) {
        let _ = self.0.send(item);
    }

    fn get(&self) -> u64 {
        self.1
            .lock()
            .ok()
            .and_then(|receiver| receiver.recv().ok())
            .unwrap_or_default()
    }
}

struct Crossbeam(crossbeam_channel::Sender<u64>, crossbeam_channel::Receiver<u64>);

impl Channel for Crossbeam {
    fn put(&self, item: u64) {
        let _ = self.0.send(item);
    }

    fn get(&self) -> u64 {
        self.1.recv().unwrap_or_default()
    }
}

struct Flume(flume::Sender<u64>, flume::Receiver<u64>);

impl Channel for Flume {
    fn put(&self, item: u64) {
        let _ = self.0.send(item);
    }

    fn get(&self) -> u64 {
        self.1.recv().unwrap_or_default()
    }
}

/// Makes a channel for at most so many items.
type Make = fn(usize) -> Box<dyn Channel>;

const CHANNELS: [(&str, Make); 4] = [
    ("interlock", |bound| Box::new(FifoQueue::<u64>::new(bound))),
    ("std", |bound| {
        let (sender, receiver) = mpsc::sync_channel(bound);
        Box::new(Std(sender, Mutex::new(receiver)))
    }),
    ("crossbeam-channel", |bound| {
        let (sender, receiver) = crossbeam_channel::bounded(bound);
        Box::new(Crossbeam(sender, receiver))
    }),
    ("flume", |bound| {
        let (sender, receiver) = flume::bounded(bound);
        Box::new(Flume(sender, receiver))
    }),
];

/// The time in which `pairs` producers pass `items` items to as many consumers.
fn pass(channel: &dyn Channel, pairs: u64, items: u64) -> Duration {
    let share = |pair| items / pairs + u64::from(pair < items % pairs);
    let bodies = (0..pairs).flat_map(|pair| -> [Box<dyn FnOnce() + Send + '_>; 2] {
        let items = share(pair);
        [
            Box::new(move || (0..items).for_each(|item| channel.put(item))),
            Box::new(move || {
                (0..items).for_each(|_| {
                    channel.get();
                });
            }),
        ]
    });
    together(bodies.collect())
}

/// The time of so many round trips between two threads.
fn ping_pong(there: &dyn Channel, back: &dyn Channel, rounds: u64) -> Duration {
    together(vec![
        Box::new(move || (0..rounds).for_each(|_| back.put(there.get()))),
        Box::new(move || {
            for round in 0..rounds {
                there.put(round);
                back.get();
            }
        }),
    ])
}

fn on_one_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("put and get on one thread");
    for (name, make) in CHANNELS {
        let channel = make(BOUND);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                channel.put(1);
                channel.get()
            });
        });
    }
    group.finish();
}

fn between_threads(criterion: &mut Criterion, name: &str, pairs: u64) {
    let mut group = criterion.benchmark_group(name);
    for (name, make) in CHANNELS {
        let channel = make(BOUND);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|items| pass(&*channel, pairs, items));
        });
    }
    group.finish();
}

fn round_trips(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("round trip between two threads");
    for (name, make) in CHANNELS {
        let (there, back) = (make(1), make(1));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| ping_pong(&*there, &*back, rounds));
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = common::criterion();
    on_one_thread(&mut criterion);
    between_threads(&mut criterion, "1 producer, 1 consumer", 1);
    between_threads(&mut criterion, "4 producers, 4 consumers", 4);
    round_trips(&mut criterion);
    criterion.final_summary();
}
