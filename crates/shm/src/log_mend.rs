//! Mends a log after a death. (QUEUE_FORMAT.md, "Queue": "Mending".)

use std::collections::HashSet;

use interlock_wait::WaitContext;
use interlock_wait::primitive::Ordering;

use crate::blocks::{Block, Owner};
use crate::error::Error;
use crate::log::{Bounds, LogView, UNIT};
use crate::log_reader::Record;
use crate::own_block::OwnBlock;
use crate::step;

impl LogView<'_> {
    /// Frees the blocks of the object that nothing links to, and computes `segment` again. The caller holds the
    /// writer lock. If this fails, the log stays `dirty`.
    ///
    /// # Errors
    /// `context` ended the wait for the reader lock, or this process may not have the addresses for the log.
    #[cold]
    pub(crate) fn mend(&self, context: &mut WaitContext<'_>) -> Result<(), Error> {
        let LogView { arena, id, log, .. } = *self;
        let _reader = self.hold(&log.reader, context)?;
        step::at("queue.mending");
        let owned = arena.owned(Owner::Object(id));
        let linked = self.linked(&owned)?;
        for block in owned.iter().filter(|block| !linked.contains(&block.offset)) {
            drop(OwnBlock::take(arena, *block));
            step::at("queue.orphan");
        }
        if let Some(block) = segment_of(&owned, self.tail().at) {
            // Relaxed: the lock orders it.
            log.segment
                .store(Bounds::of_block(block).word(), Ordering::Relaxed);
        }
        step::at("queue.mended");
        // Relaxed: both locks order it.
        log.dirty.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the offsets of the blocks that the log links to.
    fn linked(&self, owned: &[Block]) -> Result<HashSet<usize>, Error> {
        // Relaxed: it changes under the locks that the caller holds.
        let spare = self.log.spare.load(Ordering::Relaxed) as usize * UNIT;
        let (head, tail) = (self.head(), self.tail());
        let mut linked = HashSet::from([spare]);
        linked.extend(segment_of(owned, head.at).map(|block| block.offset));
        let mut at = head.at;
        // No position occurs twice between the two.
        while at != tail.at {
            let mut record = self.record(at)?;
            while let Record::Jump { next, .. } = record {
                linked.insert(next as usize * UNIT);
                at = next;
                record = self.record(at)?;
            }
            if let Record::Block { block, .. } = record {
                linked.insert(block.offset);
            }
            at += record.units();
        }
        Ok(linked)
    }
}

/// Returns the block among `owned` that contains position `at`.
fn segment_of(owned: &[Block], at: u32) -> Option<Block> {
    let holds = |block: &&Block| Bounds::of_block(**block).holds(at);
    owned.iter().find(holds).copied()
}
