//! Anonymous sparse memory that a family of processes shares.
//!
//! See <https://man7.org/linux/man-pages/man2/memfd_create.2.html>.

#![expect(
    unsafe_code,
    reason = "a mapping is used as typed memory, and bytes are copied into it and out of it"
)]

use std::io;
use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::mm::{Advice, MapFlags, MremapFlags, ProtFlags, madvise, mmap, mmap_anonymous, mremap_fixed};

use crate::mapping::{self, Mapping};
pub use crate::memory_file::FileId;
use crate::memory_file::MemoryFile;

/// A type that processes may share: any bytes are a value of it, and all access to it is atomic.
///
/// # Safety
/// The type consists of atomics and of bytes that only [`SharedMemory`] and [`LifeWord`](crate::life::LifeWord) touch, is
/// `repr(C)`, and has no padding that matters.
pub unsafe trait Shared: Sync {}

/// An anonymous file, of which this process has mapped a beginning that grows with what it uses. A page comes into
/// existence when it is first written to.
#[derive(Debug)]
pub struct SharedMemory {
    file: MemoryFile,
    mapping: Mapping,
}

impl SharedMemory {
    /// Creates memory of `capacity` bytes, all zero, without pages yet. Of these, `first` says how many are mapped from
    /// the beginning. The descriptor is closed on exec.
    ///
    /// # Errors
    /// The kernel has no descriptor, or no room for the mapping in this process.
    pub fn create(name: &str, capacity: usize, first: fn(usize) -> usize) -> io::Result<Self> {
        Self::map(MemoryFile::create(name, capacity)?, capacity, first)
    }

    /// Maps the memory behind descriptor `number`, which another process created. The caller keeps it.
    ///
    /// # Errors
    /// There is no such descriptor, or no room for the mapping.
    pub fn adopt(number: i32, first: fn(usize) -> usize) -> io::Result<Self> {
        let (file, capacity) = MemoryFile::adopt(number)?;
        Self::map(file, capacity, first)
    }

    fn map(file: MemoryFile, capacity: usize, first: fn(usize) -> usize) -> io::Result<Self> {
        let mapping = Mapping::new(file.get()?, capacity, first(capacity))?;
        Ok(SharedMemory { file, mapping })
    }

    /// Returns the size of the memory, in bytes.
    pub fn capacity(&self) -> usize {
        self.mapping.capacity()
    }

    /// Returns the number of the descriptor that a child needs.
    ///
    /// # Errors
    /// The program has closed it.
    pub fn descriptor(&self) -> io::Result<i32> {
        self.file.number()
    }

    /// Returns the identity of the file.
    pub fn id(&self) -> FileId {
        self.file.id()
    }

    /// Returns the value at `offset`. `None` if it is outside of the memory, not aligned, or [out of reach](Self::holds).
    #[inline]
    pub fn at<T: Shared>(&self, offset: usize) -> Option<&T> {
        let fits = offset.is_multiple_of(align_of::<T>()) && self.holds(offset, size_of::<T>());
        // SAFETY: the place is inside of the mapping, which is page-aligned and lives as long as `self`; any bytes are a `T`,
        // and whatever happens to them happens atomically.
        fits.then(|| unsafe { &*self.place(offset).cast::<T>() })
    }

    /// Copies `bytes` to `offset`. If they do not fit, writes nothing, and returns `false`.
    ///
    /// The caller has made sure that no other thread or process uses this range now.
    #[inline]
    pub fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        let fits = self.holds(offset, bytes.len());
        if fits {
            // SAFETY: the range is inside of the mapping, and `bytes` is not, as there are no references to its bytes.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.place(offset), bytes.len()) };
        }
        fits
    }

    /// Like [`write`](Self::write), for pages that may not exist yet: the kernel need not zero them first.
    pub fn write_new(&self, offset: usize, bytes: &[u8]) -> bool {
        if !self.holds(offset, bytes.len()) {
            return false;
        }
        let Ok(file) = self.file.get() else {
            return self.write(offset, bytes);
        };
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match rustix::io::pwrite(file, rest, (offset + written) as u64) {
                Ok(count @ 1..) => written += count,
                Err(rustix::io::Errno::INTR) => {}
                // If there is no room, the copy fails as any other does.
                _ => return self.write(offset + written, rest),
            }
        }
        true
    }

    /// Fills `into` with bytes from `offset` on, even if this process can't map them. If there are fewer, returns `false`.
    ///
    /// The caller has made sure that no thread or process writes to this range now.
    #[inline]
    pub fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let fits = self.holds(offset, into.len());
        if fits {
            // SAFETY: as in `write`.
            unsafe { ptr::copy_nonoverlapping(self.place(offset), into.as_mut_ptr(), into.len()) };
        }
        fits || offset <= self.capacity()
            && self
                .file
                .get()
                .is_ok_and(|file| mapping::read_at(file, offset, into))
    }

    /// Makes `length` bytes from `offset` zero.
    ///
    /// The caller has made sure that no other thread or process uses this range now.
    pub fn clear(&self, offset: usize, length: usize) {
        if self.holds(offset, length) {
            // SAFETY: as in `write`.
            unsafe { ptr::write_bytes(self.place(offset), 0, length) };
        }
    }

    /// Returns the address of `offset` in this process, to lend the range to code. `None` if it is outside of the
    /// memory.
    pub fn address(&self, offset: usize, length: usize) -> Option<NonNull<u8>> {
        self.holds(offset, length)
            .then(|| NonNull::new(self.place(offset)))?
    }

    /// Makes all pages of a range exist, for a caller that will write to all of them. `offset` is a multiple of the
    /// page size. Has no effect before Linux 5.14.
    pub fn populate(&self, offset: usize, length: usize) {
        if self.holds(offset, length) {
            // SAFETY: the range is inside of the mapping, and its bytes stay as they are.
            let _ = unsafe { madvise(self.place(offset).cast(), length, Advice::LinuxPopulateWrite) };
        }
    }

    /// Makes a range private: no other process sees what this one writes there, and the child of a fork starts with
    /// a copy. On pages not yet written to, it still sees what others write. `offset` and `length` are multiples of
    /// the page size.
    ///
    /// # Errors
    /// The kernel has no room for another mapping.
    pub fn make_private(&self, offset: usize, length: usize) -> io::Result<()> {
        self.map_again(offset, length, MapFlags::PRIVATE)
    }

    /// Ends [`make_private`](Self::make_private). What this process has written there since then is lost.
    /// # Errors
    /// The same as for `make_private`.
    pub fn make_shared(&self, offset: usize, length: usize) -> io::Result<()> {
        self.map_again(offset, length, MapFlags::SHARED)
    }

    fn map_again(&self, offset: usize, length: usize, flags: MapFlags) -> io::Result<()> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let place = self.address(offset, length).ok_or(io::ErrorKind::InvalidInput)?;
        let place = place.as_ptr().cast();
        match self.file.get() {
            Ok(file) => {
                let flags = flags | MapFlags::FIXED | MapFlags::NORESERVE;
                // SAFETY: the range is part of `self`'s mapping, and shows the same part of the file. A thread that uses it waits.
                unsafe { mmap(place, length, protection, flags, file, offset as u64) }?;
            }
            Err(_) if flags == MapFlags::PRIVATE => {
                // SAFETY: the kernel chooses the place of the new mapping, so it replaces nothing.
                let copy = unsafe { mmap_anonymous(ptr::null_mut(), length, protection, flags) }?;
                // SAFETY: both have so many bytes, and nobody else has the copy.
                unsafe { ptr::copy_nonoverlapping(place.cast::<u8>(), copy.cast(), length) };
                // SAFETY: the range is part of `self`'s mapping, and has the same bytes. A thread that uses it waits.
                unsafe { mremap_fixed(copy, length, length, MremapFlags::MAYMOVE, place) }?;
            }
            Err(_) => self.mapping.map_anew(offset, offset + length)?,
        }
        // SAFETY: as above. The kernel joins it with its neighbours if it is the same in all.
        let _ = unsafe { madvise(place, length, Advice::LinuxDontDump) };
        Ok(())
    }

    /// Gives the pages of a range back to the system. After that, they read as zeros. If the kernel refuses, they stay.
    ///
    /// The caller has made sure that no other thread or process uses this range now.
    pub fn give_back(&self, offset: usize, length: usize) {
        let Ok(file) = self.file.get() else {
            if let Some(place) = self.address(offset, length) {
                // SAFETY: the range is inside of the mapping.
                let _ = unsafe { madvise(place.as_ptr().cast(), length, Advice::LinuxRemove) };
            }
            return;
        };
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(file, flags, offset as u64, length as u64);
    }

    /// Returns whether a range is part of the memory, and this process has mapped it or can do so now. After that, it
    /// is in reach for good. A process that may not have more addresses can't reach what it has not mapped yet.
    #[inline]
    pub fn holds(&self, offset: usize, length: usize) -> bool {
        self.mapping.holds(&self.file, offset, length)
    }

    /// Returns whether this process has mapped a range already.
    pub fn has_mapped(&self, offset: usize, length: usize) -> bool {
        offset
            .checked_add(length)
            .is_some_and(|end| end <= self.mapping.mapped())
    }

    #[inline]
    fn place(&self, offset: usize) -> *mut u8 {
        self.mapping.place(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_pages_go_back() {
        let memory = SharedMemory::create("test", 1 << 20, |_| 4096).unwrap();
        assert!(memory.write(5000, b"hello"));
        let again = SharedMemory::adopt(memory.descriptor().unwrap(), |all| all).unwrap();
        let mut bytes = [0; 5];
        assert!(again.read(5000, &mut bytes));
        assert_eq!(&bytes, b"hello");
        assert_eq!(again.id(), memory.id());
        memory.populate(4096, 8192);
        assert!(again.read(5000, &mut bytes));
        assert_eq!(&bytes, b"hello");
        memory.give_back(4096, 4096);
        assert!(again.read(5000, &mut bytes));
        assert_eq!(bytes, [0; 5]);
    }

    #[test]
    fn a_private_range_is_seen_by_nobody_else() {
        let memory = SharedMemory::create("test", 1 << 20, |_| 4096).unwrap();
        let other = SharedMemory::adopt(memory.descriptor().unwrap(), |all| all).unwrap();
        let sees = |memory: &SharedMemory, bytes: &[u8]| {
            let mut seen = [0; 2];
            memory.read(8191, &mut seen) && seen == bytes
        };
        memory.write(8191, b"ab");
        memory.make_private(8192, 4096).unwrap();
        assert!(memory.write(8191, b"cd") && sees(&memory, b"cd") && sees(&other, b"cb"));
        memory.make_shared(8192, 4096).unwrap();
        assert!(memory.write(8191, b"ef") && sees(&other, b"ef"));
    }

    #[test]
    fn nothing_is_read_or_written_outside() {
        let memory = SharedMemory::create("test", 4096, |_| 4096).unwrap();
        assert!(!memory.write(4090, b"too long"));
        assert!(!memory.write(usize::MAX, b"x"));
        assert!(!memory.read(4096, &mut [0]));
        assert!(memory.address(4096, 1).is_none());
    }
}
