//! The descriptor of a channel's reader, for `select` and the like. (QUEUE_FORMAT.md, "Channel": "The descriptor".)

use interlock_os::doorbell::Doorbell;
use interlock_wait::WaitContext;
use interlock_wait::primitive::Ordering;

use crate::cells::Bell;
use crate::channel_end::End;
use crate::error::Error;
use crate::log::LogView;
use crate::step;

/// No process has asked for the descriptor. It is readable from the start.
const UNASKED: u32 = 0;
/// It is not readable: there is no message.
const SILENT: u32 = 1;
/// It was rung once: there is a message.
const RUNG: u32 = 2;
/// The process with the writer lock is ringing or hushing it at this moment, or died meanwhile.
const UNSURE: u32 = 3;

impl Bell {
    #[inline]
    fn state(&self) -> u32 {
        // Relaxed: the writer lock orders it. Without it, it is a hint.
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, state: u32) {
        // SeqCst: what it says comes before the call of the kernel that makes it so, or after it.
        self.0.swap(state, Ordering::SeqCst);
    }
}

impl LogView<'_> {
    /// Returns whether the messages of the channel go through its descriptor.
    #[inline]
    pub(crate) fn has_moved(&self) -> bool {
        self.is_shut()
    }
}

impl End {
    /// Called when a message is about to be published. The caller holds the writer lock.
    #[inline]
    pub(crate) fn ring(&self) {
        if self.cell().bell.state() & SILENT != 0 {
            self.ring_silent();
        }
    }

    #[cold]
    fn ring_silent(&self) {
        let Some(doorbell) = &self.doorbell else {
            return;
        };
        let bell = &self.cell().bell;
        let is_sure = bell.state() == SILENT;
        bell.set(UNSURE);
        step::at("channel.ringing");
        doorbell.ring();
        step::at("channel.rung");
        if is_sure {
            bell.set(RUNG);
        }
    }

    /// Called when the caller has taken a message, or found none.
    #[inline]
    pub(crate) fn look_after_bell(&self, context: &mut WaitContext<'_>) {
        // SeqCst: comes after the head was stored. Pairs with the store in `ask`: this thread sees it, or that one sees the head.
        if self.cell().log.asked.load(Ordering::SeqCst) != 0 {
            self.hush_if_empty(context);
        }
    }

    #[cold]
    fn hush_if_empty(&self, context: &mut WaitContext<'_>) {
        let is_loud = || self.view().len() == 0 && self.cell().bell.state() & RUNG != 0;
        if !is_loud() {
            return;
        }
        // If the wait ends, the next receiver that finds the channel empty does it.
        if let Ok(_writer) = self.view().lock_writer(context)
            && is_loud()
        {
            self.hush();
        }
    }

    fn hush(&self) {
        let Some(doorbell) = &self.doorbell else {
            return;
        };
        let bell = &self.cell().bell;
        // In a sure state, there is exactly one ring. Other bytes in the descriptor are not ours.
        let is_sure = bell.state() != UNSURE;
        bell.set(UNSURE);
        step::at("channel.hushing");
        match is_sure {
            true => doorbell.hush_one(),
            false => doorbell.hush_all(),
        }
        step::at("channel.hushed");
        bell.set(SILENT);
    }

    pub(crate) fn ask(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let bell = &self.cell().bell;
        if bell.state() != UNASKED {
            return Ok(());
        }
        let view = self.view();
        let _writer = view.lock_writer(context)?;
        if bell.state() == UNASKED {
            // SeqCst: before the look at the head. Pairs with the load in `look_after_bell`.
            view.log.asked.store(1, Ordering::SeqCst);
            match view.len() {
                0 => self.hush(),
                _ => bell.set(RUNG),
            }
        }
        Ok(())
    }

    /// Moves the messages to the descriptor, whose reader is `hears`, if no process has asked for it and no message
    /// is there. A death in between leaves a channel with an unsure bell, as any death during a change of the bell
    /// does.
    pub(crate) fn leave_for(&self, hears: &Doorbell, context: &mut WaitContext<'_>) -> Result<bool, Error> {
        let (view, bell) = (self.view(), &self.cell().bell);
        let writer = view.lock_writer(context)?;
        if view.has_moved() {
            return Ok(true);
        }
        if bell.state() != UNASKED || view.len() > 0 {
            return Ok(false);
        }
        // SeqCst: pairs with the load in `look_after_bell`, as in `ask`.
        view.log.asked.store(1, Ordering::SeqCst);
        bell.set(UNSURE);
        step::at("channel.leaving");
        // Empties the descriptor, so that no process mistakes bytes of messages for rings.
        hears.hush_all();
        bell.set(SILENT);
        step::at("channel.left");
        // SeqCst: pairs with the load in `is_shut`. A receiver that finds no message sees this, or is woken.
        view.log.shut.store(1, Ordering::SeqCst);
        drop(writer);
        step::at("channel.moved");
        view.log.getters.wake(u32::MAX);
        Ok(true)
    }
}
