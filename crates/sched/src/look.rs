//! Decides what the scheduler does after a round of turns.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use interlock_wait::{Deadline, now};

use crate::mailbox::Call;
use crate::poll::Poll;
use crate::slots::Reason;
use crate::turns::Turns;
use crate::watched::Keeper;

/// After a round of at least this many turns, the scheduler asks the kernel for ready descriptors. After a
/// shorter round, it asks only if `LOOK_EVERY` is over.
const LONG_ROUND: usize = 64;
const LOOK_EVERY: Duration = Duration::from_micros(100);

/// What the scheduler does after a round.
#[derive(Debug)]
pub enum Prospect {
    /// Another round.
    Round,
    /// There are no tasks any more.
    Done,
    /// Sleep in [`Poll::wait`] until a descriptor is ready, another thread calls, or the deadline has passed.
    Sleep(Arc<Poll>, Deadline),
    /// Like `Sleep`, but only a call from another thread can end it: every task waits for another task, or for such
    /// a call.
    SleepForOthers(Arc<Poll>),
    /// No task can ever go on: every task waits for another one.
    Stuck,
}

impl<P, K: Keeper> Turns<P, K> {
    /// Between two rounds, finds the waits that are over, and returns what to do next. Never blocks.
    ///
    /// # Errors
    /// No descriptor is left for the scheduler itself.
    pub fn look(&mut self) -> io::Result<Prospect> {
        if self.mailbox.has_mail() {
            self.deliver();
        }
        if !self.timers.is_empty() {
            self.end_by_time();
        }
        if self.watched.waits() > 0 && self.is_time_to_look() {
            self.look_at_descriptors()?;
        }
        if self.begin_round() {
            return Ok(Prospect::Round);
        }
        if self.is_empty() {
            return Ok(Prospect::Done);
        }
        self.look_at_descriptors()?;
        if self.begin_round() {
            return Ok(Prospect::Round);
        }
        if self.tally.sure == 0 && self.tally.vague == 0 {
            return Ok(Prospect::Stuck);
        }
        self.go_to_sleep()
    }

    /// Calls `each` for about `most` of the waits for descriptors, with their payloads. It begins after the waits that
    /// the last call has shown. Returns whether it came to the last wait.
    pub fn show_waits(&mut self, most: usize, mut each: impl FnMut(Call, i32, &P)) -> bool {
        let slots = &self.slots;
        self.watched.show(most, |descriptor, call| {
            if let Some(payload) = slots.waiting_payload(call) {
                each(call, descriptor, payload);
            }
        })
    }

    /// Returns whether the kernel still watches the file that tasks wait for under this number. If not, the
    /// file was closed, and another file may have the number by now. The host then ends these waits with
    /// [`closed`](Self::closed). Never blocks.
    pub fn is_watched(&mut self, descriptor: i32) -> bool {
        match &self.poll {
            Some(poll) if poll.is_of_this_process() => self.watched.is_watched(&poll.poller, descriptor),
            _ => true,
        }
    }

    /// The payload of a wait that goes on: the host may change what the task gets.
    pub fn waiting_payload(&mut self, call: Call) -> Option<&mut P> {
        self.slots.waiting_payload_mut(call)
    }

    /// Ends a wait whose descriptor was closed.
    pub fn closed(&mut self, call: Call) {
        self.go_on(call, Reason::Closed);
    }

    /// Returns whether anything but a turn can end a wait. If so, the scheduler looks after each round.
    #[inline]
    pub(crate) fn has_to_look(&self) -> bool {
        self.mailbox.has_mail() || !self.timers.is_empty() || self.watched.waits() > 0
    }

    fn deliver(&mut self) {
        for call in self.mailbox.take() {
            self.go_on(call, Reason::Called);
        }
    }

    fn end_by_time(&mut self) {
        let now = Deadline::after(Duration::ZERO);
        while let Some(call) = self.timers.take_due(now) {
            // This counts the timer as stale, which it is now.
            self.go_on(call, Reason::TimedOut);
            self.timers.was_stale();
        }
    }

    fn is_time_to_look(&mut self) -> bool {
        if self.ring.len() >= LONG_ROUND {
            return true;
        }
        !self.ring.is_empty() && now().saturating_sub(self.last_look) >= LOOK_EVERY
    }

    /// Ends the waits whose descriptors are ready.
    fn look_at_descriptors(&mut self) -> io::Result<()> {
        if self.watched.waits() == 0 {
            return Ok(());
        }
        let poll = self.poll()?;
        let mut ended = Vec::new();
        let bell = poll.bell.descriptor();
        loop {
            let more = poll.poller.look(|descriptor, found| {
                if descriptor.0 == bell {
                    poll.bell.hush();
                } else {
                    ended.extend(
                        self.watched
                            .ready(&poll.poller, descriptor, found)
                            .into_iter()
                            .flatten(),
                    );
                }
            });
            for call in ended.drain(..) {
                self.go_on(call, Reason::Ready);
            }
            // The next look finds the rest.
            if !more || !self.ring.is_empty() {
                break;
            }
        }
        if self.watched.is_haunted() {
            self.renew_poll()?;
        }
        self.last_look = now();
        Ok(())
    }

    #[inline]
    fn begin_round(&mut self) -> bool {
        self.left_in_round = self.ring.len();
        self.left_in_round > 0
    }

    fn go_to_sleep(&mut self) -> io::Result<Prospect> {
        let poll = self.poll()?;
        poll.bell.hush();
        if !self.mailbox.go_to_sleep(&poll.bell) {
            self.deliver();
            self.begin_round();
            return Ok(Prospect::Round);
        }
        if self.tally.sure == 0 {
            return Ok(Prospect::SleepForOthers(poll));
        }
        let slots = &self.slots;
        let deadline = self.timers.next(|call| slots.is_waiting(call));
        Ok(Prospect::Sleep(poll, deadline))
    }

    /// Called when the thread has slept, or does not sleep after all.
    pub fn wake_up(&mut self) {
        self.mailbox.wake_up();
    }
}
