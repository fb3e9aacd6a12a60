//! The waits of a log's getters and putters. They do not depend on the order of the messages. (QUEUE_FORMAT.md,
//! "Queue": "Waiting".)

use interlock_wait::{ResourceKind, WaitContext};

use crate::error::Error;
use crate::log::LogView;
use crate::name::Name;
use crate::watch::{Awaited, Side, Watch};

impl<'a> LogView<'a> {
    fn is_worth_a_get(&self) -> bool {
        self.len() > 0 || self.is_shut()
    }

    fn is_worth_a_put(&self, most: u32) -> bool {
        self.len() < most || self.is_shut()
    }

    /// Waits until there is a message, or the log is shut. Sets `slept` if the thread may have slept.
    pub(crate) fn wait_for_message(
        &self,
        slept: &mut bool,
        context: &mut WaitContext<'_>,
    ) -> Result<(), Error> {
        let kind = (ResourceKind::QueueGet, context);
        let waited = (self.log.getters).wait(&|| self.is_worth_a_get(), (self.arena, None), slept, kind);
        waited.map_err(Error::Ended)
    }

    /// Like [`wait_for_message`](Self::wait_for_message), but returns at the latest when `owner` is dead. May
    /// return spuriously.
    pub(crate) fn wait_for_message_from(
        &self,
        owner: Name,
        slept: &mut bool,
        context: &mut WaitContext<'_>,
    ) -> Result<(), Error> {
        let kind = (ResourceKind::QueueGet, context);
        let owner = (&**self.arena, Some(owner));
        let waited = (self.log.getters).wait(&|| self.is_worth_a_get(), owner, slept, kind);
        waited.map_err(Error::Ended)
    }

    /// Like [`wait_for_message`](Self::wait_for_message), but also returns when `watch` has been called since
    /// it had counted `seen` calls.
    pub(crate) fn wait_for_message_or(
        &self,
        watch: &Watch,
        seen: u32,
        slept: &mut bool,
        context: &mut WaitContext<'_>,
    ) -> Result<(), Error> {
        let is_ready = || self.is_worth_a_get() || watch.calls() != seen;
        let kind = (ResourceKind::QueueGet, context);
        let waited = (self.log.getters).wait_beside(&is_ready, (self.arena, watch.word(seen)), slept, kind);
        waited.map_err(Error::Ended)
    }

    /// Waits until there are fewer than `most` messages, or the log is shut. Sets `slept` if the thread may have slept.
    pub(crate) fn wait_for_room(
        &self,
        most: u32,
        slept: &mut bool,
        context: &mut WaitContext<'_>,
    ) -> Result<(), Error> {
        let kind = (ResourceKind::QueuePut, context);
        let waited = (self.log.putters).wait(&|| self.is_worth_a_put(most), (self.arena, None), slept, kind);
        waited.map_err(Error::Ended)
    }

    /// Called by a getter that is done. If it has slept, it wakes the next getter for the messages that are left.
    #[inline]
    pub(crate) fn after_get(&self, slept: bool) {
        if slept {
            self.log.getters.pass_on(|| self.len() > 0);
        }
    }

    /// Called by a putter that is done. If it has slept, it wakes the next putter for the room that is left.
    #[inline]
    pub(crate) fn after_put(&self, most: u32, slept: bool) {
        if slept {
            self.log.putters.pass_on(|| self.len() < most);
        }
    }

    /// Returns one side of the log, for [`Watch::wait`](crate::Watch::wait).
    pub(crate) fn awaited(self, side: Side, most: u32) -> Awaited<'a> {
        match side {
            Side::Get => Awaited::new(&self.log.getters, move || self.is_worth_a_get()),
            Side::Put => Awaited::new(&self.log.putters, move || self.is_worth_a_put(most)),
        }
    }
}
