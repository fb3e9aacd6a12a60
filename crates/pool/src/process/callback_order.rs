//! The order in which a host hears of the ends of calls: that of the answers, whichever threads have taken these.

use std::collections::BTreeMap;

use super::duty::Duty;

/// The turns in which threads tell the host what they have found.
pub(super) struct Turns<H> {
    next: u64,
    /// What came before its turn.
    early: BTreeMap<u64, Vec<Duty<H>>>,
}

impl<H> Turns<H> {
    pub(super) fn new() -> Self {
        Turns {
            next: 0,
            early: BTreeMap::new(),
        }
    }

    /// Takes what belongs to `turn`. Returns what the host is told now: nothing, if it is not its turn yet.
    pub(super) fn take(&mut self, turn: u64, duties: Vec<Duty<H>>) -> Vec<Duty<H>> {
        if turn != self.next {
            self.early.insert(turn, duties);
            return Vec::new();
        }
        let mut now = duties;
        self.next += 1;
        while let Some(more) = self.early.remove(&self.next) {
            now.extend(more);
            self.next += 1;
        }
        now
    }
}
