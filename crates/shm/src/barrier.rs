//! `Barrier`: parties that wait for each other. (FORMAT.md, "Barrier".)

use std::sync::Arc;

use interlock_wait::primitive::Ordering;
use interlock_wait::{ResourceKind, WaitContext, Wake, wake_shared};

use crate::arena::Arena;
use crate::cells::BarrierCell;
use crate::claims::Entry;
use crate::error::Error;
use crate::id::Id;
use crate::name::Name;
use crate::objects::Object;
use crate::resource::SharedResource;
use crate::step;

/// A barrier in shared memory: a number of threads, in any processes, wait until all have come.
///
/// If a process dies while one of its threads waits, the barrier breaks, and the errors of the others name the dead
/// process.
#[derive(Clone, Debug)]
pub struct Barrier(Object);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Parties come and wait.
    Filling,
    /// All have come. The last party runs its action before they go on.
    Full,
    /// The parties leave. New parties wait until all have left.
    Draining,
    /// Like `Draining`, but the parties that leave get the error that the barrier is broken.
    Resetting,
    /// The barrier is broken until it is reset.
    Broken,
}

const STATE: u32 = 7;
const WAITERS: u32 = 8;
const CHANGE: u32 = 16;

impl State {
    fn of(word: u32) -> Self {
        match word & STATE {
            0 => State::Filling,
            1 => State::Full,
            2 => State::Draining,
            3 => State::Resetting,
            _ => State::Broken,
        }
    }

    /// Returns the word that follows `word`, in this state. If it differs, the caller has to wake the sleepers.
    fn after(self, word: u32) -> u32 {
        match State::of(word) == self {
            true => word,
            false => (word & !(STATE | WAITERS)).wrapping_add(CHANGE) | self as u32,
        }
    }

    /// Returns the state after the last party has left.
    fn when_empty(self) -> Self {
        match self {
            State::Draining | State::Resetting => State::Filling,
            state => state,
        }
    }

    /// Returns whether it is still open how the round ends.
    fn is_open(self) -> bool {
        matches!(self, State::Filling | State::Full)
    }
}

impl Barrier {
    /// Creates a barrier in `arena` for `parties` parties.
    ///
    /// # Errors
    /// The arena is full.
    ///
    /// # Panics
    /// `parties` is 0.
    pub fn new(arena: &Arc<Arena>, parties: u32) -> Result<Self, Error> {
        assert!(parties > 0, "a barrier is for one party at least");
        // Relaxed: no other process has the barrier yet.
        let object = arena.make(|cell: &BarrierCell| cell.parties.store(parties, Ordering::Relaxed))?;
        arena.forget_claims(object.id());
        Ok(Barrier(object))
    }

    /// Opens the barrier `id` of `arena`. `None` if this process was not given it.
    pub fn open(arena: &Arc<Arena>, id: Id) -> Option<Self> {
        arena.open::<BarrierCell>(id).map(Barrier)
    }

    /// Returns the object that the barrier is.
    pub fn object(&self) -> &Object {
        &self.0
    }

    /// Waits until all parties have come. Returns the caller's number, from 0: the last party to come gets the
    /// highest.
    ///
    /// Blocks until they have come, the barrier breaks, or `context` ends the wait. If its deadline ends the wait,
    /// the barrier breaks.
    ///
    /// # Errors
    /// The barrier is broken, or `context` ended the wait.
    pub fn wait(&self, context: &mut WaitContext<'_>) -> Result<u32, Error> {
        let party = self.enter(context)?;
        match party.is_last() {
            true => party.release(),
            false => party.wait(context),
        }
    }

    /// Comes to the barrier. The caller then calls [`Party::wait`] or, if it [is the last](Party::is_last), runs
    /// the action of the round, and calls [`Party::release`].
    ///
    /// Blocks while the parties of the last round leave, whatever the deadline, or until the host ends the wait.
    ///
    /// # Errors
    /// The barrier is broken, or the host ended the wait.
    pub fn enter(&self, context: &mut WaitContext<'_>) -> Result<Party<'_>, Error> {
        let (cell, arena) = (self.cell(), &**self.0.arena());
        loop {
            let held = cell.ledger.open(arena);
            let [word, inside] = cell.ledger.words();
            let flagged = word | WAITERS;
            match State::of(word) {
                State::Broken => return Err(cell.broken()),
                State::Filling => {
                    // Relaxed: it never changes.
                    let is_last = inside + 1 == cell.parties.load(Ordering::Relaxed);
                    let next = match is_last {
                        true => State::Full.after(word) | word & WAITERS,
                        false => flagged,
                    };
                    let entry = arena.claim_of(self.0.id());
                    let claim = entry.claim.add(i32::from(entry.is_noted()));
                    cell.ledger.change(arena, entry, claim, [next, inside + 1]);
                    drop(held);
                    step::at("barrier.entered");
                    return Ok(Party {
                        barrier: self,
                        index: inside,
                        is_last,
                        process: arena.me(),
                        is_inside: true,
                    });
                }
                _ => cell.ledger.write(flagged),
            }
            drop(held);
            let wake = self.sleep(flagged, &mut context.endlessly());
            if wake != Wake::Notified {
                return Err(Error::Ended(wake));
            }
        }
    }

    fn sleep(&self, expected: u32, context: &mut WaitContext<'_>) -> Wake {
        let resource = SharedResource::new(ResourceKind::Barrier);
        let word = self.cell().ledger.word();
        (self.0.arena()).sleep_among((word, expected), self.0.id(), &resource, context)
    }

    /// Breaks the barrier: the waiting parties fail, and so do all that come later, until [`reset`](Self::reset).
    /// Never blocks.
    pub fn abort(&self) {
        self.turn(|_, _| State::Broken);
    }

    /// Resets the barrier: the parties inside fail as if it was broken. When they have left, the barrier is as new.
    /// Never blocks.
    pub fn reset(&self) {
        self.turn(|state, inside| match (state, inside) {
            (State::Filling | State::Broken, 0) => State::Filling,
            (State::Filling | State::Broken, _) => State::Resetting,
            (state, _) => state,
        });
    }

    /// Returns how many parties there are.
    pub fn parties(&self) -> u32 {
        // Relaxed: it never changes.
        self.cell().parties.load(Ordering::Relaxed)
    }

    /// Returns how many threads wait for the others to come.
    pub fn waiting(&self) -> u32 {
        match self.cell().ledger.words() {
            [word, inside] if State::of(word).is_open() => inside,
            _ => 0,
        }
    }

    /// Returns whether the barrier is broken.
    pub fn is_broken(&self) -> bool {
        State::of(self.cell().ledger.words()[0]) == State::Broken
    }

    fn turn(&self, next: impl FnOnce(State, u32) -> State) {
        self.cell().turn(self.0.arena(), next);
    }

    #[inline]
    fn cell(&self) -> &BarrierCell {
        self.0.cell()
    }
}

impl BarrierCell {
    /// Changes the state, and wakes the threads that sleep until it changes.
    fn turn(&self, arena: &Arena, next: impl FnOnce(State, u32) -> State) {
        let held = self.ledger.open(arena);
        let [word, inside] = self.ledger.words();
        let state = State::of(word);
        let next = next(state, inside);
        if next == state {
            return;
        }
        if (state, next) != (State::Broken, State::Resetting) {
            // Relaxed: the ledger orders it.
            self.dead.store(0, Ordering::Relaxed);
        }
        self.ledger.write(next.after(word));
        drop(held);
        step::at("barrier.turned");
        if word & WAITERS != 0 {
            wake_shared(self.ledger.word(), u32::MAX);
        }
    }

    /// Breaks the barrier, because a thread does not wait any longer. Returns `false` if all have come, or if it is
    /// settled how the round ends.
    fn give_up(&self, arena: &Arena) -> bool {
        let mut is_early = false;
        self.turn(arena, |state, _| match state {
            State::Filling => {
                is_early = true;
                State::Broken
            }
            state => state,
        });
        is_early
    }

    /// Returns the error of a party that comes to a broken barrier. The caller holds the ledger.
    fn broken(&self) -> Error {
        // Relaxed: the ledger orders it.
        Error::Broken(Name::of_word(self.dead.load(Ordering::Relaxed)))
    }

    /// Takes the dead process `name` out of the barrier. `entry` returns how many of its threads took part, when
    /// the ledger is open.
    pub(crate) fn settle(&self, arena: &Arena, name: Name, entry: impl FnOnce() -> Option<Entry>) {
        let held = self.ledger.open(arena);
        let Some(entry) = entry() else {
            return;
        };
        let [word, inside] = self.ledger.words();
        let state = State::of(word);
        let gone = entry.claim.net.cast_unsigned();
        let left = inside.saturating_sub(gone);
        let next = match left {
            _ if gone > 0 && state.is_open() => State::Broken,
            0 => state.when_empty(),
            _ => state,
        };
        if next == State::Broken && state != next {
            // Relaxed: the ledger orders it.
            self.dead.store(name.word(), Ordering::Relaxed);
        }
        let next = next.after(word);
        self.ledger.change(arena, entry, entry.claim.none(), [next, left]);
        drop(held);
        step::at("barrier.settled");
        if next != word && word & WAITERS != 0 {
            wake_shared(self.ledger.word(), u32::MAX);
        }
    }
}

/// A thread that has come to a barrier. Dropping this leaves the barrier; if the thread had to release the others,
/// the barrier breaks.
#[derive(Debug)]
#[must_use = "the party leaves as soon as this is dropped"]
pub struct Party<'a> {
    barrier: &'a Barrier,
    index: u32,
    is_last: bool,
    /// A child that is forked meanwhile is not a party.
    process: Name,
    is_inside: bool,
}

impl Party<'_> {
    /// Returns the number of parties that came before.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Returns whether all have come, and the others wait for the caller's [`release`](Self::release).
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// Lets the other parties go on, and leaves. Never blocks. Returns the party's [`index`](Self::index).
    ///
    /// # Errors
    /// The barrier was broken meanwhile.
    pub fn release(mut self) -> Result<u32, Error> {
        self.barrier.turn(|state, _| match state {
            State::Full => State::Draining,
            state => state,
        });
        self.leave()
    }

    /// Waits for the other parties, and leaves. Returns the party's [`index`](Self::index).
    ///
    /// Blocks until all have come and the last has called [`release`](Self::release), the barrier breaks, or `context` ends the wait.
    /// If its deadline passes before all have come, the barrier breaks.
    ///
    /// # Errors
    /// The barrier is broken, or `context` ended the wait.
    pub fn wait(mut self, context: &mut WaitContext<'_>) -> Result<u32, Error> {
        let barrier = self.barrier;
        let word = barrier.cell().ledger.word();
        loop {
            // Acquire pairs with the Release of the thread that changed it.
            let now = word.load(Ordering::Acquire);
            let wake = match State::of(now) {
                State::Filling => barrier.sleep(now, context),
                // All have come, so there is no deadline any more.
                State::Full => barrier.sleep(now, &mut context.endlessly()),
                _ => return self.leave(),
            };
            if barrier.0.arena().me() != self.process {
                return Err(Error::Broken(Name::NONE));
            }
            match wake {
                Wake::Notified => continue,
                Wake::Interrupted => {}
                Wake::TimedOut if barrier.cell().give_up(barrier.0.arena()) => {}
                Wake::TimedOut => continue,
            }
            let _ = self.leave();
            return Err(Error::Ended(wake));
        }
    }

    /// Leaves. The result depends on the barrier's state.
    fn leave(&mut self) -> Result<u32, Error> {
        let (cell, arena) = (self.barrier.cell(), &**self.barrier.0.arena());
        self.is_inside = false;
        if arena.me() != self.process {
            return Err(Error::Broken(Name::NONE));
        }
        let held = cell.ledger.open(arena);
        let [word, inside] = cell.ledger.words();
        let state = State::of(word);
        let outcome = match state {
            State::Draining => Ok(self.index),
            _ => Err(cell.broken()),
        };
        let next = match inside {
            1 => state.when_empty().after(word),
            _ => word,
        };
        let entry = arena.claim_of(self.barrier.0.id());
        let claim = entry.claim.add(-i32::from(entry.claim.net > 0));
        cell.ledger.change(arena, entry, claim, [next, inside - 1]);
        drop(held);
        step::at("barrier.left");
        if next != word && word & WAITERS != 0 {
            wake_shared(cell.ledger.word(), u32::MAX);
        }
        outcome
    }
}

impl Drop for Party<'_> {
    fn drop(&mut self) {
        if !self.is_inside {
            return;
        }
        if self.is_last && self.barrier.0.arena().me() == self.process {
            self.barrier.abort();
        }
        let _ = self.leave();
    }
}
