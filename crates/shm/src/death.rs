//! Notices deaths, confirms them, and sweeps the dead processes. (FORMAT.md, "Death".)

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

/// How long a thread sleeps at most if the kernel does not watch the owner's life, because the owner has not begun
/// its life yet, or the thread that held its life word has exited.
const UNWATCHED: Duration = Duration::from_millis(50);

/// How long to wait between two looks at a process that seems to be exiting, and how often to look.
const ENDING: Duration = Duration::from_millis(1);
const LOOKS: u32 = 100;

/// How many slots [`Arena::sweep_some`] looks at. More than the number of processes that are born between two
/// looks: otherwise dead processes would accumulate.
const SOME: u32 = 4 * BIRTHS;

/// How a process of the family ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// Its process id.
    pub pid: u32,
    /// Its label, set by [`Arena::set_label`]. Empty if it had none.
    pub label: String,
    /// How it ended, if that is known from its parent or from the kernel.
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
    /// Sleeps until one of `words` has another value, one of the processes `owners` is dead, or `context` ends the
    /// wait. Words and owners may be at most 127 together; of more owners, the first are watched, and the others
    /// are checked once in a while.
    ///
    /// [`Wake::Notified`] means that the caller should check again. By then, dead processes among `owners` are
    /// swept.
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

    /// Like [`block_announced`], but also returns [`Wake::Notified`] when `owner` is dead and swept, and sometimes
    /// spuriously.
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

    /// Returns how the life of `name` can be watched. If it seems to have ended, confirms that, which may take some
    /// milliseconds, and sweeps the dead process.
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

    /// Returns whether the process `name` is dead. Asks the kernel, for some milliseconds if the process seems to
    /// be exiting. If it is dead, it is swept when this returns.
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

    /// Looks once at the process that has `slot`.
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
        // The thread that held the life word is gone, but the process exists. Either it is exiting; or it called
        // exec, and so does not know the arena any more; or only that thread has exited, and the process goes on.
        // An exiting process closes its files, too, but is marked before. (A main thread that has exited shows no
        // files, whatever the other threads do; it is marked.) If the process can't be examined now, any of these
        // is possible.
        let has_arena = process::has_file(pid, slot.file.get(), self.file());
        match (has_arena, process::is_ending(pid)) {
            (Some(false), Some(false)) => Look::Dead,
            _ => Look::Ending,
        }
    }

    /// Returns whether no process will come to a reserved slot, as far as that can be known now: the process that
    /// reserved it is dead, or its fork is over, and no process has the arena without being in the roster.
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

    /// Lets a millisecond pass, or less if `slot` is swept meanwhile.
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

    /// Sweeps the process `name`, which is dead or never came to its slot: gives back what it had taken, and marks
    /// its name as dead for all processes. Any number of processes may do this, one after the other; each step may
    /// be repeated.
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
        // The kernel woke at most one thread, perhaps this one. This wakes the others.
        wake_shared(slot.life.word(), u32::MAX);
        wake_shared(&slot.phase, u32::MAX);
    }

    /// If another process has begun to sweep `name`, waits until it is done, or dead, and then completes the sweep.
    /// The caller holds no lock that a sweep needs.
    pub(crate) fn finish_sweep(&self, name: Name) {
        if self.slot(name.slot()).now() == (name.generation(), State::Sweeping) {
            self.sweep(name);
        }
    }

    /// Marks `name` as dead for all processes, and leaves the rest to the next process that looks: the calling
    /// thread holds the roster, which a sweep needs. It does not wait for a sweeper either, because the sweeper may
    /// wait for the roster.
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
                self.pause(slot); // it is alive, and is about to publish that
            }
        }
    }

    /// Sweeps all dead processes, even those that no thread waits for. For processes that seem to be exiting, waits
    /// some milliseconds in all.
    pub fn sweep_all(&self) {
        for _ in 0..LOOKS {
            match self.sweep_slots(1..self.header().slots_used.get()) {
                None => return,
                Some(ending) => self.pause(ending),
            }
        }
    }

    /// Looks at some of the slots, different ones each time, and sweeps those whose processes are dead. Processes
    /// call this now and then in passing, so that the resources of dead processes come back even if no thread waits
    /// for them. Never waits.
    ///
    /// The caller holds neither the roster nor the blocks.
    pub(crate) fn sweep_some(&self) {
        let (next, used) = (&self.header().next_swept, self.header().slots_used.get());
        // Two processes may look at the same slots; no slot is left out.
        let begin = if next.get() < used { next.get().max(1) } else { 1 };
        let end = begin.saturating_add(SOME).min(used);
        next.set(end);
        self.sweep_slots(begin..end);
    }

    /// Looks once at each of these slots, and sweeps those whose processes are dead. Returns a slot whose process
    /// seems to be exiting, if there is one.
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

    /// Sweeps the process `name` if it is dead. Returns whether it was.
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

    /// Called when the caller has waited for its child `pid`, which `ended`, so that messages can tell how it
    /// ended.
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

    /// Returns how the process `name` ended. `None` if it lives, or if its slot has been used several times since.
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
    /// Resets the slot, except for its phase and for the ends of its processes. The caller is the sweeper.
    fn clear(&self) {
        // Relaxed: no process looks at a slot that is being cleared, except for messages.
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

/// Asks the kernel, by a flag in the life word `word`, for a wake-up when its holder dies. Returns the new value of
/// the word. If no thread holds it, changes nothing, because a process may be about to begin its life there, and
/// returns `None`.
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
    /// It lives, but its death would not wake a thread.
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

    /// The holder died, and the slot was swept, or belongs to another process, after the watcher saw the word held.
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
