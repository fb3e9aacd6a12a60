//! The worker's side: takes calls and answers them.

use interlock_os::clock::monotonic_nanos;
use interlock_shm::{Error, Message, Name, Queue};
use interlock_wait::{Deadline, WaitContext};

use super::message::{Kind, NUMBER, Trailer};
use super::worker::Seat;

/// The state of a worker process in that process.
#[derive(Debug)]
pub struct Server {
    seat: Seat,
    /// The number of the call that it runs, and when it took that call.
    current: Option<(u64, u64)>,
}

/// The next event for a worker.
#[derive(Debug)]
pub enum Served<T> {
    /// A call, as returned by `read`.
    Call(T),
    /// The pool does not need this worker any more.
    ShutDown,
    /// The pool's process is dead.
    ParentDied,
}

impl Server {
    /// Creates the server of this seat.
    pub fn new(seat: Seat) -> Self {
        Server { seat, current: None }
    }

    /// Returns the pool's process.
    pub fn parent(&self) -> Name {
        self.seat.parent
    }

    /// Reports that the worker is ready for calls.
    ///
    /// # Errors
    /// The arena is full.
    pub fn ready(&self) -> Result<(), Error> {
        self.say(Kind::Ready, &[])
    }

    /// Reports that the worker will take no calls, with the reason `why`, for the host of the pool.
    ///
    /// # Errors
    /// The arena is full.
    pub fn refuse(&self, why: &[u8]) -> Result<(), Error> {
        self.say(Kind::Refuses, &[why])
    }

    /// Reports that the worker takes no more calls, and is going to end. The calls in its queue go to other
    /// workers.
    ///
    /// # Errors
    /// The arena is full.
    pub fn leave(&self) -> Result<(), Error> {
        self.say(Kind::Leaves, &[])
    }

    /// Returns the next call, with its payload as returned by `read`. Blocks until there is one, the pool shuts the
    /// worker down, its process is dead, or `context` ends the wait.
    ///
    /// # Errors
    /// `context` ended the wait, or `read` failed.
    pub fn next<T, E: From<Error>>(
        &mut self,
        context: &mut WaitContext<'_>,
        read: impl Fn(Message<'_>) -> Result<T, E>,
    ) -> Result<Served<T>, E> {
        let calls: &Queue = &self.seat.calls;
        loop {
            let mut number = [0; NUMBER];
            let taken = calls.get_with(&mut WaitContext::until(Deadline::PASSED), |message| {
                number = message.last().unwrap_or_default();
                read(message.without_last(NUMBER)).map_err(Raised::Host)
            });
            match taken {
                Ok(call) => {
                    self.current = Some((u64::from_le_bytes(number), monotonic_nanos()));
                    return Ok(Served::Call(call));
                }
                Err(Raised::Host(error)) => return Err(error),
                Err(Raised::Engine(Error::ShutDown)) => return Ok(Served::ShutDown),
                Err(Raised::Engine(Error::Ended(_))) => {}
                Err(Raised::Engine(error)) => return Err(error.into()),
            }
            if self.is_orphan() {
                return Ok(Served::ParentDied);
            }
            calls.wait_for_message_from(self.seat.parent, context)?;
        }
    }

    fn is_orphan(&self) -> bool {
        self.seat.calls.object().arena().is_known_dead(self.seat.parent)
    }

    /// Answers the last call: it returned.
    ///
    /// # Errors
    /// The arena is full. The caller may answer with something smaller.
    pub fn answer(&mut self, parts: &[&[u8]]) -> Result<(), Error> {
        self.say(Kind::Returned, parts)
    }

    /// Answers the last call: it failed.
    ///
    /// # Errors
    /// The same as for [`answer`](Self::answer).
    pub fn fail(&mut self, parts: &[&[u8]]) -> Result<(), Error> {
        self.say(Kind::Failed, parts)
    }

    fn say(&self, kind: Kind, parts: &[&[u8]]) -> Result<(), Error> {
        let (number, since) = self.current.unwrap_or((0, 0));
        let trailer = Trailer {
            seat: u32::try_from(self.seat.number).unwrap_or(u32::MAX),
            kind,
            nanos: monotonic_nanos().saturating_sub(since),
            number,
        };
        let trailer = trailer.to_bytes();
        let mut all = Vec::with_capacity(parts.len() + 1);
        all.extend_from_slice(parts);
        all.push(&trailer[..]);
        (self.seat.answers).put_parts(&all, &mut WaitContext::uninterruptible())
    }
}

/// An error of the engine, or of the function that reads a message.
enum Raised<E> {
    Engine(Error),
    Host(E),
}

impl<E> From<Error> for Raised<E> {
    fn from(error: Error) -> Self {
        Raised::Engine(error)
    }
}
