//! The host of a pool: starts its workers, waits for those that have ended, and wakes tasks that await a result.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use interlock_os::child::{Child, SAME_PROGRAM};
use interlock_pool::contained;
use interlock_pool::process::{self as engine, Duty, Seat};
use interlock_shm::Name;
use interlock_sync::Event;
use interlock_wait::{Deadline, WaitContext};

use super::error::{Cause, StartError};
use super::wakes::Wakes;
use super::wire::Place;

pub(super) type Engine = engine::ProcessPool<Wakes>;

/// How long the host waits after a failed start before the next one. The pause doubles with each failure in a
/// row.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// After this many failed starts in a row, the host gives up a pool that has no worker.
const TRIES: u32 = 5;

/// What a worker process runs.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// `None` for the program that this process runs.
    pub(super) file: Option<OsString>,
    pub(super) arguments: Vec<OsString>,
}

impl Program {
    fn start(&self, place: &Place, memory: i32) -> std::io::Result<Child> {
        let mut arguments = self.arguments.clone();
        arguments.push(place.to_argument().into());
        match &self.file {
            Some(file) => Child::start(file, file, &arguments, memory),
            None => {
                let name = std::env::args_os().next().unwrap_or_default();
                Child::start(SAME_PROGRAM.as_ref(), &name, &arguments, memory)
            }
        }
    }
}

thread_local! {
    /// The pool whose host this thread is.
    static SERVED: Cell<*const Engine> = const { Cell::new(std::ptr::null()) };
}

/// Whether the calling thread is the host of this pool: its caller is a waker then.
pub(super) fn is_host_of(engine: &Arc<Engine>) -> bool {
    std::ptr::eq(SERVED.get(), Arc::as_ptr(engine))
}

/// The host of a pool.
pub(super) struct Host {
    engine: Arc<Engine>,
    program: Program,
    children: HashMap<u32, Child>,
    /// The number of workers that the pool has asked for and that are not started yet.
    owed: usize,
    /// How many starts in a row have failed.
    failed: u32,
    /// No worker is started before this.
    pause: Deadline,
    /// Set when the host has ended.
    over: Arc<Event>,
}

impl Host {
    pub(super) fn new(engine: Arc<Engine>, program: Program, over: Arc<Event>) -> Self {
        Host {
            engine,
            program,
            children: HashMap::new(),
            owed: 0,
            failed: 0,
            pause: Deadline::PASSED,
            over,
        }
    }

    /// Starts the first workers.
    ///
    /// # Errors
    /// None of them could be started.
    pub(super) fn begin(&mut self) -> Result<(), StartError> {
        for _ in 0..self.engine.missing_workers() {
            let Some(seat) = self.engine.add_worker()? else {
                break;
            };
            match self.start(&seat) {
                Ok(()) => {}
                Err(error) if self.children.is_empty() => {
                    return Err(match error.downcast::<std::io::Error>() {
                        Ok(error) => StartError::NoWorker(*error),
                        Err(error) => StartError::NoRoom(error),
                    });
                }
                // The pool will ask for it again.
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Serves the duties of the pool until all its workers have ended.
    pub(super) fn serve(mut self) {
        SERVED.set(Arc::as_ptr(&self.engine));
        let mut context = WaitContext::uninterruptible();
        // Whatever panics, it goes on: the pool has no other host. An observer that panics does not hear of its next wait.
        loop {
            context = match contained(|| self.serve_one(&mut context)) {
                Some(true) => WaitContext::uninterruptible(),
                Some(false) => break,
                None => WaitContext::unwinding(),
            };
        }
    }

    /// Waits for a duty, and does it. Returns `false` if there will be no more.
    fn serve_one(&mut self, context: &mut WaitContext<'_>) -> bool {
        let patience = match self.owed {
            0 => Deadline::NEVER,
            _ => self.pause,
        };
        match self.engine.next_duty(&mut context.bounded(patience)) {
            Some(Duty::Attend(call)) => drop(call.take_host()),
            Some(Duty::Room(wakes)) => drop(wakes),
            Some(Duty::Start) => self.owed += 1,
            Some(Duty::Ended { pid, .. }) => self.bury(pid),
            Some(Duty::Broken(_)) => self.children.values_mut().for_each(Child::kill),
            Some(Duty::Finished) => return false,
            None => {}
        }
        if self.owed > 0 && self.pause.has_passed() {
            self.start_one();
        }
        true
    }

    /// Starts a worker that the pool has asked for.
    fn start_one(&mut self) {
        let started = match self.engine.add_wanted_worker() {
            Ok(seat) => {
                // If the start fails, the pool asks again.
                self.owed -= 1;
                seat.map_or(Ok(()), |seat| self.start(&seat))
            }
            Err(error) => Err(error.into()),
        };
        let Err(error) = started else {
            self.failed = 0;
            return;
        };
        self.failed += 1;
        let pause = PAUSE.saturating_mul(1 << self.failed.min(10)).min(LONGEST_PAUSE);
        self.pause = Deadline::after(pause);
        if self.failed >= TRIES {
            self.engine.give_up(error.to_string().as_bytes());
        }
    }

    /// Starts the process for a seat, and reports it to the pool.
    fn start(&mut self, seat: &Seat) -> Result<(), Cause> {
        let started = self.start_process(seat);
        let process = started.as_ref().ok().copied();
        self.engine.started(seat.number, process);
        started.map(drop)
    }

    fn start_process(&mut self, seat: &Seat) -> Result<(u32, Name), Cause> {
        let arena = self.engine.arena();
        let descriptor = arena.descriptor()?;
        let name = arena.expect_child()?;
        arena.hand(name, seat.calls.object());
        arena.hand(name, seat.answers.object());
        let place = Place {
            name,
            parent: seat.parent,
            seat: seat.number,
            calls: seat.calls.object().id(),
            answers: seat.answers.object().id(),
        };
        let child = self.program.start(&place, descriptor);
        arena.started(name, child.as_ref().ok().map(Child::id));
        let child = child?;
        let pid = child.id();
        self.children.insert(pid, child);
        Ok((pid, name))
    }

    /// Waits for a process that has ended.
    fn bury(&mut self, pid: u32) {
        if let Some(ended) = self.children.remove(&pid).and_then(|mut child| child.wait()) {
            self.engine.arena().has_ended(pid, ended);
        }
    }
}

impl Drop for Host {
    /// Kills the workers that are left, and waits for them. As a rule none is left.
    fn drop(&mut self) {
        // From here on no duty is served. If a call ends now, the pool drops what an awaiting task has left with it,
        // and that wakes the task.
        self.engine.end_duties();
        for child in self.children.values_mut() {
            child.kill();
            child.wait();
        }
        self.over.set();
    }
}
