//! The large messages that this process keeps in shared memory: a fork shares them. (FORMAT.md, "Kept messages".)

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::id::Id;
use crate::name::Name;

/// The blocks of these messages, by their offsets.
#[derive(Debug, Default)]
pub(crate) struct Kept(HashMap<usize, Share>);

#[derive(Clone, Copy, Debug)]
struct Share {
    length: usize,
    /// The process that has received the message: this one, or one that it comes from by forks.
    owner: Name,
    /// The object that the block belongs to since the owner has forked.
    object: Option<Id>,
}

impl Kept {
    pub(crate) fn add(&mut self, offset: usize, length: usize, owner: Name) {
        let share = Share {
            length,
            owner,
            object: None,
        };
        self.0.insert(offset, share);
    }

    /// Returns the object that a message belongs to, if it is shared.
    pub(crate) fn object(&self, offset: usize, owner: Name) -> Option<Id> {
        // A message that could not be shared may be gone, and another one be in its block.
        let share = self.0.get(&offset).filter(|share| share.owner == owner)?;
        share.object
    }

    /// Removes a message. Returns the object that it belongs to, if it is shared.
    pub(crate) fn remove(&mut self, offset: usize, owner: Name) -> Option<Id> {
        match self.0.entry(offset) {
            Entry::Occupied(entry) if entry.get().owner == owner => entry.remove().object,
            _ => None,
        }
    }

    /// Shares the messages that are not shared yet, by `share`, as far as that succeeds.
    pub(crate) fn share(&mut self, share: impl Fn(usize, usize) -> Option<Id>) {
        for (&offset, kept) in &mut self.0 {
            kept.object = kept.object.or_else(|| share(offset, kept.length));
        }
    }

    /// Forgets the messages that are not shared.
    pub(crate) fn forget_unshared(&mut self) {
        self.0.retain(|_, kept| kept.object.is_some());
    }
}
