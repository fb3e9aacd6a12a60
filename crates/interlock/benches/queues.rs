//! Queues beside the channels of std, `crossbeam-channel` and `flume`. Times are for one item, or one round trip.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use interlock::queue::{Fifo, Queue};

/// A bounded channel of numbers, whichever it is.
trait Channel: Sync {
    fn put(&self, item: u64);
    fn get(&self) -> u64;
}

impl Channel for Queue<Fifo<u64>> {
    fn put(&self, item: u64) {
        let _ = Queue::put(self, item);
    }

    fn get(&self) -> u64 {
        Queue::get(self).unwrap_or_default()
    }
}

/// Std's has one receiver; more share it under a lock.
struct Std(mpsc::SyncSender<u64>, std::sync::Mutex<mpsc::Receiver<u64>>);

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
    ("interlock", |bound| Box::new(Queue::<Fifo<u64>>::new(bound))),
    ("std", |bound| {
        let (sender, receiver) = mpsc::sync_channel(bound);
        Box::new(Std(sender, std::sync::Mutex::new(receiver)))
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
    let share = |index| items / pairs + u64::from(index < items % pairs);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for index in 0..pairs {
            scope.spawn(move || (0..share(index)).for_each(|item| channel.put(item)));
            scope.spawn(move || {
                (0..share(index)).for_each(|_| {
                    channel.get();
                });
            });
        }
    });
    began.elapsed()
}

/// The time of so many round trips between two threads.
fn ping_pong(there: &dyn Channel, back: &dyn Channel, rounds: u64) -> Duration {
    std::thread::scope(|scope| {
        scope.spawn(|| (0..rounds).for_each(|_| back.put(there.get())));
        let began = Instant::now();
        for round in 0..rounds {
            there.put(round);
            back.get();
        }
        began.elapsed()
    })
}

fn queues(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("put and get on one thread");
    for (name, make) in CHANNELS {
        let channel = make(64);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                channel.put(1);
                channel.get()
            });
        });
    }
    group.finish();
    for (case, pairs, bound) in [
        ("1 producer, 1 consumer, bound 64", 1, 64),
        ("4 producers, 4 consumers, bound 64", 4, 64),
    ] {
        let mut group = criterion.benchmark_group(case);
        for (name, make) in CHANNELS {
            let channel = make(bound);
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|items| pass(&*channel, pairs, items));
            });
        }
        group.finish();
    }
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
    let mut criterion = Criterion::default().configure_from_args();
    queues(&mut criterion);
    criterion.final_summary();
}
