//! The ends of waits and of tasks.

use crate::mailbox::Call;
use crate::slots::{On, Reason, State, TaskId};
use crate::turns::Turns;
use crate::watched::Keeper;

/// The effect of a request to cancel a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelling {
    /// The task learns of it in its next turn, which is due.
    Due,
    /// The task is running. It learns of it when it wants to wait or to let others run.
    Later,
    /// The task has ended already.
    Ended,
}

impl<P, K: Keeper> Turns<P, K> {
    /// Called when the running task has ended. Gives a turn to the tasks that wait for its end, with
    /// [`Reason::Joined`], or with [`Reason::JoinedThenCancelled`] if they are cancelled meanwhile. Returns
    /// how many these are.
    pub fn end(&mut self, id: TaskId) -> usize {
        let (_, mut joiners) = self.slots.remove(id.slot);
        joiners.retain(|call| self.slots.is_waiting(*call));
        for call in &joiners {
            self.go_on(*call, Reason::Joined);
        }
        joiners.len()
    }

    /// Cancels a task. Another thread calls [`Mailbox::ring`](crate::Mailbox::ring) afterwards.
    pub fn cancel(&mut self, id: TaskId) -> Cancelling {
        if !self.slots.has(id) {
            return Cancelling::Ended;
        }
        match self.slots.state(id.slot) {
            State::Running { is_cancelled } => {
                *is_cancelled = true;
                Cancelling::Later
            }
            State::Waiting(wait) => {
                let ticket = wait.ticket;
                let slot = id.slot;
                self.go_on(Call { ticket, slot }, Reason::Cancelled);
                Cancelling::Due
            }
            State::Ready(reason) => {
                *reason = match reason {
                    Reason::Joined | Reason::JoinedThenCancelled => Reason::JoinedThenCancelled,
                    _ => Reason::Cancelled,
                };
                Cancelling::Due
            }
            State::Free => Cancelling::Ended,
        }
    }

    /// Ends all tasks but the one that runs, and returns their payloads. No round follows on this one without a
    /// [`look`](Self::look), so the host learns of that even if a running task goes on.
    pub fn clear(&mut self) -> Vec<P> {
        let all: Vec<TaskId> = self.slots.payloads().map(|(id, _)| id).collect();
        let mut payloads = Vec::with_capacity(all.len());
        self.ring.clear();
        self.left_in_round = 0;
        self.mailbox.ask_for_look();
        for id in all {
            if let State::Waiting(wait) = self.slots.state(id.slot) {
                let ticket = wait.ticket;
                let slot = id.slot;
                self.leave(Call { ticket, slot });
            }
            payloads.extend(self.slots.remove(id.slot).0);
        }
        payloads
    }

    /// Ends a wait, unless it is over.
    pub(crate) fn go_on(&mut self, call: Call, reason: Reason) {
        if !self.slots.is_waiting(call) {
            return;
        }
        self.leave(call);
        *self.slots.state(call.slot) = State::Ready(reason);
        self.ring.push_back(call.slot);
    }

    /// Takes a wait that goes on out of its lines and counts.
    fn leave(&mut self, call: Call) {
        let State::Waiting(wait) = self.slots.state(call.slot) else {
            return;
        };
        let (on, is_timed) = (wait.on, wait.is_timed);
        *self.tally.of(wait) -= 1;
        self.leave_line(on, call);
        if is_timed {
            let slots = &self.slots;
            self.timers
                .forget_one(|other| other != call && slots.is_waiting(other));
        }
    }

    /// Takes a wait out of the line in which it stands, if any.
    pub(crate) fn leave_line(&mut self, on: On, call: Call) {
        match on {
            On::Descriptor(descriptor, direction) => self.watched.leave((descriptor, direction), call),
            On::Task(target) => self.slots.remove_joiner(target, call),
            On::Time | On::Call(_) => {}
        }
    }
}
