//! The errors of shared memory.

use std::fmt;
use std::io;

use interlock_wait::Wake;

use crate::layout::NODES;
use crate::name::Name;

/// Why an object in shared memory could not be created or used.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused to create or map the arena's memory.
    Kernel(io::Error),
    /// The arena has no room for that many bytes.
    Full {
        /// How many bytes were asked for.
        bytes: usize,
    },
    /// This process may not have the addresses for that many bytes of the arena.
    OutOfReach {
        /// How many bytes were to be mapped.
        bytes: usize,
    },
    /// The arena has as many objects as it can have.
    TooManyObjects,
    /// The family has as many processes as it can have.
    TooManyProcesses,
    /// The descriptor is not an arena, or is an arena of another version.
    NotAnArena,
    /// The place in the family that was reserved for this process is taken: the process came too late.
    NotReserved,
    /// This process died while it held the lock, and the lock has not been recovered since.
    OwnerDied(Name),
    /// The calling thread does not hold the lock that it releases.
    NotOwner,
    /// The semaphore has as many permits as it can have.
    TooManyReleases,
    /// As many threads of this process as possible stand in lines.
    TooManyWaiters,
    /// The barrier is broken. If the name is not [`Name::NONE`], the death of this process while it waited broke
    /// it.
    Broken(Name),
    /// The queue is shut down: nothing can be put, and nothing is left to get.
    ShutDown,
    /// The rank of the message can't be compared with that of a message in the queue.
    NotComparable,
    /// All messages are received, and no process has the writer any more.
    EndOfFile,
    /// No process has the reader any more.
    BrokenPipe,
    /// The messages of the channel go through its descriptor.
    Moved,
    /// The message belongs to the process that forked this one.
    OfParent,
    /// The program has closed the descriptor of the arena's memory, without which no other process can be given it.
    Closed,
    /// The wait ended early: the deadline passed, or the host asked to stop.
    Ended(Wake),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Kernel(error) => write!(f, "the kernel refused shared memory: {error}"),
            Error::Full { bytes } => write!(f, "the shared memory has no room for {bytes} bytes"),
            Error::OutOfReach { bytes } => write!(
                f,
                "the process may not have the addresses for {bytes} bytes of shared memory"
            ),
            Error::TooManyObjects => f.write_str("the shared memory has no room for another object"),
            Error::TooManyProcesses => f.write_str("the family of processes has no room for another one"),
            Error::NotAnArena => {
                f.write_str("the descriptor is no shared memory of this version of Interlock")
            }
            Error::NotReserved => f.write_str("no place in the family is kept for this process any more"),
            Error::OwnerDied(_) => f.write_str("a process died while it held the lock"),
            Error::NotOwner => f.write_str("the thread does not hold the lock"),
            Error::TooManyReleases => f.write_str("the semaphore was released too many times"),
            Error::TooManyWaiters => write!(f, "{NODES} threads of the process wait for conditions already"),
            Error::Broken(Name::NONE) => f.write_str("the barrier is broken"),
            Error::Broken(_) => f.write_str("the barrier is broken: a process died while it waited"),
            Error::ShutDown => f.write_str("the queue is shut down"),
            Error::NotComparable => f.write_str("the message can't be compared with those in the queue"),
            Error::EndOfFile => f.write_str("no process has the other end to write any more"),
            Error::BrokenPipe => f.write_str("no process has the other end to read any more"),
            Error::Moved => f.write_str("the messages of the channel go through its descriptor"),
            Error::OfParent => f.write_str("the message belongs to the process that forked this one"),
            Error::Closed => f.write_str(
                "the program has closed the descriptor of the shared memory, so no process that it starts can have it",
            ),
            Error::Ended(_) => f.write_str("the wait ended"),
        }
    }
}

impl Error {
    /// Returns how the wait ended, if the error is [`Ended`](Self::Ended).
    pub fn wake(&self) -> Option<Wake> {
        match self {
            Error::Ended(wake) => Some(*wake),
            _ => None,
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Kernel(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Kernel(error)
    }
}
