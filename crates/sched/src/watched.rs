//! Descriptors that tasks wait for.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use interlock_os::poll::{Direction, Poller, Readiness, Tagged, is_ready};

use crate::mailbox::Call;

/// The program's object that holds a descriptor, such as a socket. It identifies the file: the number alone
/// may belong to another file by now.
pub trait Keeper {
    /// Returns whether this is the same object, and of a kind whose descriptor names the same file as long as
    /// its number is the same. If not, the kernel is asked.
    fn is_same(&self, other: &Self) -> bool;
}

#[derive(Debug)]
struct Entry<K> {
    keeper: Option<K>,
    /// The tag, different for each keeper.
    tag: u32,
    /// What the kernel watches. It keeps watching after a wait, because most tasks wait for the same
    /// descriptor again.
    watched: Readiness,
    readers: VecDeque<Call>,
    writers: VecDeque<Call>,
}

impl<K> Entry<K> {
    const fn new() -> Self {
        Entry {
            keeper: None,
            tag: 0,
            watched: Readiness {
                reads: false,
                writes: false,
            },
            readers: VecDeque::new(),
            writers: VecDeque::new(),
        }
    }

    fn line(&mut self, direction: Direction) -> &mut VecDeque<Call> {
        match direction {
            Direction::Read => &mut self.readers,
            Direction::Write => &mut self.writers,
        }
    }

    fn waited(&self) -> Readiness {
        Readiness {
            reads: !self.readers.is_empty(),
            writes: !self.writers.is_empty(),
        }
    }

    /// Takes all waits out of their lines.
    fn drain(&mut self) -> impl Iterator<Item = Call> {
        self.readers.drain(..).chain(self.writers.drain(..))
    }
}

/// Descriptors below this number have their entries in a row. A program may have a few descriptors with larger
/// numbers: these have an entry each, so that memory does not follow the number.
const IN_A_ROW: usize = 1 << 16;

/// The entries of descriptors, by number.
#[derive(Debug)]
struct Entries<K> {
    row: Vec<Entry<K>>,
    above: BTreeMap<usize, Entry<K>>,
}

impl<K> Entries<K> {
    fn get(&mut self, index: usize) -> Option<&mut Entry<K>> {
        match index < IN_A_ROW {
            true => self.row.get_mut(index),
            false => self.above.get_mut(&index),
        }
    }

    /// The entry of a descriptor, which is made if it is not there.
    ///
    /// # Errors
    /// It is to be made, and the descriptor is not open. A program may pass any number.
    fn get_or_make(&mut self, descriptor: i32, direction: Direction) -> io::Result<&mut Entry<K>> {
        let index = index(descriptor);
        if self.get(index).is_none() {
            is_ready(descriptor, direction)?;
        }
        if index >= IN_A_ROW {
            return Ok(self.above.entry(index).or_insert_with(Entry::new));
        }
        if index >= self.row.len() {
            self.row.resize_with(index + 1, Entry::new);
        }
        Ok(&mut self.row[index])
    }

    /// The first entry from this number on, with its number.
    fn from(&self, index: usize) -> Option<(usize, &Entry<K>)> {
        if let Some(entry) = self.row.get(index) {
            return Some((index, entry));
        }
        let mut rest = self.above.range(index.max(IN_A_ROW)..);
        rest.next().map(|(index, entry)| (*index, entry))
    }

    fn all(&mut self) -> impl Iterator<Item = (usize, &mut Entry<K>)> {
        let above = self.above.iter_mut().map(|(index, entry)| (*index, entry));
        self.row.iter_mut().enumerate().chain(above)
    }
}

/// The descriptors by their numbers.
#[derive(Debug)]
pub(crate) struct Watched<K> {
    entries: Entries<K>,
    waits: usize,
    cursor: usize,
    /// Whether the kernel watches a file that no descriptor here names: it was closed here, but lives on
    /// under another descriptor, for instance in a forked child. Only a new poller gets rid of it.
    is_haunted: bool,
}

impl<K: Keeper> Watched<K> {
    pub(crate) const fn new() -> Self {
        Watched {
            entries: Entries {
                row: Vec::new(),
                above: BTreeMap::new(),
            },
            waits: 0,
            cursor: 0,
            is_haunted: false,
        }
    }

    /// Returns whether a new poller is needed.
    pub(crate) fn is_haunted(&self) -> bool {
        self.is_haunted
    }

    /// Returns how many waits there are.
    pub(crate) fn waits(&self) -> usize {
        self.waits
    }

    /// Lines up for a descriptor. Returns `None` if the descriptor is always ready. Otherwise returns the
    /// waits for a file that had this number before and was closed: they are over.
    pub(crate) fn line_up(
        &mut self,
        poller: &Poller,
        (descriptor, direction): (i32, Direction),
        keeper: K,
        call: Call,
    ) -> io::Result<Option<Vec<Call>>> {
        let entry = self.entries.get_or_make(descriptor, direction)?;
        let is_known = entry.keeper.as_ref().is_some_and(|known| known.is_same(&keeper));
        let mut wanted = if is_known { entry.watched } else { entry.waited() };
        let mut gone = Vec::new();
        match direction {
            Direction::Read => wanted.reads = true,
            Direction::Write => wanted.writes = true,
        }
        if !is_known || wanted != entry.watched {
            entry.tag = entry.tag.wrapping_add(u32::from(!is_known));
            let tagged = (descriptor, entry.tag);
            let watched = if entry.watched.is_none() {
                poller.watch_first(tagged, wanted).map(|()| true)
            } else {
                poller.watch(tagged, wanted)
            };
            match watched {
                Ok(true) => {}
                Ok(false) => gone.extend(entry.drain()),
                Err(refused) if refused.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
                Err(refused) => return Err(refused),
            }
            entry.watched = wanted;
            entry.keeper = Some(keeper);
        }
        entry.line(direction).push_back(call);
        self.waits += 1;
        self.waits -= gone.len();
        Ok(Some(gone))
    }

    /// Returns whether the kernel still watches the file that is waited for under this number. It forgets a
    /// file that is closed.
    pub(crate) fn is_watched(&mut self, poller: &Poller, descriptor: i32) -> bool {
        let Some(entry) = self.entry(descriptor) else {
            return true;
        };
        if entry.waited().is_none() || poller.is_watched((descriptor, entry.tag), entry.watched) {
            return true;
        }
        // The next wait asks the kernel again. Events of the former file are ignored.
        entry.watched = Readiness::default();
        entry.keeper = None;
        entry.tag = entry.tag.wrapping_add(1);
        false
    }

    /// Removes a wait that is over before its descriptor is ready.
    pub(crate) fn leave(&mut self, (descriptor, direction): (i32, Direction), call: Call) {
        let Some(entry) = self.entry(descriptor) else {
            return;
        };
        let line = entry.line(direction);
        let before = line.len();
        line.retain(|other| *other != call);
        let gone = before - line.len();
        self.waits -= gone;
    }

    /// Takes the first waits for a ready descriptor out of their lines. A descriptor that no task waits for
    /// is not watched any more.
    pub(crate) fn ready(
        &mut self,
        poller: &Poller,
        (descriptor, tag): Tagged,
        found: Readiness,
    ) -> [Option<Call>; 2] {
        let known = self.entries.get(index(descriptor));
        let Some(entry) = known.filter(|entry| entry.tag == tag) else {
            self.is_haunted = true;
            return [None; 2];
        };
        let waited = entry.waited();
        let idle = (found.reads && !waited.reads) || (found.writes && !waited.writes);
        // Errors are found in both directions, whatever is watched.
        if idle && (waited.is_none() || waited != entry.watched) {
            entry.watched = waited;
            if waited.is_none() {
                entry.keeper = None;
                self.is_haunted |= !poller.forget(descriptor);
            } else {
                self.is_haunted |= poller.watch((descriptor, tag), waited).is_err();
            }
        }
        let reader = found.reads.then(|| entry.readers.pop_front()).flatten();
        let writer = found.writes.then(|| entry.writers.pop_front()).flatten();
        self.waits -= usize::from(reader.is_some()) + usize::from(writer.is_some());
        [reader, writer]
    }

    /// Calls `each` for about `most` of the waits. It begins after the waits that the last call has shown.
    /// Returns whether it came to the last wait.
    pub(crate) fn show(&mut self, most: usize, mut each: impl FnMut(i32, Call)) -> bool {
        let mut shown = 0;
        while let Some((index, entry)) = self.entries.from(self.cursor) {
            if shown >= most {
                return false;
            }
            let descriptor = i32::try_from(index).unwrap_or(i32::MAX);
            self.cursor = index + 1;
            for call in entry.readers.iter().chain(&entry.writers) {
                shown += 1;
                each(descriptor, *call);
            }
        }
        self.cursor = 0;
        true
    }

    /// Watches all awaited descriptors again, with a new poller. Returns the waits for descriptors that can't
    /// be watched.
    pub(crate) fn begin_again(&mut self, poller: &Poller) -> Vec<Call> {
        self.is_haunted = false;
        let mut lost = Vec::new();
        for (index, entry) in self.entries.all() {
            let descriptor = i32::try_from(index).unwrap_or(i32::MAX);
            entry.watched = entry.waited();
            if entry.watched.is_none() {
                entry.keeper = None;
            } else if poller
                .watch_first((descriptor, entry.tag), entry.watched)
                .is_err()
            {
                entry.watched = Readiness::default();
                lost.extend(entry.drain());
            }
        }
        self.waits -= lost.len();
        lost
    }

    fn entry(&mut self, descriptor: i32) -> Option<&mut Entry<K>> {
        self.entries.get(index(descriptor))
    }
}

fn index(descriptor: i32) -> usize {
    usize::try_from(descriptor).unwrap_or(usize::MAX)
}
