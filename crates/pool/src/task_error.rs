//! The errors of tasks: why a pool did not accept one, and why one has no result.

use std::any::Any;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::{error, fmt, io};

use interlock_wait::WordLock;

use crate::panics::discard;

/// Why a task has no result.
///
/// ```
/// use std::error::Error;
///
/// use interlock::pool::{TaskError, ThreadPool};
///
/// let pool = ThreadPool::new(1);
/// let error = pool.submit(|| "7a".parse::<u32>().unwrap()).unwrap().result().unwrap_err();
/// assert!(matches!(error, TaskError::Panicked(_)));
/// assert!(error.source().unwrap().to_string().contains("InvalidDigit"));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// It was cancelled before a worker began with it.
    Cancelled,
    /// It panicked.
    Panicked(Panic),
    /// It belongs to the process that this one was forked from, which runs it.
    Forked,
    /// An `await` has already taken its result.
    Taken,
    /// An observer of the program refused the wait for it. The task goes on.
    Refused,
    /// It was not submitted: it is a call of a map whose pool was shut down meanwhile, or could not start a thread.
    NotSubmitted(SubmitError<()>),
    /// The calling worker runs too many tasks inside each other, each waiting for the next: half of its stack is
    /// used, and so are those of its stand-ins, or no other thread could be started. The task goes on.
    TooDeep,
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Cancelled => f.write_str("the task was cancelled"),
            TaskError::Panicked(panic) => write!(f, "the task panicked: {}", panic.message()),
            TaskError::Forked => f.write_str("the task is run by the process that this one was forked from"),
            TaskError::Taken => f.write_str("the result of the task was taken before"),
            TaskError::Refused => f.write_str("an observer refused the wait for the task"),
            TaskError::NotSubmitted(error) => write!(f, "the task was not submitted: {error}"),
            TaskError::TooDeep => {
                f.write_str("tasks that wait for tasks of their own pool are nested too deep")
            }
        }
    }
}

impl error::Error for TaskError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            TaskError::Panicked(panic) => Some(panic),
            TaskError::NotSubmitted(error) => Some(error),
            _ => None,
        }
    }
}

impl TaskError {
    /// Returns whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, TaskError::Cancelled)
    }

    /// Returns whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, TaskError::Panicked(_))
    }
}

/// The panic of a task. It displays as the message of the panic.
pub struct Panic(Box<Parts>);

/// In a box, because there are many tasks, and few of them panic.
struct Parts {
    message: Box<str>,
    /// Under a lock only to make it [`Sync`].
    payload: WordLock<Option<Box<dyn Any + Send>>>,
}

impl Drop for Parts {
    /// The error of a task may be dropped anywhere: in the engine, or while another panic unwinds.
    fn drop(&mut self) {
        self.payload.lock().take().into_iter().for_each(discard);
    }
}

impl Panic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(message), _) => (*message).into(),
            (_, Some(message)) => message.as_str().into(),
            _ => "a value that is not a text".into(),
        };
        Panic(Box::new(Parts {
            message,
            payload: WordLock::new(Some(payload)),
        }))
    }

    /// Returns the message of the panic.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the value that the task panicked with.
    pub fn into_payload(mut self) -> Box<dyn Any + Send> {
        let payload = self.0.payload.lock().take();
        payload.unwrap_or_else(|| Box::new(std::mem::take(&mut self.0.message)))
    }

    /// Resumes the panic on the calling thread.
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.into_payload())
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl error::Error for Panic {}

impl UnwindSafe for Panic {}
impl RefUnwindSafe for Panic {}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.message()).finish()
    }
}

/// Why a wait for the end of a pool failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// A task or worker was still left at the deadline.
    TimedOut,
    /// The caller is a task of the pool, or a waker on its own thread, so it would wait for itself. The pool was not shut down.
    OwnTask,
    /// An observer refused the wait.
    Refused,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JoinError::TimedOut => "the pool had not ended at the deadline",
            JoinError::OwnTask => "a task of the pool cannot wait for the end of the pool",
            JoinError::Refused => "an observer refused the wait for the end of the pool",
        })
    }
}

impl error::Error for JoinError {}

impl JoinError {
    /// Returns whether the wait timed out.
    pub fn is_timed_out(self) -> bool {
        self == JoinError::TimedOut
    }
}

/// Why a pool did not accept a task. The error returns the function.
#[non_exhaustive]
pub enum SubmitError<F> {
    /// As many tasks wait as the limit allows ([`Builder::max_pending`](crate::Builder::max_pending)), and the time
    /// to wait for room was over.
    Full(F),
    /// An observer of the program refused the wait for room.
    Refused(F),
    /// The pool was shut down.
    ShutDown(F),
    /// The pool has no worker, and the operating system could not start a thread.
    NoThread(F, io::Error),
}

impl<F> SubmitError<F> {
    /// Returns whether there was no room for the task in time.
    pub fn is_full(&self) -> bool {
        matches!(self, SubmitError::Full(_))
    }

    /// Returns whether the pool was shut down.
    pub fn is_shut_down(&self) -> bool {
        matches!(self, SubmitError::ShutDown(_))
    }

    /// Returns the function.
    pub fn into_inner(self) -> F {
        match self {
            SubmitError::Full(function)
            | SubmitError::Refused(function)
            | SubmitError::ShutDown(function)
            | SubmitError::NoThread(function, _) => function,
        }
    }

    /// Returns the same reason with another value to return.
    pub(crate) fn map<G>(self, other: impl FnOnce(F) -> G) -> SubmitError<G> {
        match self {
            SubmitError::Full(function) => SubmitError::Full(other(function)),
            SubmitError::Refused(function) => SubmitError::Refused(other(function)),
            SubmitError::ShutDown(function) => SubmitError::ShutDown(other(function)),
            SubmitError::NoThread(function, error) => SubmitError::NoThread(other(function), error),
        }
    }
}

impl<F> fmt::Display for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::Full(_) => {
                f.write_str("the pool has no room for another task: wait, or raise max_pending")
            }
            SubmitError::Refused(_) => f.write_str("an observer refused the wait for room in the pool"),
            SubmitError::ShutDown(_) => f.write_str("the pool takes no more tasks: it was shut down"),
            SubmitError::NoThread(_, error) => write!(f, "the pool cannot start its first worker: {error}"),
        }
    }
}

impl<F> fmt::Debug for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            SubmitError::Full(_) => "Full",
            SubmitError::Refused(_) => "Refused",
            SubmitError::ShutDown(_) => "ShutDown",
            SubmitError::NoThread(..) => "NoThread",
        };
        f.debug_tuple(name).finish_non_exhaustive()
    }
}

impl<F> error::Error for SubmitError<F> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            SubmitError::NoThread(_, error) => Some(error),
            _ => None,
        }
    }
}
