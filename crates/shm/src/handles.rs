//! How many handles this process has of each object. (FORMAT.md, "Objects".)

use std::collections::HashMap;

/// The objects that this process has handles of.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    counts: HashMap<u32, Handle>,
    /// How many objects this process has created.
    made: u32,
}

#[derive(Debug)]
struct Handle {
    count: usize,
    /// How many processes had been born into the family when this process created the object. `None` if it did not
    /// create it, or has forked or handed it on since.
    made_at: Option<u32>,
}

impl Handles {
    /// Adds the first handle of an object that this process has made, after `births`. Returns how many it has made.
    pub(crate) fn made(&mut self, object: u32, births: u32) -> u32 {
        let made_at = Some(births);
        self.counts.insert(object, Handle { count: 1, made_at });
        self.made = self.made.wrapping_add(1);
        self.made
    }

    /// Adds a handle.
    pub(crate) fn add(&mut self, object: u32) {
        let handle = self.counts.entry(object).or_insert(Handle {
            count: 0,
            made_at: None,
        });
        handle.count += 1;
    }

    /// Called when another process gets a handle.
    pub(crate) fn spread(&mut self, object: u32) {
        if let Some(handle) = self.counts.get_mut(&object) {
            handle.made_at = None;
        }
    }

    /// Removes a handle. If it was the last one, returns when this process created the object, if it did.
    pub(crate) fn remove(&mut self, object: u32) -> Option<Option<u32>> {
        let handle = self.counts.get_mut(&object)?;
        handle.count -= 1;
        match handle.count {
            0 => self.counts.remove(&object).map(|handle| handle.made_at),
            _ => None,
        }
    }
}
