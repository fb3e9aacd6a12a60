//! Settles the claims of a dead process, and takes its threads out of lines. Also ends the claims of a process that
//! exits normally. (FORMAT.md, "Claims" and "Condition".)

use std::sync::Arc;

use interlock_wait::primitive::Ordering;

use crate::arena::Arena;
use crate::cells::{BarrierCell, ConditionCell, SemaphoreCell};
use crate::claims::{Claim, Entry};
use crate::id::Id;
use crate::layout::NODES;
use crate::name::Name;
use crate::semaphore::Semaphore;
use crate::step;

impl Arena {
    /// Settles the claims of the dead process `name`. May be repeated.
    pub(crate) fn settle_claims(&self, name: Name) {
        let slot = name.slot();
        for (index, place) in self.slot(slot).claims.iter().enumerate() {
            // Acquire pairs with the Release of a dead sweeper.
            let word = place.load(Ordering::Acquire);
            let Some(id) = Claim::of_word(word).id() else {
                continue;
            };
            // The dead process may have held the ledger's lock. If so, the entry may change when the ledger is
            // opened.
            let again = || {
                // Relaxed: the ledger orders it.
                let word = place.load(Ordering::Relaxed);
                (Claim::of_word(word).id() == Some(id)).then(|| Entry::at(slot, index, word))
            };
            if let Some(cell) = self.cell_held_by::<SemaphoreCell>(slot, id) {
                cell.settle(self, id, again);
            } else if let Some(cell) = self.cell_held_by::<BarrierCell>(slot, id) {
                cell.settle(self, name, again);
            }
            // A leftover entry belongs to an object that the process closed. Relaxed: the slot's phase publishes
            // it.
            place.store(0, Ordering::Relaxed);
            step::at("claims.settled");
        }
    }

    /// Called when the calling process is about to exit normally. Permits that it has taken without a guard, and
    /// not given, do not count as lost: such permits may pass between processes, and this process has done its
    /// part. Never blocks.
    pub fn end_in_order(self: &Arc<Self>) {
        if self.me().is_none() {
            return;
        }
        for place in &self.slot(self.me().slot()).claims {
            // Relaxed: what matters is what the calling thread did, or waited for.
            let word = place.load(Ordering::Relaxed);
            if let Some(semaphore) = Claim::of_word(word).id().and_then(|id| Semaphore::open(self, id)) {
                semaphore.forgive();
            }
        }
    }

    /// Takes the threads of the dead process `name` out of their lines. May be repeated.
    pub(crate) fn leave_lines(&self, name: Name) {
        let slot = name.slot();
        // Acquire pairs with the Release in `take_node`.
        let used = self.slot(slot).nodes_used.load(Ordering::Acquire) as usize;
        for (index, node) in self.slot(slot).nodes.iter().enumerate().take(used) {
            // Acquire pairs with the Release of a dead sweeper.
            let number = node.line.load(Ordering::Acquire);
            if number == 0 && node.taken.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let id = number.checked_sub(1).and_then(Id::from_number);
            if let Some(cell) = id.and_then(|id| self.cell_held_by::<ConditionCell>(slot, id)) {
                cell.line.take_out_dead(self, slot * NODES as u32 + index as u32);
            }
            // Relaxed: the slot's phase publishes them.
            node.line.store(0, Ordering::Relaxed);
            node.taken.store(0, Ordering::Relaxed);
            step::at("lines.left");
        }
    }
}
