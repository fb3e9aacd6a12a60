//! The places of tasks, and their states.

use interlock_os::poll::Direction;

use crate::mailbox::Call;
use crate::waits::Hope;

/// The name of a task. After the task's end, its place may be used for another task; the generation
/// distinguishes the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TaskId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Why a task gets a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its turn has come: it has just begun, or it had let the others go first.
    Turn,
    /// The time of its sleep, or of its wait, is over.
    TimedOut,
    /// Its descriptor is ready.
    Ready,
    /// Its descriptor was closed.
    Closed,
    /// The task that it waits for has ended.
    Joined,
    /// The call that it waits for has come.
    Called,
    /// It was cancelled.
    Cancelled,
    /// It was cancelled, but the task that it waited for had ended before: it was counted among the tasks
    /// that learn of that end.
    JoinedThenCancelled,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On {
    Time,
    Descriptor(i32, Direction),
    Task(TaskId),
    Call(Hope),
}

#[derive(Debug)]
pub(crate) struct Wait {
    pub(crate) ticket: u64,
    pub(crate) on: On,
    /// Whether it has a timer.
    pub(crate) is_timed: bool,
}

/// See the state table in `PROTOCOL.md`.
#[derive(Debug)]
pub(crate) enum State {
    Free,
    Ready(Reason),
    Running { is_cancelled: bool },
    Waiting(Wait),
}

#[derive(Debug)]
struct Slot<P> {
    generation: u32,
    state: State,
    /// `Some` if the task is ready or waits. It is stored apart from the state, so that a turn that ends with
    /// a bare `yield` writes only a few bytes.
    payload: Option<P>,
    /// The waits of tasks for this one's end. Some may be over.
    joiners: Vec<Call>,
}

/// All tasks of a scheduler.
#[derive(Debug)]
pub(crate) struct Slots<P> {
    all: Vec<Slot<P>>,
    free: Vec<u32>,
}

impl<P> Slots<P> {
    pub(crate) const fn new() -> Self {
        Slots {
            all: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Returns how many tasks there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len() - self.free.len()
    }

    pub(crate) fn add(&mut self, payload: P) -> TaskId {
        let (state, payload) = (State::Ready(Reason::Turn), Some(payload));
        if let Some(slot) = self.free.pop() {
            let place = &mut self.all[slot as usize];
            place.state = state;
            place.payload = payload;
            return TaskId {
                slot,
                generation: place.generation,
            };
        }
        // More tasks than fit into 32 bits do not fit into memory.
        let slot = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(Slot {
            generation: 0,
            state,
            payload,
            joiners: Vec::new(),
        });
        TaskId { slot, generation: 0 }
    }

    /// Frees the place of a task. Returns its payload, unless it runs, and the waits for its end.
    pub(crate) fn remove(&mut self, slot: u32) -> (Option<P>, Vec<Call>) {
        let place = &mut self.all[slot as usize];
        place.generation = place.generation.wrapping_add(1);
        place.state = State::Free;
        self.free.push(slot);
        (place.payload.take(), std::mem::take(&mut place.joiners))
    }

    /// If the task of this place is ready, lets it run: gives its payload to the host.
    #[inline]
    pub(crate) fn run(&mut self, slot: u32) -> Option<(TaskId, P, Reason)> {
        let place = &mut self.all[slot as usize];
        let State::Ready(reason) = place.state else {
            return None;
        };
        let payload = place.payload.take()?;
        place.state = State::Running { is_cancelled: false };
        let generation = place.generation;
        Some((TaskId { slot, generation }, payload, reason))
    }

    /// Sets the next state of the running task of this place, whose payload comes back.
    #[inline]
    pub(crate) fn keep(&mut self, slot: u32, payload: P, state: State) {
        let place = &mut self.all[slot as usize];
        place.state = state;
        debug_assert!(place.payload.is_none(), "a running task's payload is the host's");
        place.payload = Some(payload);
    }

    /// Returns whether the task has not ended.
    pub(crate) fn has(&self, id: TaskId) -> bool {
        self.all
            .get(id.slot as usize)
            .is_some_and(|place| place.generation == id.generation && !matches!(place.state, State::Free))
    }

    #[inline]
    pub(crate) fn state(&mut self, slot: u32) -> &mut State {
        &mut self.all[slot as usize].state
    }

    pub(crate) fn add_joiner(&mut self, target: TaskId, call: Call) {
        self.all[target.slot as usize].joiners.push(call);
    }

    /// Removes a wait for a task's end that is over before that end.
    pub(crate) fn remove_joiner(&mut self, target: TaskId, call: Call) {
        if self.has(target) {
            self.all[target.slot as usize]
                .joiners
                .retain(|other| *other != call);
        }
    }

    /// Returns whether a wait goes on.
    pub(crate) fn is_waiting(&self, call: Call) -> bool {
        match self.all.get(call.slot as usize).map(|place| &place.state) {
            Some(State::Waiting(wait)) => wait.ticket == call.ticket,
            _ => false,
        }
    }

    /// Returns the payloads of all tasks but the one that runs.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = (TaskId, &P)> {
        (0u32..).zip(&self.all).filter_map(|(slot, place)| {
            let generation = place.generation;
            Some((TaskId { slot, generation }, place.payload.as_ref()?))
        })
    }

    /// Returns the payload of a task that waits.
    pub(crate) fn waiting_payload(&self, call: Call) -> Option<&P> {
        let place = self.all.get(call.slot as usize)?;
        place.payload.as_ref().filter(|_| self.is_waiting(call))
    }

    /// The same, to be changed.
    pub(crate) fn waiting_payload_mut(&mut self, call: Call) -> Option<&mut P> {
        match self.is_waiting(call) {
            true => self.all[call.slot as usize].payload.as_mut(),
            false => None,
        }
    }
}
