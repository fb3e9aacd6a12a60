//! The roster: the processes of the family. (FORMAT.md, "The roster".)

use interlock_os::process;
use interlock_wait::primitive::{AtomicU32, Ordering};

use crate::arena::Arena;
use crate::error::Error;
use crate::field::Field64;
use crate::layout::{LABEL_WORDS, Slot};
use crate::name::Name;
use crate::step;

/// The use of a slot, in the low bits of its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The slot is free.
    Free,
    /// It is reserved for a process that is being started. That process has handles already.
    Reserved,
    /// A process uses it.
    Live,
    /// Its process is dead, and is being swept.
    Sweeping,
}

const STATE_BITS: u32 = 2;

pub(crate) fn phase(generation: u32, state: State) -> u32 {
    generation << STATE_BITS | state as u32
}

fn state(phase: u32) -> State {
    match phase & ((1 << STATE_BITS) - 1) {
        0 => State::Free,
        1 => State::Reserved,
        2 => State::Live,
        _ => State::Sweeping,
    }
}

impl Slot {
    /// Returns the generation of the slot, and its use.
    pub(crate) fn now(&self) -> (u32, State) {
        // Acquire pairs with the Release of the process that changed it: what that one did before is done.
        let phase = self.phase.load(Ordering::Acquire);
        (phase >> STATE_BITS, state(phase))
    }

    /// Returns whether `name` uses the slot, and is not known to be dead.
    pub(crate) fn is_used_by(&self, name: Name) -> bool {
        let (generation, state) = self.now();
        generation == name.generation() && matches!(state, State::Live | State::Reserved)
    }

    pub(crate) fn enter(&self, generation: u32, state: State) {
        // Release pairs with the Acquire in `now`.
        self.phase.store(phase(generation, state), Ordering::Release);
    }
}

impl Arena {
    /// Reserves a slot for a process that the caller is going to start. From the beginning, it has handles of all
    /// objects of `parent`, or none.
    ///
    /// # Errors
    /// The family has no room for more processes.
    pub(crate) fn reserve(&self, parent: Option<Name>) -> Result<Name, Error> {
        let kept = self.keep_free(parent).or_else(|| {
            self.sweep_all();
            self.keep_free(parent)
        });
        let (name, births) = kept.ok_or(Error::TooManyProcesses)?;
        if births.is_multiple_of(BIRTHS) {
            self.sweep_some();
        }
        Ok(name)
    }

    /// Reserves a free slot, if there is one. Also returns how many births there have been.
    fn keep_free(&self, parent: Option<Name>) -> Option<(Name, u32)> {
        let _guard = self.lock_roster();
        let (index, slot) = self.free_slot()?;
        Some((self.keep(index, slot, parent), self.births()))
    }

    /// Reserves the slot. The caller holds the roster.
    fn keep(&self, index: u32, slot: &Slot, parent: Option<Name>) -> Name {
        let (generation, _) = slot.now();
        // Relaxed: the phase publishes it.
        slot.pid.store(0, Ordering::Relaxed);
        slot.start_time.set(0);
        // Relaxed: as above.
        slot.parent.store(self.me().word(), Ordering::Relaxed);
        let births = &self.header().births;
        births.set(births.get() + 1);
        self.begin_row(index, parent);
        step::at("roster.copied");
        slot.enter(generation, State::Reserved);
        step::at("roster.reserved");
        Name::new(index, generation)
    }

    /// Returns a free slot. Searches from the last one that was taken, so that names are reused as late as
    /// possible. The caller holds the roster.
    fn free_slot(&self) -> Option<(u32, &Slot)> {
        let header = self.header();
        let used = header.slots_used.get();
        let next = header.next_slot.get();
        let turn = used.max(LEAST_ROTATION);
        let in_turn = (0..turn).map(|i| (next + i) % turn).filter(|&index| index != 0);
        let found = in_turn
            .chain(turn..Name::SLOTS)
            .map(|index| (index, self.slot(index)))
            .find(|(_, slot)| slot.now().1 == State::Free)?;
        header.next_slot.set(found.0 + 1);
        header.slots_used.set(used.max(found.0 + 1));
        Some(found)
    }

    /// Takes the slot that was reserved for the calling process.
    ///
    /// # Errors
    /// The slot is not reserved for it any more, or the kernel can't watch its life.
    pub(crate) fn take_slot(&self, name: Name) -> Result<(), Error> {
        let slot = self.slot(name.slot());
        if slot.now() != (name.generation(), State::Reserved) {
            return Err(Error::NotReserved);
        }
        let pid = process::id();
        slot.begin_life()?;
        slot.start_time.set(process::start_time(pid).unwrap_or(0));
        slot.file
            .set(self.memory().descriptor().map_or(0, i32::cast_unsigned));
        // Release pairs with the Acquire in `is_abandoned`, and in `look`: what is above is there.
        slot.pid.store(pid, Ordering::Release);
        step::at("roster.begun");
        let (reserved, live) = (
            phase(name.generation(), State::Reserved),
            phase(name.generation(), State::Live),
        );
        // AcqRel: Release pairs with the Acquire in `now`, and Acquire with the Release of the process that kept the slot.
        // Relaxed: a failure is the end.
        (slot.phase)
            .compare_exchange(reserved, live, Ordering::AcqRel, Ordering::Relaxed)
            .map_err(|_| Error::NotReserved)?;
        self.set_me(name);
        self.tell_of_joining();
        Ok(())
    }

    /// Called when a fork for which the slot of `name` was reserved is over: either there is a child now, or there
    /// never will be.
    pub(crate) fn has_forked(&self, name: Name) {
        let slot = self.slot(name.slot());
        if !slot.is_used_by(name) {
            return; // the child is dead already, and the slot may be reserved for another one
        }
        let parent = &slot.parent;
        // Relaxed: it is for those who find the slot kept long after. The child that has it does not look.
        let _ = (parent).compare_exchange(
            self.me().word(),
            self.me().word() | HAS_FORKED,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// If the process could not be started, gives its slot up. If it was, stores its `pid`, so that its death is
    /// noticed even if it dies before it comes to its slot.
    pub fn started(&self, name: Name, pid: Option<u32>) {
        let slot = self.slot(name.slot());
        let is_kept = || slot.now() == (name.generation(), State::Reserved);
        match pid {
            None if is_kept() => self.sweep(name),
            Some(pid) => {
                let start_time = process::start_time(pid);
                // As long as this thread holds the roster, the slot can't be reserved for another process. But it
                // can be swept. In that case, this writes to a free slot, which is cleared before it is used again.
                let _guard = self.lock_roster();
                if !is_kept() {
                    return;
                }
                step::at("started.kept");
                // The process itself may write the same at the same time.
                if let Some(start_time) = start_time {
                    slot.start_time.set(start_time);
                }
                // Relaxed: a failure stands for itself. Release pairs with the Acquire in `look`: the time is there, too.
                let _ = (slot.pid).compare_exchange(0, pid, Ordering::Release, Ordering::Relaxed);
            }
            None => {}
        }
    }

    /// Returns how many processes are in the family, including dead ones that were not noticed yet. For tests, and
    /// for reports.
    pub fn processes(&self) -> usize {
        let used = self.header().slots_used.get();
        (1..used)
            .filter(|&index| self.slot(index).now().1 != State::Free)
            .count()
    }

    /// Returns whether the process `name` is marked as dead. Does not ask the kernel, so it misses a death that no
    /// process has noticed yet.
    pub fn is_known_dead(&self, name: Name) -> bool {
        !self.slot(name.slot()).is_used_by(name)
    }

    /// Returns whether the process `name` is dead and swept. Does not ask the kernel, like
    /// [`is_known_dead`](Self::is_known_dead).
    pub fn is_cleared_away(&self, name: Name) -> bool {
        self.slot(name.slot()).now().0 != name.generation()
    }

    /// Sets the label of the calling process, for messages. Keeps its first 48 bytes.
    pub fn set_label(&self, label: &str) {
        write_label(&self.slot(self.me().slot()).label, label);
    }
}

/// A flag beside the parent's name. It is set when the fork is over.
pub(crate) const HAS_FORKED: u32 = 1 << 30;

/// After this many births, a process looks for processes that died unnoticed.
pub(crate) const BIRTHS: u32 = 64;

/// The least number of slots that are used in turn before the first is used again.
const LEAST_ROTATION: u32 = 64;

pub(crate) fn write_label(words: &[Field64; LABEL_WORDS], label: &str) {
    let mut end = label.len().min(LABEL_WORDS * 8);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    let mut bytes = [0; LABEL_WORDS * 8];
    bytes[..end].copy_from_slice(&label.as_bytes()[..end]);
    for (word, chunk) in words.iter().zip(bytes.chunks_exact(8)) {
        let mut eight = [0; 8];
        eight.copy_from_slice(chunk);
        word.set(u64::from_le_bytes(eight));
    }
}

pub(crate) fn read_label(words: &[Field64; LABEL_WORDS]) -> String {
    let bytes: Vec<u8> = (words.iter()).flat_map(|word| word.get().to_le_bytes()).collect();
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Returns whether `word`, a life word, names a living thread that holds it.
pub(crate) fn is_held(word: &AtomicU32) -> bool {
    // Acquire pairs with what the kernel did when the holder died.
    names_the_living(word.load(Ordering::Acquire))
}

/// Returns whether a life word with this value names a living thread that holds it.
pub(crate) fn names_the_living(value: u32) -> bool {
    use interlock_os::life::LifeWord;
    value & LifeWord::DIED == 0 && value & LifeWord::HOLDER != 0
}
