//! Results that come in any order, for a reader that takes them one after the other. The claims are in
//! `PROTOCOL.md` of this crate.

use std::collections::BTreeMap;
use std::fmt;

use interlock_queue::{Discard, Fifo, GetError, HostQueue, PutError, Queue, Store};
use interlock_wait::primitive::{AtomicU64, Ordering};
use interlock_wait::{RawLock, RawWordLock, StateLock, WaitContext, Wakeups};

/// The value of the length before it is known.
const UNKNOWN: u64 = u64::MAX;

/// If more values than this can be taken, the reader has fallen behind.
const MANY: usize = 8192;

/// For how many moments at a time workers wait for a reader that is behind.
const MOMENTS: u32 = 20;

/// Numbered values that many threads put. A reader takes them in the order of their numbers, or as they come.
///
/// It ends when its [length](ReorderBuffer::set_length) is known and that many values were put.
pub struct ReorderBuffer<T, L: RawLock = RawWordLock> {
    came: Queue<Fifo<T>, L>,
    order: StateLock<Order<T>, L>,
    put: AtomicU64,
    length: AtomicU64,
    /// Whether a last value was added out of order: 0 or 1.
    ended_with: AtomicU64,
    /// About how many values were taken.
    taken: AtomicU64,
    /// How many values had been taken when the reader seemed to have stopped.
    idle_at: AtomicU64,
}

struct Order<T> {
    /// Whether values are taken in the order of their numbers, instead of as they come.
    by_number: bool,
    /// How many values have had their turn.
    next: usize,
    /// The values whose turn has not come.
    early: BTreeMap<usize, T>,
}

/// The contents of a buffer that was [retired](ReorderBuffer::retire).
pub struct Left<T> {
    /// The values that could be taken, in their order.
    pub ready: Vec<T>,
    /// The values whose turn had not come, by number.
    pub early: BTreeMap<usize, T>,
    /// How many values had had their turn.
    pub came: usize,
    /// Whether the buffer had ended.
    pub ended: bool,
    /// The wake-ups that end the waits for a value. The caller must run them.
    pub wakeups: [Wakeups; 3],
}

impl<T> fmt::Debug for Left<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Left")
            .field("came", &self.came)
            .finish_non_exhaustive()
    }
}

impl<T, L: RawLock> fmt::Debug for ReorderBuffer<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReorderBuffer")
            .field("put", &self.put())
            .field("length", &self.length())
            .finish_non_exhaustive()
    }
}

impl<T, L: RawLock> ReorderBuffer<T, L> {
    /// Creates an empty buffer whose values are taken in the order of their numbers.
    pub fn in_order() -> Self {
        Self::new(true)
    }

    /// Creates an empty buffer whose values are taken as they come.
    pub fn as_they_come() -> Self {
        Self::new(false)
    }

    fn new(by_number: bool) -> Self {
        ReorderBuffer {
            came: Queue::with_store_in(Fifo::new(), 0),
            order: StateLock::new(Order {
                by_number,
                next: 0,
                early: BTreeMap::new(),
            }),
            put: AtomicU64::new(0),
            length: AtomicU64::new(UNKNOWN),
            ended_with: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            idle_at: AtomicU64::new(UNKNOWN),
        }
    }

    /// Puts the value with a number. Each number is put once. Never blocks.
    ///
    /// # Errors
    /// The buffer has ended or was retired. The error returns the value.
    #[inline]
    pub fn put_at(&self, number: usize, value: T) -> Result<(), T> {
        let result = self.put_in_order(number, value);
        // After the value itself. AcqRel pairs with `set_length`, which changes `put` too: of two changes of one word one comes
        // first, and the thread that comes second sees what the first did before.
        let put = self.put.fetch_add(1, Ordering::AcqRel) + 1;
        // Relaxed: see above.
        if put == self.length.load(Ordering::Relaxed) {
            self.end();
        }
        result
    }

    /// Puts a value under the lock of the order, so that two values do not overtake each other on their way into
    /// the queue.
    fn put_in_order(&self, number: usize, value: T) -> Result<(), T> {
        let mut order = self.order.lock();
        if order.by_number && order.next != number {
            // After the end, its turn does not come. `discard` ends the buffer before it takes the lock, so it
            // finds the values that were put here before.
            if self.came.is_over() {
                return Err(value);
            }
            order.early.insert(number, value);
            return Ok(());
        }
        let mut value = value;
        loop {
            if let Err(refusal) = self.came.try_put(value) {
                return Err(refusal.into_inner());
            }
            order.next += 1;
            let next = order.next;
            match order.early.remove(&next) {
                Some(early) => value = early,
                None => return Ok(()),
            }
        }
    }

    /// Sets the total number of values. Called once. Never blocks.
    pub fn set_length(&self, length: usize) {
        // Relaxed: published by the next step.
        self.length.store(length as u64, Ordering::Relaxed);
        // AcqRel pairs with `put_at`. It adds 0, but it has a place in the order of the additions, which a load has
        // not.
        if self.put.fetch_add(0, Ordering::AcqRel) == length as u64 {
            self.end();
        }
    }

    /// Ends the buffer: it accepts no more values. The reader still gets those that can be taken in their order.
    pub fn end(&self) {
        self.came.shutdown(Discard::Nothing);
    }

    /// Adds a last value out of order, and ends the buffer. A value that is put at the same moment may be taken after it.
    ///
    /// # Errors
    /// The buffer has ended, or has a last value. The error returns the value.
    pub fn end_with(&self, value: T) -> Result<(), T> {
        // Relaxed: it only has to be one. The values are under the lock of the queue.
        if self.ended_with.swap(1, Ordering::Relaxed) != 0 {
            return Err(value);
        }
        let result = self.came.try_put(value).map_err(PutError::into_inner);
        self.end();
        result
    }

    /// Ends the buffer and takes all values out, because there is no reader. The caller drops them.
    pub fn discard(&self) -> impl Sized + use<T, L> {
        self.end();
        let early = std::mem::take(&mut self.order.lock().early);
        (early, self.came.take_items())
    }

    /// Ends the buffer and takes all values out, because the caller puts the values in order from now on. Returns
    /// `None` if it was retired before. Never blocks.
    pub fn retire(&self) -> Option<Left<T>> {
        let mut order = self.order.lock();
        let (mut contents, wakeups) = self.came.retire()?;
        Some(Left {
            ready: std::iter::from_fn(|| contents.items.pop()).collect(),
            early: std::mem::take(&mut order.early),
            came: order.next,
            ended: contents.shut_down,
            wakeups,
        })
    }

    /// Takes the next value if there is one. Never blocks.
    ///
    /// # Errors
    /// No value can be taken now, or none will ever come.
    #[inline]
    pub fn try_take(&self) -> Result<T, GetError> {
        let value = self.came.try_get()?;
        self.count();
        Ok(value)
    }

    /// Takes the next value. Blocks until there is one, or until `context` ends the wait.
    ///
    /// # Errors
    /// No value came in time, none will ever come, or the host ended the wait.
    pub fn take_with(&self, context: &mut WaitContext<'_>) -> Result<T, GetError> {
        let value = self.came.get_with(context)?;
        self.count();
        Ok(value)
    }

    #[inline]
    fn count(&self) {
        // Relaxed: the number only has to change, so this need not be one step either.
        let taken = self.taken.load(Ordering::Relaxed);
        // Relaxed: as above.
        self.taken.store(taken.wrapping_add(1), Ordering::Relaxed);
    }

    /// Returns whether there is a reader that has fallen behind. Then it helps to put nothing for a moment.
    #[inline]
    pub fn is_behind(&self) -> bool {
        // Relaxed: a guess.
        self.kept() > MANY && self.idle_at.load(Ordering::Relaxed) != self.taken.load(Ordering::Relaxed)
    }

    /// Lets a reader that has fallen behind catch up. `moment` lets a short time pass, and returns whether it
    /// could. Returns when half of the values were taken, or after some moments. If the reader has taken nothing in
    /// all of them, threads do not wait for it again before it takes something.
    pub fn let_catch_up(&self, mut moment: impl FnMut() -> bool) {
        // Relaxed: a guess; it orders nothing.
        let taken = self.taken.load(Ordering::Relaxed);
        for _ in 0..MOMENTS {
            if self.kept() <= MANY / 2 || !moment() {
                return;
            }
        }
        // Relaxed: as above.
        if self.taken.load(Ordering::Relaxed) == taken {
            // Relaxed: as above.
            self.idle_at.store(taken, Ordering::Relaxed);
        }
    }

    /// Returns how many values have been put.
    pub fn put(&self) -> u64 {
        // Relaxed: for information only.
        self.put.load(Ordering::Relaxed)
    }

    /// Returns how many values have had their turn.
    pub fn came(&self) -> usize {
        self.order.lock().next
    }

    /// Returns the total number of values, if that is known.
    pub fn length(&self) -> Option<u64> {
        // Relaxed: as above.
        Some(self.length.load(Ordering::Relaxed)).filter(|&length| length != UNKNOWN)
    }

    /// Returns how many values can be taken at this moment.
    pub fn ready(&self) -> usize {
        self.came.len()
    }

    /// Returns how many values were put and not taken.
    #[inline]
    fn kept(&self) -> usize {
        self.came.len() + self.order.lock().early.len()
    }

    /// Visits the values in place, under a lock: `visit` must only read. Skips the values that another thread is
    /// working on. Never blocks.
    pub fn try_for_each(&self, visit: &mut dyn FnMut(&T)) {
        self.came.try_for_each(visit);
        if let Some(order) = self.order.try_lock() {
            order.early.values().for_each(visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<T>(gather: &ReorderBuffer<T>) -> Vec<T> {
        std::iter::from_fn(|| gather.try_take().ok()).collect()
    }

    #[test]
    fn values_are_taken_in_the_order_of_their_numbers() {
        let gather = ReorderBuffer::<_>::in_order();
        for (number, value) in [(2, 'c'), (1, 'b')] {
            gather.put_at(number, value).unwrap();
        }
        assert_eq!(gather.try_take(), Err(GetError::Empty));
        gather.put_at(0, 'a').unwrap();
        assert_eq!(all(&gather), ['a', 'b', 'c']);
        gather.set_length(3);
        assert_eq!(gather.try_take(), Err(GetError::ShutDown));
    }

    #[test]
    fn or_in_that_of_their_coming() {
        let gather = ReorderBuffer::<_>::as_they_come();
        gather.set_length(2);
        gather.put_at(1, 'b').unwrap();
        assert_eq!(all(&gather), ['b']);
        assert_eq!(gather.try_take(), Err(GetError::Empty));
        gather.put_at(0, 'a').unwrap();
        assert_eq!(all(&gather), ['a']);
        assert_eq!(gather.try_take(), Err(GetError::ShutDown));
    }

    #[test]
    fn the_end_may_come_early() {
        let gather = ReorderBuffer::<_>::in_order();
        gather.put_at(1, 'b').unwrap();
        assert_eq!(gather.end_with('!'), Ok(()));
        assert_eq!(gather.end_with('?'), Err('?'));
        assert_eq!(all(&gather), ['!']);
        assert_eq!(gather.put_at(0, 'a'), Err('a'));
        drop(gather.discard());
        assert_eq!(gather.try_take(), Err(GetError::ShutDown));
    }

    #[test]
    fn what_a_retired_buffer_held_comes_out_and_what_comes_then_comes_back() {
        let gather = ReorderBuffer::<_>::in_order();
        for number in [0, 1, 3] {
            gather.put_at(number, number).unwrap();
        }
        gather.try_take().unwrap();
        let left = gather.retire().unwrap();
        assert_eq!(
            (left.ready, left.early.into_iter().collect()),
            (vec![1], vec![(3, 3)])
        );
        assert_eq!((left.came, left.ended), (2, false));
        assert_eq!((gather.put_at(4, 4), gather.put_at(2, 2)), (Err(4), Err(2)));
        assert_eq!(gather.try_take(), Err(GetError::Retired));
        assert!(gather.retire().is_none());
        gather.set_length(5);
        assert_eq!((gather.length(), gather.put()), (Some(5), 5));
    }

    #[test]
    fn a_reader_that_takes_can_catch_up_and_one_that_stops_is_not_waited_for() {
        let gather = ReorderBuffer::<_>::as_they_come();
        for number in 0..=MANY {
            assert!(!gather.is_behind());
            gather.put_at(number, number).unwrap();
        }
        assert!(gather.is_behind());
        gather.let_catch_up(|| true);
        assert!(!gather.is_behind());
        gather.try_take().unwrap();
        gather.put_at(0, 0).unwrap();
        assert!(gather.is_behind());
        gather.let_catch_up(|| (0..1000).all(|_| gather.try_take().is_ok()));
        assert!((MANY / 2 - 1000..=MANY / 2).contains(&gather.ready()));
        assert!(!gather.is_behind());
    }

    #[test]
    fn nothing_is_the_end_of_nothing() {
        let gather = ReorderBuffer::<char>::in_order();
        gather.set_length(0);
        assert_eq!(gather.try_take(), Err(GetError::ShutDown));
    }
}
