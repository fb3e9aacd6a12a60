//! Lets a host learn of the ends of calls in the order of the answers, whichever threads have taken these.

use std::collections::BTreeMap;

use super::duty::Duty;

/// The turns in which threads report to the host what they have found.
pub(super) struct Turns<H> {
    next: u64,
    /// Reports that came before their turn.
    early: BTreeMap<u64, Vec<Duty<H>>>,
}

impl<H> Turns<H> {
    pub(super) fn new() -> Self {
        Turns {
            next: 0,
            early: BTreeMap::new(),
        }
    }

    /// Takes the duties of `turn`. Returns the duties that are due for the host now: none, if the turn has not come
    /// yet.
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
