//! Errors of pools of processes.

use std::error::Error;
use std::{fmt, io};

use interlock_os::process::signal_name;
use interlock_pool::process as engine;
use interlock_shm::Ended;

/// The cause of an error: an error of the kernel, of shared memory, or of a type's serde code.
pub type Cause = Box<dyn Error + Send + Sync>;

/// The unexpected death of a worker process.
#[derive(Clone, Debug)]
pub struct WorkerDeath {
    pid: u32,
    ended: Option<Ended>,
    was_ready: bool,
    was_running: bool,
    refusal: Option<String>,
    function: Option<&'static str>,
}

impl WorkerDeath {
    /// Makes the error from the engine's report of the death, and the function of the task that was lost.
    pub(super) fn of(death: &engine::WorkerDeath, function: Option<&'static str>) -> Self {
        let refusal = (death.refusal.as_ref()).map(|why| String::from_utf8_lossy(why).into_owned());
        WorkerDeath {
            pid: death.pid,
            ended: death.ended,
            was_ready: death.was_ready,
            was_running: death.was_running,
            refusal,
            function,
        }
    }

    /// Returns the process id of the worker; 0 if no process could be started.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the signal that killed it, if one did.
    pub fn signal(&self) -> Option<i32> {
        match self.ended {
            Some(Ended::Killed(signal)) => Some(signal),
            _ => None,
        }
    }

    /// Returns its exit code, if it exited.
    pub fn exit_code(&self) -> Option<i32> {
        match self.ended {
            Some(Ended::Exited(code)) => Some(code),
            _ => None,
        }
    }

    /// Returns whether it was running a task. That task is lost.
    pub fn was_running(&self) -> bool {
        self.was_running
    }

    /// Returns whether it had started up and was able to run tasks.
    pub fn was_ready(&self) -> bool {
        self.was_ready
    }
}

impl fmt::Display for WorkerDeath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.refusal {
            return match self.pid {
                0 => write!(f, "no worker process can be started: {why}"),
                pid => write!(f, "worker process {pid} could not serve: {why}"),
            };
        }
        write!(f, "worker process {} ", self.pid)?;
        match (self.signal(), self.exit_code()) {
            (Some(signal), _) => match signal_name(signal) {
                Some(name) => write!(f, "was killed by signal {signal} ({name})")?,
                None => write!(f, "was killed by signal {signal}")?,
            },
            (_, Some(code)) => write!(f, "exited with code {code}")?,
            _ => f.write_str("ended")?,
        }
        match (self.was_ready, self.function.filter(|_| self.was_running)) {
            (false, _) => f.write_str(" before it was ready"),
            (true, Some(function)) => write!(f, " while it ran `{function}`"),
            (true, None) => Ok(()),
        }
    }
}

impl Error for WorkerDeath {}

/// Why a pool of processes could not be created.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// `main` did not call [`Registry::serve`](super::Registry::serve), so worker processes could not serve
    /// the pool.
    NotServed,
    /// No worker process can be started.
    NoWorker(io::Error),
    /// The memory that processes share has no room or could not be created, or the pool's thread could not be
    /// started.
    NoRoom(Cause),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::NotServed => f.write_str(
                "the program has not called Registry::serve, which `main` does before anything else",
            ),
            StartError::NoWorker(error) => write!(f, "no worker process can be started: {error}"),
            StartError::NoRoom(error) => write!(f, "there is no room for a pool of processes: {error}"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StartError::NotServed => None,
            StartError::NoWorker(error) => Some(error),
            StartError::NoRoom(error) => Some(&**error),
        }
    }
}

impl From<interlock_shm::Error> for StartError {
    fn from(error: interlock_shm::Error) -> Self {
        StartError::NoRoom(error.into())
    }
}

/// Why a pool did not accept a task.
#[derive(Debug)]
#[non_exhaustive]
pub enum SubmitError {
    /// As many tasks wait as the limit allows ([`Builder::max_pending`](super::Builder::max_pending)), and
    /// the time to wait for room was over.
    Full,
    /// An observer of the program refused the wait for room.
    Refused,
    /// The pool was shut down.
    ShutDown,
    /// The death of a worker ended the pool (see [`OnWorkerDeath::Break`](super::OnWorkerDeath::Break)), or
    /// no worker can be started any more.
    Broken(WorkerDeath),
    /// The argument can't be serialized; the error of its serde code says why.
    Argument(Cause),
    /// The memory that processes share has no room for the argument.
    NoRoom(Cause),
    /// The pool belongs to the process that this one was forked from.
    Forked,
    /// The thread that looks after the pool could not be started.
    NoThread(io::Error),
}

impl From<engine::Unplaced> for SubmitError {
    fn from(refusal: engine::Unplaced) -> Self {
        match refusal {
            engine::Unplaced::Full => SubmitError::Full,
            // These waits have no host that could end them, so an observer did.
            engine::Unplaced::Interrupted => SubmitError::Refused,
            engine::Unplaced::ShutDown => SubmitError::ShutDown,
            engine::Unplaced::Broken(death) => SubmitError::Broken(WorkerDeath::of(&death, None)),
            engine::Unplaced::OfParent => SubmitError::Forked,
            engine::Unplaced::NoThread(error) => SubmitError::NoThread(error),
        }
    }
}

impl SubmitError {
    /// Returns whether there was no room for the task in time.
    pub fn is_full(&self) -> bool {
        matches!(self, SubmitError::Full)
    }

    /// Returns whether the pool was shut down.
    pub fn is_shut_down(&self) -> bool {
        matches!(self, SubmitError::ShutDown)
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::Full => {
                f.write_str("the pool has no room for another task: wait, or raise max_pending")
            }
            SubmitError::Refused => f.write_str("an observer refused the wait for room in the pool"),
            SubmitError::ShutDown => f.write_str("the pool takes no more tasks: it was shut down"),
            SubmitError::Broken(death) => write!(f, "the pool takes no more tasks: {death}"),
            SubmitError::Argument(error) => write!(f, "the argument can't be sent to a worker: {error}"),
            SubmitError::NoRoom(error) => write!(f, "the argument has no room: {error}"),
            SubmitError::Forked => {
                f.write_str("the pool belongs to the process that this one was forked from")
            }
            SubmitError::NoThread(error) => {
                write!(f, "the pool can't start the thread that it needs: {error}")
            }
        }
    }
}

impl Error for SubmitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SubmitError::Broken(death) => Some(death),
            SubmitError::Argument(error) | SubmitError::NoRoom(error) => Some(&**error),
            SubmitError::NoThread(error) => Some(error),
            _ => None,
        }
    }
}

/// A panic of a function in a worker process. It displays as the message of the panic.
#[derive(Clone, Debug)]
pub struct Panic(pub(super) String);

impl Panic {
    /// Returns the message of the panic.
    pub fn message(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Panic {}

/// Why a task has no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// It was cancelled before a worker took it.
    Cancelled,
    /// The function panicked. The worker goes on.
    Panicked(Panic),
    /// The worker that ran it died.
    WorkerDied(WorkerDeath),
    /// This death ended the pool before the task had a result.
    Broken(WorkerDeath),
    /// It exceeded its [`At::time_limit`](super::At::time_limit), and the pool killed its worker.
    TimedOut,
    /// [`Task::stop`](super::Task::stop) was called while it ran, and the pool killed its worker.
    Stopped,
    /// The worker has no function of this name: it was registered after
    /// [`Registry::serve`](super::Registry::serve), or only in another program, or not at all.
    UnknownFunction(&'static str),
    /// The function of this name was registered with other types.
    OtherTypes {
        /// The function's name.
        function: &'static str,
        /// Its types where the task was submitted.
        expected: String,
        /// Its types in the worker.
        registered: String,
    },
    /// The worker can't deserialize the argument; the error of its serde code says why.
    Argument(Cause),
    /// The result can't be serialized, sent or deserialized. The function has run.
    Result(Cause),
    /// The argument could not be sent: the memory that processes share has no room for it.
    NoRoom(Cause),
    /// It belongs to the process that this one was forked from, which gets the result.
    Forked,
    /// An `await` has already taken its result.
    Taken,
    /// An observer of the program refused the wait for it. The task goes on.
    Refused,
}

impl TaskError {
    /// Returns whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, TaskError::Cancelled)
    }

    /// Returns whether the function panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, TaskError::Panicked(_))
    }

    /// Returns the death of a worker that is the reason for this error, if there is one.
    pub fn worker_death(&self) -> Option<&WorkerDeath> {
        match self {
            TaskError::WorkerDied(death) | TaskError::Broken(death) => Some(death),
            _ => None,
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Cancelled => f.write_str("the task was cancelled"),
            TaskError::Panicked(panic) => write!(f, "the task panicked: {panic}"),
            TaskError::WorkerDied(death) => write!(f, "the task is lost: {death}"),
            TaskError::Broken(death) => write!(f, "the pool has ended: {death}"),
            TaskError::TimedOut => f.write_str("the task ran for longer than it may, and was ended"),
            TaskError::Stopped => f.write_str("the task was stopped"),
            TaskError::UnknownFunction(name) => write!(
                f,
                "the worker has no function {name:?}: register it before Registry::serve"
            ),
            TaskError::OtherTypes {
                function,
                expected,
                registered,
            } => write!(
                f,
                "the function {function:?} is registered as {registered}, and called as {expected}"
            ),
            TaskError::Argument(error) => write!(f, "the worker can't read the argument: {error}"),
            TaskError::Result(error) => write!(f, "the result can't come back: {error}"),
            TaskError::NoRoom(error) => write!(f, "the task was not sent: {error}"),
            TaskError::Forked => f.write_str("the task belongs to the process that this one was forked from"),
            TaskError::Taken => f.write_str("the result of the task was taken before"),
            TaskError::Refused => f.write_str("an observer refused the wait for the task"),
        }
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            TaskError::Panicked(panic) => Some(panic),
            TaskError::WorkerDied(death) | TaskError::Broken(death) => Some(death),
            TaskError::Argument(error) | TaskError::Result(error) | TaskError::NoRoom(error) => {
                Some(&**error)
            }
            _ => None,
        }
    }
}
