//! A mapping of the beginning of a file, which grows in place.

#![expect(unsafe_code, reason = "addresses are taken, and given back")]
#![expect(
    clippy::disallowed_types,
    reason = "I8: what is below the one door for atomics; I3: the descriptor of the memory"
)]

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::io::Errno;
use rustix::mm::{
    Advice, MapFlags, MremapFlags, ProtFlags, madvise, mmap, mmap_anonymous, mremap, mremap_fixed, munmap,
};
use rustix::process::{Resource, getrlimit};

use crate::memory_file::MemoryFile;

/// Mappings that grow are at multiples of `ROOM`, from `LOWEST` on: far from what the kernel places by itself, from
/// the top down, and from where usual allocators ask for memory. Nothing else comes to lie behind them, as a rule.
const LOWEST: usize = 0x3000_0000_0000;
const PLACES: usize = 256;
const ROOM: usize = 1 << 36;
/// How many of these places are tried.
const TRIES: usize = 8;

/// A mapping grows by a quarter, but by these many bytes at least and at most, as long as the process may have them. It
/// does not grow beyond half of the addresses that the process may have.
const LEAST_STEP: usize = 64 << 20;
const MOST_STEP: usize = 1 << 30;
/// A multiple of the size of all pages that the kernel has on the supported machines.
const GRAIN: usize = 64 << 10;

/// The part of a file that this process has mapped: a beginning that becomes longer.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    /// How much is mapped. It only grows.
    mapped: AtomicUsize,
    capacity: usize,
}

// SAFETY: the mapping is no thread's own; what is in it is used through `Shared` types and through copies.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `first` bytes of `file`, which has `capacity` bytes, with addresses left behind them; or all, if
    /// the kernel has no such place.
    ///
    /// # Errors
    /// There is no room for the mapping.
    pub(crate) fn new(file: &OwnedFd, capacity: usize, first: usize) -> io::Result<Self> {
        let first = first.next_multiple_of(GRAIN).min(capacity);
        let places = RandomState::new();
        let place = |attempt| LOWEST + (places.hash_one(attempt) as usize % PLACES) * ROOM;
        let grows = cfg!(target_pointer_width = "64") && first < capacity && capacity <= ROOM;
        let tries = if grows { TRIES } else { 0 };
        let found = (0..tries).find_map(|attempt| {
            let place = ptr::without_provenance_mut(place(attempt));
            map_free(file, place, first, 0).ok()
        });
        let (base, mapped) = match found {
            Some(base) => (base, first),
            None => (map_anywhere(file, capacity)?, capacity),
        };
        Ok(Mapping {
            base: NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?,
            mapped: AtomicUsize::new(mapped),
            capacity,
        })
    }

    /// Returns the size of the file, in bytes.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns how many bytes are mapped now.
    pub(crate) fn mapped(&self) -> usize {
        // Relaxed: it only grows.
        self.mapped.load(Ordering::Relaxed)
    }

    /// Returns whether a range is mapped. If it is not, but lies in the file, maps it, if the process may have the
    /// addresses.
    #[inline]
    pub(crate) fn holds(&self, file: &MemoryFile, offset: usize, length: usize) -> bool {
        let Some(end) = offset.checked_add(length) else {
            return false;
        };
        // Acquire pairs with the Release in `publish`.
        end <= self.mapped.load(Ordering::Acquire) || self.extend(file, end)
    }

    /// Returns the address of `offset`.
    #[inline]
    pub(crate) fn place(&self, offset: usize) -> *mut u8 {
        self.base.as_ptr().wrapping_add(offset)
    }

    /// Maps more of the file, up to `end` at least. Returns whether that is mapped now.
    ///
    /// Any number of threads may be here at once, and a fork may leave one of them behind at any place: none waits for
    /// another one, but looks at what it has done.
    #[cold]
    fn extend(&self, file: &MemoryFile, end: usize) -> bool {
        // The program may need the other half of the addresses that it may have.
        let allowed = getrlimit(Resource::As).current.map_or(u64::MAX, |most| most / 2);
        let most = usize::try_from(allowed).map_or(self.capacity, |allowed| allowed.min(self.capacity));
        if end > most {
            return false;
        }
        loop {
            // Acquire pairs with the Release in `publish`.
            let mapped = self.mapped.load(Ordering::Acquire);
            if end <= mapped {
                return true;
            }
            let step = (mapped / 4).clamp(LEAST_STEP, MOST_STEP);
            let grown = |end: usize| end.next_multiple_of(GRAIN).min(most.next_multiple_of(GRAIN));
            if !self.grow(file, mapped, grown(end.max(mapped + step))) && !self.grow(file, mapped, grown(end))
            {
                return false;
            }
        }
    }

    /// Maps the file from `from` to `to`. Returns whether more than before is mapped now.
    fn grow(&self, file: &MemoryFile, from: usize, to: usize) -> bool {
        let grown = match file.get() {
            Ok(file) => map_free(file, self.place(from), to - from, from).map(drop),
            Err(_) => self.lengthen(from, to),
        };
        match grown {
            Ok(()) => {
                self.publish(to);
                true
            }
            Err(Errno::EXIST) => self.has_grown(file, from),
            Err(_) => false,
        }
    }

    /// Maps the file from `from` to `to` without its descriptor, behind what is mapped.
    fn lengthen(&self, from: usize, to: usize) -> Result<(), Errno> {
        let place = self.place(from).cast();
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
        // SAFETY: the kernel replaces nothing.
        unsafe { mmap_anonymous(place, to - from, ProtFlags::empty(), flags) }?;
        self.map_anew(from, to).inspect_err(|_| {
            // SAFETY: the range is the mapping that was made above.
            let _ = unsafe { munmap(place, to - from) };
        })
    }

    /// Maps the file from `from` to `to` without its descriptor, in place of what is mapped there, which is its own: the
    /// first page is always shared, and from it the kernel makes a second mapping of the file, of which that piece is
    /// taken.
    pub(crate) fn map_anew(&self, from: usize, to: usize) -> Result<(), Errno> {
        let length = to - from;
        // SAFETY: the kernel chooses the place, and the first mapping stays as it is.
        let second = unsafe { mremap(self.base.as_ptr().cast(), 0, to, MremapFlags::MAYMOVE) }?;
        let piece = second.wrapping_byte_add(from);
        // SAFETY: the piece is the new mapping's, and what it replaces is this mapping's own.
        let moved = unsafe {
            mremap_fixed(
                piece,
                length,
                length,
                MremapFlags::MAYMOVE,
                self.place(from).cast(),
            )
        };
        let rest = if moved.is_ok() { from } else { to };
        // SAFETY: the rest of the new mapping is nobody's.
        let _ = unsafe { munmap(second, rest) };
        moved.map(drop)
    }

    /// Called when something lies behind the first `from` bytes. Returns whether it is more of this mapping.
    fn has_grown(&self, file: &MemoryFile, from: usize) -> bool {
        // Acquire pairs with the Release in `publish`.
        if self.mapped.load(Ordering::Acquire) > from {
            return true;
        }
        // A thread is about to publish it; or the parent's was, when it forked.
        let found = self.end_of_mapping(file, from).filter(|&end| end > from);
        if let Some(end) = found {
            self.publish(end);
        }
        found.is_some()
    }

    fn publish(&self, end: usize) {
        // Release pairs with the Acquire of those that look whether a range is mapped.
        self.mapped.fetch_max(end, Ordering::Release);
    }

    /// Returns how much of the file is mapped here, if the byte at `offset` is.
    fn end_of_mapping(&self, file: &MemoryFile, offset: usize) -> Option<usize> {
        let ours = file.id().inode();
        let (base, place) = (self.base.addr().get(), self.place(offset).addr());
        let maps = fs::read("/proc/self/maps").ok()?;
        let maps = String::from_utf8_lossy(&maps);
        let mut lines = maps.lines().filter_map(parse);
        let (at, offset, inode) = lines.find(|(at, ..)| at.contains(&place))?;
        let is_ours = inode == ours && at.start.wrapping_sub(offset) == base;
        is_ours.then(|| (at.end - base).min(self.capacity))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is the mapping that `self` made, and no reference into it outlives `self`.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), *self.mapped.get_mut()) };
    }
}

/// Returns the addresses, the offset and the number of the file of a line of `/proc/self/maps`, which is
/// `start-end protection offset device inode path`, if the mapping is shared.
fn parse(line: &str) -> Option<(Range<usize>, usize, u64)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let hexadecimal = |word| usize::from_str_radix(word, 16).ok();
    words.next().filter(|protection| protection.ends_with('s'))?;
    let offset = hexadecimal(words.next()?)?;
    Some((
        hexadecimal(start)?..hexadecimal(end)?,
        offset,
        words.nth(1)?.parse().ok()?,
    ))
}

const READ_AND_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);
const SHARED: MapFlags = MapFlags::SHARED.union(MapFlags::NORESERVE);

/// Maps a part of the file at `place`. If anything lies there, the error is [`Errno::EXIST`].
fn map_free(file: &OwnedFd, place: *mut u8, length: usize, offset: usize) -> Result<*mut u8, Errno> {
    let flags = SHARED | MapFlags::FIXED_NOREPLACE;
    // SAFETY: the kernel replaces nothing.
    let found = unsafe { mmap(place.cast(), length, READ_AND_WRITE, flags, file, offset as u64) }?;
    if found.cast() != place {
        // Before Linux 4.17, the place is a hint only.
        // SAFETY: the range is the new mapping, which nobody uses.
        let _ = unsafe { munmap(found, length) };
        return Err(Errno::EXIST);
    }
    // SAFETY: the range is the new mapping. If the kernel refuses, core dumps are larger, nothing else.
    let _ = unsafe { madvise(found, length, Advice::LinuxDontDump) };
    Ok(found.cast())
}

/// Maps all of the file.
fn map_anywhere(file: &OwnedFd, length: usize) -> io::Result<*mut u8> {
    // SAFETY: the kernel chooses the place of the new mapping, so it replaces nothing.
    let base = unsafe { mmap(ptr::null_mut(), length, READ_AND_WRITE, SHARED, file, 0) }?;
    // SAFETY: the range is the new mapping. If the kernel refuses, core dumps are larger, nothing else.
    let _ = unsafe { madvise(base, length, Advice::LinuxDontDump) };
    Ok(base.cast())
}

/// Fills `into` with bytes of `file` from `offset` on. Returns `false` if there are fewer.
#[cold]
pub(crate) fn read_at(file: &OwnedFd, offset: usize, into: &mut [u8]) -> bool {
    let mut read = 0;
    while let Some(rest) = into.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(file, rest, offset.saturating_add(read) as u64) {
            Ok(count @ 1..) => read += count,
            Err(Errno::INTR) => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
