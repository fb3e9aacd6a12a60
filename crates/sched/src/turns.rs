//! The tasks of a scheduler, and whose turn it is.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use interlock_wait::Deadline;

use crate::mailbox::{Call, Mailbox};
use crate::poll::Poll;
use crate::slots::{On, Reason, Slots, State, TaskId, Wait};
use crate::timers::Timers;
use crate::waits::{Hope, Refused, Spot};
use crate::watched::{Keeper, Watched};

/// A task that the host has to resume.
#[derive(Debug)]
pub struct Turn<P> {
    /// Which task.
    pub id: TaskId,
    /// The host's part of the task. The host gives it back together with the task's next request, or ends the
    /// task.
    pub payload: P,
    /// Why the task gets a turn.
    pub reason: Reason,
}

/// How many tasks wait for which kind of event.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Waits that are sure to end, at the latest by time.
    pub(crate) sure: usize,
    /// Waits for a call that may or may not come.
    pub(crate) vague: usize,
    /// Waits for the end of another task.
    pub(crate) joins: usize,
}

/// Tasks with payloads of type `P`, which wait for descriptors that belong to keepers of type `K`.
#[derive(Debug)]
pub struct Turns<P, K> {
    pub(crate) slots: Slots<P>,
    /// The tasks that have a turn, in order.
    pub(crate) ring: VecDeque<u32>,
    pub(crate) left_in_round: usize,
    pub(crate) timers: Timers,
    pub(crate) watched: Watched<K>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) poll: Option<Arc<Poll>>,
    pub(crate) tally: Tally,
    last_ticket: u64,
    pub(crate) last_look: Duration,
}

impl<P, K: Keeper> Default for Turns<P, K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P, K: Keeper> Turns<P, K> {
    /// Creates a scheduler without tasks. It opens no descriptor before a task waits.
    pub fn new() -> Self {
        Turns {
            slots: Slots::new(),
            ring: VecDeque::new(),
            left_in_round: 0,
            timers: Timers::default(),
            watched: Watched::new(),
            mailbox: Arc::new(Mailbox::new()),
            poll: None,
            tally: Tally::default(),
            last_ticket: 0,
            last_look: Duration::ZERO,
        }
    }

    /// Returns the mailbox, where other threads leave calls.
    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Returns how many tasks have not ended.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns whether all tasks have ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the payloads of the tasks, except that of the running task.
    pub fn payloads(&self) -> impl Iterator<Item = (TaskId, &P)> {
        self.slots.payloads()
    }

    /// Adds a task, which gets its first turn after all tasks that are due now. Another thread calls
    /// [`Mailbox::ring`](crate::Mailbox::ring) afterwards.
    pub fn spawn(&mut self, payload: P) -> TaskId {
        let id = self.slots.add(payload);
        self.ring.push_back(id.slot);
        id
    }

    /// Returns the next turn of this round. `None` at the end of the round: then [`look`](Self::look) tells
    /// what to do.
    #[inline]
    pub fn next_turn(&mut self) -> Option<Turn<P>> {
        self.left_in_round = self.left_in_round.checked_sub(1)?;
        let slot = self.ring.pop_front()?;
        let turn = self.slots.run(slot);
        debug_assert!(turn.is_some(), "only tasks that have a turn are in the ring");
        let (id, payload, reason) = turn?;
        Some(Turn { id, payload, reason })
    }

    /// Returns the next turn. At the end of a round, goes on with the next one if there is nothing to look at
    /// in between.
    #[inline]
    pub fn next_turn_of_any_round(&mut self) -> Option<Turn<P>> {
        if self.left_in_round == 0 && !self.has_to_look() {
            self.left_in_round = self.ring.len();
        }
        self.next_turn()
    }

    /// Called when the running task lets the others go first.
    #[inline]
    pub fn yielded(&mut self, id: TaskId, payload: P) {
        let reason = self.reason_of_running(id, Reason::Turn);
        self.make_ready(id.slot, payload, reason);
    }

    /// Called when the running task waits for a time.
    pub fn sleep(&mut self, id: TaskId, payload: P, deadline: Deadline) {
        let ticket = self.ticket();
        self.rest(id, payload, (ticket, On::Time), deadline);
    }

    /// Called when the running task waits for the end of another task.
    pub fn join(&mut self, id: TaskId, payload: P, target: TaskId, deadline: Deadline) {
        let ticket = self.ticket();
        if !self.slots.has(target) {
            let reason = self.reason_of_running(id, Reason::Joined);
            return self.make_ready(id.slot, payload, reason);
        }
        let call = Call {
            ticket,
            slot: id.slot,
        };
        self.slots.add_joiner(target, call);
        self.rest(id, payload, (ticket, On::Task(target)), deadline);
    }

    /// Returns the name of the running task's next wait, for [`await_call`](Self::await_call).
    pub fn announce(&mut self, id: TaskId) -> Call {
        Call {
            ticket: self.ticket(),
            slot: id.slot,
        }
    }

    /// Called when the running task waits for `call`, which may lie in the mailbox already.
    pub fn await_call(&mut self, id: TaskId, payload: P, (call, hope): (Call, Hope), deadline: Deadline) {
        self.rest(id, payload, (call.ticket, On::Call(hope)), deadline);
    }

    /// Called when the running task waits for a descriptor.
    ///
    /// # Errors
    /// The descriptor can't be watched, or there are too many descriptors.
    pub fn watch(&mut self, id: TaskId, payload: P, spot: Spot<K>) -> Result<(), Refused<P>> {
        let ticket = self.ticket();
        let call = Call {
            ticket,
            slot: id.slot,
        };
        let what = (spot.descriptor, spot.direction);
        let lined_up = self
            .poll()
            .and_then(|poll| self.watched.line_up(&poll.poller, what, spot.keeper, call));
        match lined_up {
            Err(error) => Err(Refused { payload, error }),
            Ok(None) => {
                let reason = self.reason_of_running(id, Reason::Ready);
                self.make_ready(id.slot, payload, reason);
                Ok(())
            }
            Ok(Some(gone)) => {
                for former in gone {
                    self.go_on(former, Reason::Closed);
                }
                let on = On::Descriptor(what.0, what.1);
                self.rest(id, payload, (ticket, on), spot.deadline);
                Ok(())
            }
        }
    }

    /// Creates the object that the thread sleeps on, unless it exists. For a host that wants to learn of
    /// errors before a wait begins: [`sleep`](Self::sleep) and [`await_call`](Self::await_call) return none.
    ///
    /// # Errors
    /// There are too many descriptors.
    pub fn prepare_to_sleep(&mut self) -> io::Result<()> {
        match &self.poll {
            Some(poll) if poll.is_of_this_process() => Ok(()),
            _ => self.renew_poll().map(drop),
        }
    }

    /// Returns whether a task has not ended.
    pub fn has(&self, id: TaskId) -> bool {
        self.slots.has(id)
    }

    /// Returns how many waits for descriptors there are.
    pub fn descriptor_waits(&self) -> usize {
        self.watched.waits()
    }

    /// Returns how many timers are kept, including those of waits that are over.
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    fn ticket(&mut self) -> u64 {
        self.last_ticket += 1;
        self.last_ticket
    }

    #[inline]
    fn reason_of_running(&mut self, id: TaskId, reason: Reason) -> Reason {
        match self.slots.state(id.slot) {
            State::Running { is_cancelled: true } => Reason::Cancelled,
            _ => reason,
        }
    }

    #[inline]
    pub(crate) fn make_ready(&mut self, slot: u32, payload: P, reason: Reason) {
        self.slots.keep(slot, payload, State::Ready(reason));
        self.ring.push_back(slot);
    }

    /// Lets the running task wait, unless it was cancelled while it ran.
    fn rest(&mut self, id: TaskId, payload: P, (ticket, on): (u64, On), deadline: Deadline) {
        let call = Call {
            ticket,
            slot: id.slot,
        };
        if self.reason_of_running(id, Reason::Turn) == Reason::Cancelled {
            self.leave_line(on, call);
            return self.make_ready(id.slot, payload, Reason::Cancelled);
        }
        let is_timed = deadline != Deadline::NEVER;
        if is_timed {
            self.timers.add(deadline, call);
        }
        let wait = Wait { ticket, on, is_timed };
        *self.tally.of(&wait) += 1;
        self.slots.keep(id.slot, payload, State::Waiting(wait));
    }

    /// Returns the object that the thread sleeps on. Creates it when it is first needed, and again in the
    /// child of a fork.
    pub(crate) fn poll(&mut self) -> io::Result<Arc<Poll>> {
        if let Some(poll) = self.poll.as_ref().filter(|poll| poll.is_of_this_process()) {
            return Ok(poll.clone());
        }
        self.renew_poll()
    }

    /// Makes the kernel watch exactly the descriptors that are waited for.
    pub(crate) fn renew_poll(&mut self) -> io::Result<Arc<Poll>> {
        // The former one is dropped first: the table of descriptors may be full.
        self.poll = None;
        let poll = Arc::new(Poll::new()?);
        self.poll = Some(poll.clone());
        for call in self.watched.begin_again(&poll.poller) {
            self.go_on(call, Reason::Closed);
        }
        Ok(poll)
    }
}

impl Tally {
    pub(crate) fn of(&mut self, wait: &Wait) -> &mut usize {
        match wait.on {
            _ if wait.is_timed => &mut self.sure,
            On::Time | On::Descriptor(..) | On::Call(Hope::Sure) => &mut self.sure,
            On::Call(Hope::Vague) => &mut self.vague,
            On::Task(_) => &mut self.joins,
        }
    }
}
