//! Queues beside the channels of std, `crossbeam-channel` and `flume`.
//!
//! The channels take turns: one sample of each, over and over. So a machine that others use too is as slow for one as for
//! the next. Each line has the median time for one item, or one round trip, and the median of the ratios between the speed
//! of `interlock` and that of each other channel in the same turn: above 1, `interlock` is faster. An argument selects the
//! cases whose names contain it.

mod common;

use std::hint::black_box;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use common::together;
use interlock::queue::FifoQueue;

/// How many turns each channel has in a case.
const TURNS: usize = 21;
/// About how long one sample takes.
const SAMPLE: Duration = Duration::from_millis(25);

/// A channel of numbers, of any crate.
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

/// The two kinds of senders that std has.
enum StdSender {
    Bounded(mpsc::SyncSender<u64>),
    Unbounded(mpsc::Sender<u64>),
}

/// Std's channel has one receiver; several threads share it under a lock.
struct Std(StdSender, Mutex<mpsc::Receiver<u64>>);

impl Channel for Std {
    fn put(&self, item: u64) {
        let _ = match &self.0 {
            StdSender::Bounded(sender) => sender.send(item),
            StdSender::Unbounded(sender) => sender.send(item),
        };
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

/// Creates a channel for at most this many items; `None` means any number.
type Make = fn(Option<usize>) -> Box<dyn Channel>;

/// The first is compared with each other one.
const CHANNELS: [(&str, Make); 4] = [
    ("interlock", |bound| {
        Box::new(bound.map_or_else(FifoQueue::<u64>::unbounded, FifoQueue::bounded))
    }),
    ("std", |bound| {
        let (sender, receiver) = match bound {
            Some(bound) => {
                let (sender, receiver) = mpsc::sync_channel(bound);
                (StdSender::Bounded(sender), receiver)
            }
            None => {
                let (sender, receiver) = mpsc::channel();
                (StdSender::Unbounded(sender), receiver)
            }
        };
        Box::new(Std(sender, Mutex::new(receiver)))
    }),
    ("crossbeam-channel", |bound| {
        let (sender, receiver) = bound.map_or_else(crossbeam_channel::unbounded, crossbeam_channel::bounded);
        Box::new(Crossbeam(sender, receiver))
    }),
    ("flume", |bound| {
        let (sender, receiver) = bound.map_or_else(flume::unbounded, flume::bounded);
        Box::new(Flume(sender, receiver))
    }),
];

/// Returns the time in which `pairs` producers pass `items` items to as many consumers.
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

/// Returns the time of so many round trips between two threads.
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

/// Returns the time of so many puts, each followed by a get, on one thread.
fn on_one_thread(channel: &dyn Channel, items: u64) -> Duration {
    let began = Instant::now();
    for item in 0..items {
        channel.put(black_box(item));
        black_box(channel.get());
    }
    began.elapsed()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Measures a case: `samples` contains, for each channel, a function that does something the given number of times.
fn compare(case: &str, samples: &[Box<dyn Fn(u64) -> Duration>]) {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    if !wanted.is_empty() && !wanted.iter().any(|word| case.contains(word.as_str())) {
        return;
    }
    let times: Vec<u64> = samples.iter().map(|sample| times_of_a_sample(sample)).collect();
    let mut nanos = vec![Vec::new(); samples.len()];
    for turn in 0..TURNS {
        for place in 0..samples.len() {
            let channel = (turn + place) % samples.len();
            let took = samples[channel](times[channel]);
            nanos[channel].push(took.as_secs_f64() * 1e9 / times[channel] as f64);
        }
    }
    println!("{case}");
    for ((name, _), other) in CHANNELS.iter().zip(&nanos) {
        let ratios = other.iter().zip(&nanos[0]).map(|(other, own)| other / own);
        println!(
            "    {name:<18} {:>9.1} ns   {:>5.2}",
            median(other.clone()),
            median(ratios.collect())
        );
    }
}

/// Returns how many times fill a sample.
fn times_of_a_sample(sample: &dyn Fn(u64) -> Duration) -> u64 {
    let mut times = 1000;
    loop {
        let took = sample(times);
        if took * 2 >= SAMPLE {
            let factor = SAMPLE.as_secs_f64() / took.as_secs_f64();
            return (times as f64 * factor) as u64 + 1;
        }
        times *= 2;
    }
}

fn between_threads(pairs: u64, bound: Option<usize>) {
    let kind = bound.map_or("unbounded".to_owned(), |bound| format!("bound {bound}"));
    let samples = CHANNELS.map(|(_, make)| -> Box<dyn Fn(u64) -> Duration> {
        Box::new(move |items| pass(&*make(bound), pairs, items))
    });
    compare(&format!("{pairs}+{pairs} threads, {kind}"), &samples);
}

fn main() {
    for bound in [Some(1000), None] {
        let kind = if bound.is_some() { "bounded" } else { "unbounded" };
        let samples = CHANNELS.map(|(_, make)| -> Box<dyn Fn(u64) -> Duration> {
            Box::new(move |items| on_one_thread(&*make(bound), items))
        });
        compare(&format!("put and get on one thread, {kind}"), &samples);
    }
    for pairs in [1, 4] {
        for bound in [Some(1), Some(100), Some(1000), None] {
            between_threads(pairs, bound);
        }
    }
    let samples = CHANNELS.map(|(_, make)| -> Box<dyn Fn(u64) -> Duration> {
        Box::new(move |rounds| ping_pong(&*make(Some(1)), &*make(Some(1)), rounds))
    });
    compare("round trip between two threads", &samples);
}
