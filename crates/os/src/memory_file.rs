//! The file behind shared memory, as long as this process has its descriptor.
//!
//! A program may close any descriptor; a daemon closes all that it has inherited. The number may soon be that of
//! another file, which must not be written to, nor closed. So the file is looked at before each use. (Its mapping
//! stays, whatever becomes of the descriptor.)

#![expect(
    unsafe_code,
    reason = "a descriptor that its owner keeps is looked at, and duplicated"
)]
#![expect(
    clippy::disallowed_types,
    reason = "I3: the descriptor of the memory, named below the one door"
)]

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, fstat, ftruncate, memfd_create};

/// Duplicates descriptor `number`, which its owner keeps. The duplicate is closed on exec.
pub(crate) fn duplicate(number: i32) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(rustix::io::Errno::BADF.into());
    }
    // SAFETY: the descriptor is only looked at, and duplicated; the caller has it and keeps it.
    let given = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
    Ok(rustix::io::fcntl_dupfd_cloexec(&*given, 3)?)
}

/// The identity of a file, whatever its descriptors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl FileId {
    /// Returns the number of the file in its file system.
    pub fn inode(self) -> u64 {
        self.inode
    }

    pub(crate) fn of(file: impl AsFd) -> io::Result<Self> {
        let file = fstat(file)?;
        Ok(FileId {
            device: file.st_dev,
            inode: file.st_ino,
        })
    }
}

/// The descriptor of a file that may be closed, or become another file's, at any time.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    /// `None` only while it is dropped.
    descriptor: Option<OwnedFd>,
    id: FileId,
}

impl MemoryFile {
    /// Creates an anonymous file of this size. The descriptor is closed on exec.
    pub(crate) fn create(name: &str, size: usize) -> io::Result<Self> {
        let file = memfd_create(name, MemfdFlags::CLOEXEC)?;
        ftruncate(&file, size as u64)?;
        Self::of(file)
    }

    /// Duplicates the descriptor `number`, which the caller keeps. Returns the size of its file, too.
    pub(crate) fn adopt(number: i32) -> io::Result<(Self, usize)> {
        let file = duplicate(number)?;
        let size = usize::try_from(fstat(&file)?.st_size).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok((Self::of(file)?, size))
    }

    fn of(descriptor: OwnedFd) -> io::Result<Self> {
        let id = FileId::of(&descriptor)?;
        Ok(MemoryFile {
            descriptor: Some(descriptor),
            id,
        })
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// Returns the descriptor, if it is still this file's.
    pub(crate) fn get(&self) -> io::Result<&OwnedFd> {
        let descriptor = self.descriptor.as_ref();
        let still_its = descriptor.filter(|it| FileId::of(it).is_ok_and(|id| id == self.id));
        still_its.ok_or_else(|| rustix::io::Errno::BADF.into())
    }

    /// Returns the number of the descriptor, if it is still this file's.
    pub(crate) fn number(&self) -> io::Result<i32> {
        self.get().map(AsRawFd::as_raw_fd)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        if self.get().is_err() {
            // It is the program's.
            let _ = self.descriptor.take().map(IntoRawFd::into_raw_fd);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_became_another_file_s_is_neither_used_nor_closed() {
        let memory = MemoryFile::create("test", 4096).unwrap();
        let number = memory.number().unwrap();
        let other = memfd_create("other", MemfdFlags::CLOEXEC).unwrap();
        // SAFETY: the descriptor is `memory`'s, which looks at it only.
        let mut place = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
        rustix::io::dup2(&other, &mut place).unwrap();
        assert!(memory.get().is_err() && memory.number().is_err());
        drop(memory);
        assert_eq!(FileId::of(&*place).unwrap(), FileId::of(&other).unwrap());
        drop(ManuallyDrop::into_inner(place));
    }
}
