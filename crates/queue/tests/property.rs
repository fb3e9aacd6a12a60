//! Any sequence of operations does what it does to a naive twin.

#![cfg(not(loom))]

use std::collections::VecDeque;

use interlock_queue::{Discard, Either, Fifo, GetError, Lifo, Priority, PutError, Queue, Store};
use interlock_wait::{Deadline, Patience};
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

/// Which item a queue gives out next.
#[derive(Clone, Copy)]
enum Order {
    First,
    Last,
    Smallest,
}

/// A queue as one would write it without a thought of threads or speed. An item is its number and when it was put.
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

/// Takes `steps` with a queue and with its twin; `make` and `number` turn a number into an item and back.
fn compare<S: Store>(
    store: S,
    order: Order,
    bound: usize,
    steps: Vec<Step>,
    make: fn(i64) -> S::Item,
    number: fn(S::Item) -> i64,
) -> TestCaseResult {
    let queue = Queue::with_store(store, bound);
    let mut twin = Twin {
        order,
        items: vec![],
        bound,
        put: 0,
        unfinished: 0,
        shut_down: false,
        retired: false,
    };
    for step in steps {
        take(&queue, &mut twin, step, make, number)?;
        prop_assert_eq!(queue.len(), twin.items.len());
        prop_assert_eq!(queue.unfinished(), twin.unfinished);
        let full = twin.bound > 0 && twin.items.len() >= twin.bound;
        prop_assert_eq!((queue.is_full(), queue.is_empty()), (full, twin.items.is_empty()));
    }
    Ok(())
}

fn take<S: Store>(
    queue: &Queue<S>,
    twin: &mut Twin,
    step: Step,
    make: fn(i64) -> S::Item,
    number: fn(S::Item) -> i64,
) -> TestCaseResult {
    let mut over = Patience::until(Deadline::PASSED);
    match step {
        Step::Put(item) => {
            let result = queue
                .try_put(make(item))
                .map_err(|error| error_with(error, number));
            prop_assert_eq!(result, twin.put(item));
        }
        Step::PutMany(items) => {
            let mut left: VecDeque<_> = items.iter().copied().map(make).collect();
            let result = queue.put_many_with(&mut left, &mut over);
            let put = items.iter().take_while(|&&item| twin.put(item).is_ok()).count();
            prop_assert_eq!(
                (result.is_ok(), left.len()),
                (put == items.len(), items.len() - put)
            );
        }
        Step::Get => prop_assert_eq!(queue.get_with(&mut over).map(number), twin.get()),
        Step::GetMany(most) => {
            let result = queue.get_many_with(most, &mut over);
            let expected: Result<Vec<_>, _> = twin.get().map(|first| {
                let more = (1..most).map_while(|_| twin.get().ok());
                std::iter::once(first).chain(more).collect()
            });
            let result = result.map(|items| items.into_iter().map(number).collect());
            prop_assert_eq!(result, expected);
        }
        Step::Done => {
            prop_assert_eq!(queue.task_done().is_ok(), twin.unfinished > 0);
            twin.unfinished = twin.unfinished.saturating_sub(1);
        }
        Step::SetBound(bound) => {
            queue.set_bound(bound);
            twin.bound = bound;
        }
        Step::Clear => {
            prop_assert_eq!(queue.clear().len(), twin.items.len());
            twin.items.clear();
        }
        Step::ShutDown(discard) => {
            let what = if discard { Discard::Items } else { Discard::Nothing };
            prop_assert_eq!(queue.shutdown(what).is_some(), discard);
            twin.shut_down = true;
            if discard {
                twin.unfinished = twin.unfinished.saturating_sub(twin.items.len());
                twin.items.clear();
            }
        }
        Step::Retire => {
            let contents = queue.retire();
            prop_assert_eq!(contents.is_some(), !twin.retired);
            if let Some(contents) = contents {
                prop_assert_eq!(contents.items.len(), twin.items.len());
                prop_assert_eq!(contents.shut_down, twin.shut_down);
                twin.items.clear();
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
    fn a_fifo_queue_is_its_twin(steps in steps(), bound in 0..5usize) {
        let same = |item| item;
        compare(Fifo::default(), Order::First, bound, steps.clone(), same, same)?;
        compare(Either::fifo(), Order::First, bound, steps, same, same)?;
    }

    #[test]
    fn a_lifo_queue_is_its_twin(steps in steps(), bound in 0..5usize) {
        let same = |item| item;
        compare(Lifo::default(), Order::Last, bound, steps.clone(), same, same)?;
        compare(Either::lifo(), Order::Last, bound, steps, same, same)?;
    }

    #[test]
    fn a_priority_queue_is_its_twin(steps in steps(), bound in 0..5usize) {
        compare(Priority::default(), Order::Smallest, bound, steps, |number| (number, ()), |(number, ())| number)?;
    }
}
