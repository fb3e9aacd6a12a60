//! How a death is noticed, made sure of, and cleared away. (FORMAT.md, "Death".)

use std::time::Duration;

use interlock_os::life::LifeWord;
use interlock_os::process::{self, Ended, Process};
use interlock_wait::primitive::{AtomicU32, Ordering};
use interlock_wait::{
    Announced, Deadline, ResourceKind, SharedWord, WaitContext, Wake, block_announced, block_shared,
    wake_shared,
};

use crate::arena::Arena;
use crate::layout::{LABEL_WORDS, Slot};
use crate::name::Name;
use crate::raw_lock::Peers;
use crate::resource::SharedResource;
use crate::roster::{BIRTHS, HAS_FORKED, State, is_held, names_the_living, read_label};
use crate::step;

/// How long a thread sleeps where the kernel does not watch the owner's life: the owner began no life yet, or the thread ended
/// that held its life word.
const UNWATCHED: Duration = Duration::from_millis(50);

/// How long to wait between two looks at a process that seems to be ending, and how often to look.
const ENDING: Duration = Duration::from_millis(1);
const LOOKS: u32 = 100;

/// How many slots are looked at in passing: see [`Arena::sweep_some`]. More than processes are born between two looks: otherwise the dead
/// would become more and more.
const SOME: u32 = 4 * BIRTHS;

/// How a process of the family ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// Its process id.
    pub pid: u32,
    /// What it was called, by [`Arena::set_label`]. Empty if it was not.
    pub label: String,
    /// How it ended, if that is known: its parent tells, or the kernel.
    pub ended: Option<Ended>,
}

impl Peers for Arena {
    #[inline]
    fn me(&self) -> Name {
        Arena::me(self)
    }

    #[inline]
    fn is_dead(&self, name: Name) -> bool {
        !self.slot(name.slot()).is_used_by(name)
    }

    fn sleep(&self, word: &AtomicU32, value: u32, owner: Name, context: &mut WaitContext<'_>) -> Wake {
        self.sleep_on(
            &[SharedWord {
                word,
                expected: value,
            }],
            &[owner],
            &SharedResource::new(ResourceKind::Lock),
            context,
        )
    }

    fn wake(&self, word: &AtomicU32, most: u32) {
        wake_shared(word, most);
    }
}

impl Arena {
    /// Sleeps until one of `words` has another value, one of the processes `owners` is dead, or `context` ends the wait. The words
    /// and the owners are at most 127 in all; of more owners the first are watched, and the others looked at once a while.
    ///
    /// [`Wake::Notified`] says that the caller should look again. The deaths of `owners` are cleared away then.
    pub(crate) fn sleep_on(
        &self,
        words: &[SharedWord<'_>],
        owners: &[Name],
        resource: &SharedResource,
        context: &mut WaitContext<'_>,
    ) -> Wake {
        let mut all = words.to_vec();
        let mut is_unwatched = words.len() + owners.len() > interlock_wait::MOST_SHARED_WORDS;
        for &owner in owners
            .iter()
            .take(interlock_wait::MOST_SHARED_WORDS - words.len())
        {
            match self.watch(owner) {
                Watched::Life(word) => all.push(word),
                Watched::Unsure => is_unwatched = true,
                Watched::Dead => return Wake::Notified,
            }
        }
        let soon = match is_unwatched {
            true => Deadline::after(UNWATCHED),
            false => Deadline::NEVER,
        };
        let is_soon = soon < context.deadline();
        match block_shared(&all, resource, &mut context.bounded(soon)) {
            Wake::TimedOut if is_soon => Wake::Notified,
            wake => wake,
        }
    }

    /// Like [`block_announced`], which also ends, with [`Wake::Notified`], when `owner` is dead and cleared
    /// away, and sometimes for nothing.
    pub(crate) fn wait_beside(
        &self,
        wait: &Announced<'_>,
        owner: Name,
        resource: &SharedResource,
        context: &mut WaitContext<'_>,
    ) -> Wake {
        match self.watch(owner) {
            Watched::Dead => return Wake::Notified,
            Watched::Life(word) => {
                let wait = Announced {
                    beside: Some(word),
                    ..*wait
                };
                return block_announced(&wait, resource, context);
            }
            Watched::Unsure => {}
        }
        let soon = Deadline::after(UNWATCHED);
        let is_soon = soon < context.deadline();
        match block_announced(wait, resource, &mut context.bounded(soon)) {
            Wake::TimedOut if is_soon => Wake::Notified,
            wake => wake,
        }
    }

    /// How the life of `name` can be watched. If it seems to have ended, makes sure, which may take some milliseconds, and clears
    /// the dead process away.
    fn watch(&self, name: Name) -> Watched<'_> {
        let slot = self.slot(name.slot());
        let word = slot.life.word();
        let flagged = flag(word);
        step::at("watch.flagged");
        // After the look at the word: if the slot is still used by `name`, that was not the life of the slot's next process.
        if !slot.is_used_by(name) {
            return Watched::Dead;
        }
        match flagged {
            Some(expected) => Watched::Life(SharedWord { word, expected }),
            None if self.confirm_death(name) => Watched::Dead,
            None => Watched::Unsure,
        }
    }

    /// Returns whether the process `name` is dead: asks the kernel, for some milliseconds if the process
    /// seems to be ending. If it is dead, what it had is cleared away when this returns.
    pub fn confirm_death(&self, name: Name) -> bool {
        let slot = self.slot(name.slot());
        for _ in 0..LOOKS {
            if !slot.is_used_by(name) {
                return true;
            }
            match self.look(slot) {
                Look::Dead => {
                    self.sweep(name);
                    return true;
                }
                Look::Alive => return false,
                Look::Ending => self.pause(slot),
            }
        }
        false
    }

    /// One look at the process that has `slot`.
    fn look(&self, slot: &Slot) -> Look {
        // Acquire pairs with the Release in `started`.
        let pid = slot.pid.load(Ordering::Acquire);
        if pid == 0 {
            return match self.is_abandoned(slot) {
                true => Look::Dead,
                false => Look::Alive,
            };
        }
        let started = slot.start_time.get();
        let is_same = || started == 0 || process::start_time(pid).is_none_or(|now| now == started);
        let has_ended = match Process::open(pid) {
            Ok(None) => true,
            Ok(Some(process)) => process.has_ended() || !is_same(),
            Err(_) => process::has_ended(pid) || !is_same(),
        };
        if has_ended {
            return Look::Dead;
        }
        if slot.now().1 != State::Live || is_held(slot.life.word()) {
            return Look::Alive;
        }
        // The thread that held the life word is gone, and the process is there. Either it is ending, or it called exec, and so
        // does not know the arena any more; or that thread ended, and the process goes on. One that is ending lets go of its
        // files, too, but is marked before. (A main thread that has ended shows no files, whatever the others do; it is marked.)
        // One that can't be looked at now may be any of these.
        let has_arena = process::has_file(pid, slot.file.get(), self.file());
        match (has_arena, process::is_ending(pid)) {
            (Some(false), Some(false)) => Look::Dead,
            _ => Look::Ending,
        }
    }

    /// Returns whether nobody will come to a slot that is kept for a process: the one that kept it is dead,
    /// or its fork is over, and there is no process that has the arena and is not in the roster, as far as
    /// that can be known now.
    fn is_abandoned(&self, slot: &Slot) -> bool {
        // Relaxed: written before the phase, or by a process that has forked before it came here.
        let parent = slot.parent.load(Ordering::Relaxed);
        let is_member = |pid| {
            let used = self.header().slots_used.get();
            let mut slots = (1..used).map(|index| self.slot(index));
            // Relaxed: a process that comes to its slot meanwhile is looked for below.
            slots.any(|slot| slot.pid.load(Ordering::Relaxed) == pid && is_held(slot.life.word()))
        };
        let is_over = parent & HAS_FORKED != 0 || Peers::is_dead(self, Name::of_word(parent));
        // Acquire pairs with the compare-exchange in `started`, or with the phase: it has not come to this slot meanwhile, either.
        is_over
            && process::holders(self.file()).is_ok_and(|all| all.into_iter().all(is_member))
            && slot.pid.load(Ordering::Acquire) == 0
    }

    /// Lets a millisecond pass, or less if `slot` is cleared away meanwhile.
    fn pause(&self, slot: &Slot) {
        // Relaxed: the kernel compares it before the thread sleeps.
        let expected = slot.phase.load(Ordering::Relaxed);
        let word = SharedWord {
            word: &slot.phase,
            expected,
        };
        let mut context = WaitContext::within(Deadline::after(ENDING));
        block_shared(&[word], &SharedResource::new(ResourceKind::Timer), &mut context);
    }

    /// Clears the process `name` away, which is dead or never came to its slot: what it had taken goes back, and its name is dead
    /// for all. Any number of processes may do this, one after the other; each step may be done again.
    pub(crate) fn sweep(&self, name: Name) {
        let slot = self.slot(name.slot());
        if Self::holds_roster() {
            return self.declare_dead(name, slot);
        }
        let _sweeper = self.hold(&slot.sweeper, || {});
        let (generation, state) = slot.now();
        if generation != name.generation() || state == State::Free {
            return;
        }
        if state != State::Sweeping {
            self.record_end(name, slot);
            step::at("sweep.recorded");
            slot.enter(generation, State::Sweeping);
        }
        step::at("sweep.begun");
        self.settle_claims(name);
        step::at("sweep.claims");
        self.leave_lines(name);
        step::at("sweep.lines");
        self.free_blocks_of(crate::blocks::Owner::Process(name));
        step::at("sweep.blocks");
        self.clear_row(name.slot());
        step::at("sweep.row");
        slot.clear();
        slot.enter(Name::new(0, generation + 1).generation(), State::Free);
        step::at("sweep.freed");
        // The kernel woke one thread, if any: this one, maybe. The others look now.
        wake_shared(slot.life.word(), u32::MAX);
        wake_shared(&slot.phase, u32::MAX);
    }

    /// Goes on with the sweep of `name` if another process has begun it: waits until that one is done, or dead. The caller holds
    /// nothing that a sweep needs.
    pub(crate) fn finish_sweep(&self, name: Name) {
        if self.slot(name.slot()).now() == (name.generation(), State::Sweeping) {
            self.sweep(name);
        }
    }

    /// Makes `name` dead for all, and leaves the rest to the next process that looks: the calling thread holds the roster, which a sweep
    /// needs. It waits for no sweeper either, as that one may wait for the roster.
    #[cold]
    fn declare_dead(&self, name: Name, slot: &Slot) {
        while slot.is_used_by(name) {
            if slot.sweeper.try_acquire(self).is_some() {
                let _sweeper = self.held(&slot.sweeper);
                if slot.is_used_by(name) {
                    self.record_end(name, slot);
                    slot.enter(name.generation(), State::Sweeping);
                }
                return;
            }
            let sweeper = slot.sweeper.owner();
            if sweeper.is_none() || !self.confirm_death(sweeper) {
                self.pause(slot); // it lives, and is about to say so
            }
        }
    }

    /// Clears away all processes that died and that nobody has waited for. Those that seem to be ending are waited for, some
    /// milliseconds in all.
    pub fn sweep_all(&self) {
        for _ in 0..LOOKS {
            match self.sweep_slots(1..self.header().slots_used.get()) {
                None => return,
                Some(ending) => self.pause(ending),
            }
        }
    }

    /// Looks at some of the slots, others each time, and clears those away whose processes are dead. Called now and then, by
    /// processes that do something else: so what the dead had comes back though nobody waits for it. Never waits.
    ///
    /// The caller holds neither the roster nor the blocks.
    pub(crate) fn sweep_some(&self) {
        let (next, used) = (&self.header().next_swept, self.header().slots_used.get());
        // Two may look at the same slots: each of them is looked at all the same.
        let begin = if next.get() < used { next.get().max(1) } else { 1 };
        let end = begin.saturating_add(SOME).min(used);
        next.set(end);
        self.sweep_slots(begin..end);
    }

    /// Takes one look at each of these slots, and clears those away whose processes are dead. Returns one whose process seems to
    /// be ending, if there is any.
    fn sweep_slots(&self, slots: std::ops::Range<u32>) -> Option<&Slot> {
        let mut ending = None;
        for index in slots {
            let slot = self.slot(index);
            let (generation, state) = slot.now();
            let look = match state {
                State::Free => Look::Alive,
                State::Live if is_held(slot.life.word()) => Look::Alive,
                State::Live | State::Reserved => self.look(slot),
                State::Sweeping => Look::Dead,
            };
            match look {
                Look::Dead => self.sweep(Name::new(index, generation)),
                Look::Ending => ending = Some(slot),
                Look::Alive => {}
            }
        }
        ending
    }

    /// Clears the process `name` away if it is dead. Returns whether it was.
    pub(crate) fn clear_if_dead(&self, name: Name) -> bool {
        let (generation, state) = self.slot(name.slot()).now();
        if state == State::Sweeping && generation == name.generation() {
            self.sweep(name);
            return true;
        }
        self.confirm_death(name)
    }

    fn record_end(&self, name: Name, slot: &Slot) {
        let end = &slot.ends[name.generation() as usize % 2];
        // Relaxed: written before the phase, or by the parent.
        let pid = slot.pid.load(Ordering::Relaxed);
        // Relaxed: a reader of what follows looks for another name.
        end.name.store(0, Ordering::Relaxed);
        end.pid.set(pid);
        end.status.set(status_word(process::ended(pid)));
        for i in 0..LABEL_WORDS {
            end.label[i].set(slot.label[i].get());
        }
        // Release pairs with the Acquire in `death_of`.
        end.name.store(name.word(), Ordering::Release);
    }

    /// The caller has waited for its child `pid`, which `ended`: so messages can tell how.
    pub fn has_ended(&self, pid: u32, ended: Ended) {
        let used = self.header().slots_used.get();
        for index in 1..used {
            let slot = self.slot(index);
            let (generation, state) = slot.now();
            // Relaxed: the death is made sure of.
            if state != State::Free && slot.pid.load(Ordering::Relaxed) == pid {
                self.confirm_death(Name::new(index, generation));
            }
            for end in &slot.ends {
                if end.pid.get() == pid {
                    end.status.set(status_word(Some(ended)));
                }
            }
        }
    }

    /// How the process `name` ended. `None` if it lives, or its slot has been used several times since.
    pub fn death_of(&self, name: Name) -> Option<Death> {
        let end = &self.slot(name.slot()).ends[name.generation() as usize % 2];
        // Acquire pairs with the Release in `record_end`.
        if end.name.load(Ordering::Acquire) != name.word() {
            return None;
        }
        Some(Death {
            pid: end.pid.get(),
            label: read_label(&end.label),
            ended: ended_of(end.status.get()),
        })
    }
}

impl Slot {
    /// Makes the slot as good as new, but for its phase and for the ends of its processes. The caller is the sweeper.
    fn clear(&self) {
        // Relaxed: nobody looks at a slot that is being cleared, but for messages.
        self.pid.store(0, Ordering::Relaxed);
        for word in &self.label {
            word.set(0);
        }
        // Relaxed: as above.
        self.nodes_used.store(0, Ordering::Relaxed);
        // Relaxed: as above.
        self.life.word().store(0, Ordering::Relaxed);
    }
}

/// Asks the kernel, in the life word `word`, for a wake-up when its holder dies. Returns what the word is then. `None` if nobody holds
/// it: then it stays as it is, since a process may be about to begin its life there.
fn flag(word: &AtomicU32) -> Option<u32> {
    let with_flag = |value: u32| names_the_living(value).then_some(value | LifeWord::WAITERS);
    // Acquire, twice: pairs with what the kernel did when the holder died, or with the beginning of its life.
    word.fetch_update(Ordering::Acquire, Ordering::Acquire, with_flag)
        .ok()
        .map(|value| value | LifeWord::WAITERS)
}

enum Watched<'a> {
    /// The kernel changes this word when the process dies.
    Life(SharedWord<'a>),
    /// It lives, but nobody tells of its death.
    Unsure,
    Dead,
}

enum Look {
    Dead,
    Alive,
    Ending,
}

fn status_word(ended: Option<Ended>) -> u64 {
    match ended {
        None => 0,
        Some(Ended::Exited(code)) => 1 << 32 | u64::from(code.cast_unsigned() & 0xff) << 8,
        Some(Ended::Killed(signal)) => 1 << 32 | u64::from(signal.cast_unsigned() & 0x7f),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both are a byte")]
fn ended_of(word: u64) -> Option<Ended> {
    match (word, word & 0x7f) {
        (0, _) => None,
        (_, 0) => Some(Ended::Exited((word >> 8 & 0xff) as i32)),
        (_, signal) => Some(Ended::Killed(signal as i32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The holder died, and the slot was cleared away, or is another process's, after the watcher saw the word held.
    #[test]
    fn no_flag_is_set_in_a_life_that_nobody_holds_c260() {
        for left in [0, LifeWord::DIED, LifeWord::DIED | LifeWord::WAITERS] {
            let word = AtomicU32::new(left);
            assert_eq!(flag(&word), None);
            // Relaxed, here and below: a test is not about orderings.
            assert_eq!(word.load(Ordering::Relaxed), left);
        }
        let word = AtomicU32::new(7);
        for _ in 0..2 {
            assert_eq!(flag(&word), Some(7 | LifeWord::WAITERS));
            assert_eq!(word.load(Ordering::Relaxed), 7 | LifeWord::WAITERS);
        }
    }
}
