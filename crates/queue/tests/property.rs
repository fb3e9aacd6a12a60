//! A queue and a naive twin behave the same under any sequence of operations.

#![cfg(not(loom))]

use std::collections::VecDeque;

use interlock_queue::{Discard, Fifo, GetError, HostQueue, Lifo, Priority, PutError, Queue, Store};
use interlock_wait::{Deadline, WaitContext};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

#[derive(Clone, Debug)]
enum Step {
    Put(i64),
    PutMany(Vec<i64>),
    Get,
    GetMany(usize),
    Done,
    SetBound(usize),
    Clear,
    ShutDown(bool),
    Retire,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..4i64).prop_map(Step::Put),
        3 => prop::collection::vec(0..4i64, 0..6).prop_map(Step::PutMany),
        8 => Just(Step::Get),
        3 => (1..5usize).prop_map(Step::GetMany),
        4 => Just(Step::Done),
        1 => (0..5usize).prop_map(Step::SetBound),
        1 => Just(Step::Clear),
        1 => any::<bool>().prop_map(Step::ShutDown),
        1 => Just(Step::Retire),
    ];
    prop::collection::vec(step, 0..60)
}

/// The item that a queue gives out next.
#[derive(Clone, Copy)]
enum Order {
    First,
    Last,
    Smallest,
}

/// The simplest correct queue, without threads and slow. An item is a number, with the count of earlier puts.
struct Twin {
    order: Order,
    items: Vec<(i64, usize)>,
    bound: usize,
    put: usize,
    unfinished: usize,
    shut_down: bool,
    retired: bool,
}

impl Twin {
    fn new(order: Order, bound: usize) -> Self {
        Twin {
            order,
            items: vec![],
            bound,
            put: 0,
            unfinished: 0,
            shut_down: false,
            retired: false,
        }
    }

    /// Takes all items out, and returns how many there were.
    fn clear(&mut self) -> usize {
        self.items.drain(..).count()
    }

    fn put(&mut self, number: i64) -> Result<(), PutError<i64>> {
        if self.retired {
            return Err(PutError::Retired(number));
        }
        if self.shut_down {
            return Err(PutError::ShutDown(number));
        }
        if self.bound > 0 && self.items.len() >= self.bound {
            return Err(PutError::Full(number));
        }
        self.items.push((number, self.put));
        self.put += 1;
        self.unfinished += 1;
        Ok(())
    }

    fn get(&mut self) -> Result<i64, GetError> {
        let next = match self.order {
            Order::First => 0,
            Order::Last => self.items.len().wrapping_sub(1),
            Order::Smallest => self
                .items
                .iter()
                .enumerate()
                .min_by_key(|(_, item)| **item)
                .map_or(0, |(place, _)| place),
        };
        if next < self.items.len() {
            Ok(self.items.remove(next).0)
        } else if self.retired {
            Err(GetError::Retired)
        } else if self.shut_down {
            Err(GetError::ShutDown)
        } else {
            Err(GetError::Empty)
        }
    }
}

/// Converts numbers to items and back.
struct Items<S: Store> {
    make: fn(i64) -> S::Item,
    number: fn(S::Item) -> i64,
}

/// Runs `steps` on a queue and on its twin.
fn compare<S: Store>(store: S, mut twin: Twin, steps: Vec<Step>, items: &Items<S>) -> TestCaseResult {
    let queue = Queue::with_store(store, twin.bound);
    for step in steps {
        match step {
            Step::Put(_) | Step::PutMany(_) => put(&queue, &mut twin, step, items)?,
            Step::Get | Step::GetMany(_) => get(&queue, &mut twin, step, items)?,
            other => change(&queue, &mut twin, other)?,
        }
        prop_assert_eq!(queue.len(), twin.items.len());
        prop_assert_eq!(queue.unfinished(), twin.unfinished);
        let full = twin.bound > 0 && twin.items.len() >= twin.bound;
        prop_assert_eq!((queue.is_full(), queue.is_empty()), (full, twin.items.is_empty()));
    }
    Ok(())
}

fn put<S: Store>(queue: &Queue<S>, twin: &mut Twin, step: Step, items: &Items<S>) -> TestCaseResult {
    match step {
        Step::Put(number) => {
            let result = queue.try_put((items.make)(number));
            let result = result.map_err(|error| error_with(error, items.number));
            prop_assert_eq!(result, twin.put(number));
        }
        Step::PutMany(numbers) => {
            let mut left: VecDeque<_> = numbers.iter().copied().map(items.make).collect();
            let result = queue.put_many_with(&mut left, &mut WaitContext::until(Deadline::PASSED));
            let put = numbers
                .iter()
                .take_while(|&&number| twin.put(number).is_ok())
                .count();
            let expected = (put == numbers.len(), numbers.len() - put);
            prop_assert_eq!((result.is_ok(), left.len()), expected);
        }
        _ => {}
    }
    Ok(())
}

fn get<S: Store>(queue: &Queue<S>, twin: &mut Twin, step: Step, items: &Items<S>) -> TestCaseResult {
    let mut over = WaitContext::until(Deadline::PASSED);
    match step {
        Step::Get => prop_assert_eq!(queue.get_with(&mut over).map(items.number), twin.get()),
        Step::GetMany(most) => {
            let result = queue.get_many_with(most, &mut over);
            let result = result.map(|got| got.into_iter().map(items.number).collect());
            let expected: Result<Vec<_>, _> = twin.get().map(|first| {
                let more = (1..most).map_while(|_| twin.get().ok());
                std::iter::once(first).chain(more).collect()
            });
            prop_assert_eq!(result, expected);
        }
        _ => {}
    }
    Ok(())
}

/// Runs the steps that neither put nor get.
fn change<S: Store>(queue: &Queue<S>, twin: &mut Twin, step: Step) -> TestCaseResult {
    match step {
        Step::Done => {
            prop_assert_eq!(queue.task_done().is_ok(), twin.unfinished > 0);
            twin.unfinished = twin.unfinished.saturating_sub(1);
        }
        Step::SetBound(bound) => {
            queue.set_bound(bound);
            twin.bound = bound;
        }
        Step::Clear => {
            let cleared = twin.clear();
            prop_assert_eq!(queue.clear().len(), cleared);
            twin.unfinished = twin.unfinished.saturating_sub(cleared);
        }
        Step::ShutDown(discard) => {
            let what = if discard { Discard::Items } else { Discard::Nothing };
            prop_assert_eq!(queue.shutdown(what).is_some(), discard);
            twin.shut_down = true;
            if discard {
                twin.unfinished = twin.unfinished.saturating_sub(twin.clear());
            }
        }
        _ => {
            let contents = queue.retire();
            prop_assert_eq!(contents.is_some(), !twin.retired);
            if let Some((contents, _wakeups)) = contents {
                prop_assert_eq!(contents.items.len(), twin.clear());
                prop_assert_eq!(contents.shut_down, twin.shut_down);
            }
            twin.retired = true;
        }
    }
    Ok(())
}

fn error_with<T>(error: PutError<T>, number: fn(T) -> i64) -> PutError<i64> {
    match error {
        PutError::Full(item) => PutError::Full(number(item)),
        PutError::ShutDown(item) => PutError::ShutDown(number(item)),
        PutError::Interrupted(item) => PutError::Interrupted(number(item)),
        PutError::Retired(item) => PutError::Retired(number(item)),
    }
}

proptest! {
    #[test]
    fn a_fifo_queue_behaves_like_its_twin(steps in steps(), bound in 0..5usize) {
        let twin = || Twin::new(Order::First, bound);
        compare(Fifo::default(), twin(), steps, &Items { make: |item| item, number: |item| item })?;
    }

    #[test]
    fn a_lifo_queue_behaves_like_its_twin(steps in steps(), bound in 0..5usize) {
        let twin = || Twin::new(Order::Last, bound);
        compare(Lifo::default(), twin(), steps, &Items { make: |item| item, number: |item| item })?;
    }

    #[test]
    fn a_priority_queue_behaves_like_its_twin(steps in steps(), bound in 0..5usize) {
        let items = Items { make: |number| (number, ()), number: |(number, ())| number };
        compare(Priority::default(), Twin::new(Order::Smallest, bound), steps, &items)?;
    }
}
