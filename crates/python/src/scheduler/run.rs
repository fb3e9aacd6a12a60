//! `Scheduler`, and the loop that resumes its tasks.

use std::cell::Cell;
use std::time::Duration;

use interlock_sched::{Poll, Prospect, Reason, TaskId, Turn};
use interlock_wait::primitive::Arc;
use interlock_wait::{Deadline, ThreadIdent, fork};
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::begin;
use super::body::{Body, Wait};
use super::closed::Checks;
use super::failing;
use super::operation::Kind;
use super::ordinary;
use super::resume::{self, Sender, Step};
use super::shared::Shared;
use super::task::{End, Home, Task};
use super::turn::{self, Gets};
use crate::blocking;
use crate::errors;
use crate::imported::Imported;
use crate::initialized::Initialized;
use crate::raw::intern;

/// Whether another thread, or the handler of a signal, could wake a task.
static HAS_OTHERS: Imported = Imported::new("interlock._scheduler_calls", "has_other_threads");

/// The number of tasks that a verdict names.
const NAMED: usize = 20;

/// If only other threads can wake a task, the scheduler checks after this time whether there still are any.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Resumes generators and coroutines in turns, on the thread that calls run().
///
/// A task keeps the thread until its next `yield` or `await`. A bare `yield` lets every other task go first that has a turn. To wait,
/// a generator yields an operation of this module, and a coroutine awaits it: recv(), send(), sleep(), join(), call(), get(), put().
/// As a context manager, a scheduler is closed at the end.
#[pyclass(frozen, weakref, module = "interlock.scheduler")]
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
    initialized: Initialized,
}

#[pymethods]
impl Scheduler {
    #[new]
    fn new() -> Self {
        Scheduler {
            shared: Arc::new(Shared::new()),
            initialized: Initialized::new(),
        }
    }

    /// Add a task, which has its first turn after all others that have one now, and return it. Any thread may call this, and so
    /// may tasks. Never blocks.
    ///
    /// `generator`: what a generator function or an `async def` function returns. `name`: for reports; the function's name with a
    /// number if it is None. `errors`: "raise" has run() raise what the task raises, unless another task learns of it by its join();
    /// "keep" leaves it in the task. Raises TypeError for anything else than a generator or a coroutine.
    #[pyo3(signature = (generator, *, name = None, errors = "raise"))]
    fn spawn<'py>(
        &self,
        py: Python<'py>,
        generator: Bound<'py, PyAny>,
        name: Option<String>,
        errors: &str,
    ) -> PyResult<Bound<'py, Task>> {
        let keeps = match errors {
            "raise" => false,
            "keep" => true,
            other => {
                let message = format!("errors is \"raise\" or \"keep\", not {other:?}");
                return Err(PyValueError::new_err(message));
            }
        };
        check_generator(&generator)?;
        let name = name.map_or_else(|| self.made_up_name(&generator), Ok)?;
        let home: Arc<dyn Home> = self.shared.clone();
        let task = Bound::new(py, Task::new(name, keeps, Arc::downgrade(&home)))?;
        let body = Box::new(Body {
            sender: Sender::of(&generator),
            coroutine: generator.unbind(),
            task: task.clone().unbind(),
            pending: None,
        });
        let mut turns = self.shared.turns.get(py).lock();
        let id = turns.spawn(body);
        task.get().begin(py, id);
        drop(turns);
        self.shared.mailbox.ring();
        Ok(task)
    }

    /// Run the tasks until all have ended, or until the task `until` has, and return what that one returned, or None.
    ///
    /// Blocks while no task has a turn; what ends such a wait is a descriptor, the time, a call from another thread, or a signal
    /// (Ctrl-C), whose handler runs. Raises what a task raises, with a note that names it; the other tasks can go on when run() is called
    /// again. Raises DeadlockError if every task waits and nothing can wake one, RuntimeError inside another run() of the
    /// same thread, or if another thread runs this scheduler.
    #[pyo3(signature = (until = None))]
    fn run(&self, py: Python<'_>, until: Option<Bound<'_, Task>>) -> PyResult<Py<PyAny>> {
        if let Some(task) = &until
            && !task.get().is_at(Arc::as_ptr(&self.shared))
        {
            return Err(PyValueError::new_err("this task is one of another scheduler"));
        }
        let claim = Claim::new(py, &self.shared)?;
        let run = Run {
            shared: &self.shared,
            until: until.as_ref().map(Bound::get),
        };
        let ran = run.all(py);
        drop(claim);
        ran?;
        match until {
            None => Ok(py.None()),
            Some(task) => {
                let outcome = task.get().outcome(py)?;
                outcome.map_err(|error| errors::again(error.into_bound(py)))
            }
        }
    }

    /// The tasks that have not ended, in no order. Never blocks.
    fn tasks(&self, py: Python<'_>) -> Vec<Py<Task>> {
        let turns = self.shared.turns.get(py).lock();
        turns
            .payloads()
            .map(|(_, body)| body.task.clone_ref(py))
            .collect()
    }

    /// End all tasks: close each generator or coroutine, so that its `finally` clauses run. Call it when run() is over.
    ///
    /// A task that calls it goes on. Tasks that a `finally` clause spawns meanwhile are closed, too. Raises the first
    /// exception that a task raises, unless another one is not an `Exception`, such as KeyboardInterrupt.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.shared.close(py, Wait::undone)
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if self.initialized.is_set() {
            self.shared.traverse(&visit)
        } else {
            Ok(())
        }
    }

    fn __clear__(&self, py: Python<'_>) {
        self.shared.abandon(py);
    }
}

impl Scheduler {
    fn made_up_name(&self, generator: &Bound<'_, PyAny>) -> PyResult<String> {
        let py = generator.py();
        let name = match generator.getattr_opt(intern!(py, "__name__"))? {
            Some(name) => name.cast::<PyString>()?.to_string(),
            None => "task".to_owned(),
        };
        let mut runner = self.shared.runner.get(py).lock();
        runner.names += 1;
        Ok(format!("{name}-{}", runner.names))
    }
}

fn check_generator(generator: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = generator.py();
    let has = |name| generator.hasattr(name);
    if has(intern!(py, "send"))? && has(intern!(py, "throw"))? && has(intern!(py, "close"))? {
        return Ok(());
    }
    let hint = if generator.is_callable() {
        ": call the function first"
    } else {
        ""
    };
    Err(PyTypeError::new_err(format!(
        "a task is a generator or a coroutine, not {}{hint}",
        generator.repr()?
    )))
}

thread_local! {
    /// The generation of the process in which this thread runs a scheduler, plus one; 0 if it runs none. If a task
    /// forks, it may run another scheduler in the child, inside its turn.
    static RUNS: Cell<u64> = const { Cell::new(0) };
}

/// The right to run a scheduler, as long as this lives.
struct Claim<'a> {
    py: Python<'a>,
    shared: &'a Arc<Shared>,
    /// What the thread had in `RUNS` before.
    former: u64,
}

impl<'a> Claim<'a> {
    fn new(py: Python<'a>, shared: &'a Arc<Shared>) -> PyResult<Self> {
        fork::watch();
        let generation = fork::generation();
        let inside = || PyRuntimeError::new_err("this thread runs a scheduler already: run() inside run()");
        let former = RUNS.get();
        if former == u64::from(generation) + 1 {
            return Err(inside());
        }
        let mut runner = shared.runner.get(py).lock();
        // In the child of a fork, a thread of the parent does not run it any more, unless it is the one that forked.
        let is_here = |(thread, its): &(_, _)| *its == generation || *thread == fork::survivor();
        if let Some((thread, _)) = runner.thread.filter(is_here) {
            if thread == ThreadIdent::current() {
                return Err(inside());
            }
            let message = "another thread runs this scheduler";
            return Err(PyRuntimeError::new_err(message));
        }
        runner.thread = Some((ThreadIdent::current(), generation));
        RUNS.set(u64::from(generation) + 1);
        drop(runner);
        Ok(Claim { py, shared, former })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        RUNS.set(self.former);
        self.shared.runner.get(self.py).lock().thread = None;
    }
}

/// The event after turns in which tasks only let the others go first.
enum Next<'py> {
    /// The round is over.
    Round,
    /// A turn of a task that gets a value or an exception.
    Turn(Turn<Box<Body>>),
    /// A step of another kind.
    Step(TaskId, Box<Body>, Step<'py>),
}

/// Returns the error of another task that no task will learn of, because this task, the last one that waited for
/// it, is cancelled.
fn lost_error(py: Python<'_>, reason: Reason, body: &Body) -> Option<Py<PyBaseException>> {
    if reason != Reason::JoinedThenCancelled {
        return None;
    }
    match &body.wait()?.operation.bind(py).get().kind {
        Kind::Join(target) => target.bind(py).get().lost_error(py),
        _ => None,
    }
}

/// One call of `run()`.
struct Run<'a> {
    shared: &'a Arc<Shared>,
    until: Option<&'a Task>,
}

impl Run<'_> {
    fn all(&self, py: Python<'_>) -> PyResult<()> {
        let mut checks = Checks::new();
        let mut rounds = 0u32;
        let mut was_alone = false;
        loop {
            // close() may also have ended the task: another thread may call it, or a task that goes on.
            if self.is_over(py) {
                return Ok(());
            }
            let was_alone_before = std::mem::take(&mut was_alone);
            let prospect = self.shared.turns.get(py).lock().look();
            match prospect.map_err(errors::os_error)? {
                Prospect::Round => {
                    if self.round(py)? {
                        return Ok(());
                    }
                    rounds = rounds.wrapping_add(1);
                    if rounds.is_multiple_of(256) {
                        checks.check(py, self.shared)?;
                    }
                }
                Prospect::Done => return Ok(()),
                Prospect::Stuck => return Err(self.verdict(py)),
                Prospect::Sleep(poll, deadline) => {
                    let checked = checks.check(py, self.shared);
                    if matches!(checked, Ok(false)) {
                        self.sleep(py, &poll, deadline.min(checks.next()))?;
                    } else {
                        self.shared.turns.get(py).lock().wake_up();
                        checked?;
                    }
                }
                Prospect::SleepForOthers(poll) => {
                    if self.has_others(py)? {
                        self.sleep(py, &poll, Deadline::after(ASK_AGAIN))?;
                        continue;
                    }
                    self.shared.turns.get(py).lock().wake_up();
                    if was_alone_before {
                        return Err(self.verdict(py));
                    }
                    // The last other thread may have woken a task, and ended, after this look.
                    was_alone = true;
                }
            }
        }
    }

    /// Returns whether anything but the tasks of this thread may run Python code.
    fn has_others(&self, py: Python<'_>) -> PyResult<bool> {
        let answer = HAS_OTHERS.get(py)?.call1((resume::threads_known(py),));
        let has_others = answer.and_then(|answer| answer.is_truthy());
        if has_others.is_err() {
            self.shared.turns.get(py).lock().wake_up();
        }
        has_others
    }

    fn sleep(&self, py: Python<'_>, poll: &Poll, deadline: Deadline) -> PyResult<()> {
        let slept = blocking::wait(py, deadline, |context| poll.wait(context));
        self.shared.turns.get(py).lock().wake_up();
        slept.map(drop)
    }

    fn is_over(&self, py: Python<'_>) -> bool {
        self.until.is_some_and(|task| task.done(py))
    }

    /// Gives each task its turn. Returns whether the task that the caller waits for has ended.
    fn round(&self, py: Python<'_>) -> PyResult<bool> {
        let turns = || self.shared.turns.get(py).lock();
        let mut next = turns().next_turn();
        while let Some(turn) = next {
            let (id, body, step) = match self.plain_turns(py, turn) {
                Next::Round => return Ok(false),
                Next::Step(id, body, step) => (id, body, step),
                Next::Turn(turn) => {
                    let (id, mut body) = (turn.id, turn.payload);
                    if let Some(error) = lost_error(py, turn.reason, &body) {
                        // This task learns later that it is cancelled.
                        let mut turns = turns();
                        turns.cancel(id);
                        turns.yielded(id, body);
                        drop(turns);
                        return Err(errors::again(error.into_bound(py)));
                    }
                    let step = match turn::gets(py, &mut body, turn.reason) {
                        Ok(Gets::Value(value)) => body.sender.send(py, &body.coroutine, value),
                        Ok(Gets::Nothing(wait)) => {
                            begin::again(py, self.shared, id, body, wait);
                            next = turns().next_turn();
                            continue;
                        }
                        Err(error) => resume::throw(py, &body.coroutine, errors::exception(py, error)),
                    };
                    (id, body, step)
                }
            };
            match step {
                Step::YieldedNone => turns().yielded(id, body),
                Step::Yielded(value) => begin::yielded(self.shared, id, body, &value),
                Step::Returned(value) => {
                    let end = End::Returned(value.unbind());
                    self.finish(py, (id, body), end);
                    if self.is_over(py) {
                        return Ok(true);
                    }
                }
                Step::Raised(exception) => {
                    self.fail(py, (id, body), exception)?;
                    if self.is_over(py) {
                        return Ok(true);
                    }
                }
            }
            next = turns().next_turn();
        }
        Ok(false)
    }

    /// Resumes tasks in their turns as long as each gets nothing, and only lets the others go first.
    fn plain_turns<'py>(&self, py: Python<'py>, mut turn: Turn<Box<Body>>) -> Next<'py> {
        loop {
            let (id, body) = (turn.id, turn.payload);
            if turn.reason != Reason::Turn || body.pending.is_some() {
                turn.payload = body;
                return Next::Turn(turn);
            }
            match body.sender.send(py, &body.coroutine, None) {
                Step::YieldedNone => {}
                step => return Next::Step(id, body, step),
            }
            let mut turns = self.shared.turns.get(py).lock();
            turns.yielded(id, body);
            match turns.next_turn_of_any_round() {
                Some(next) => turn = next,
                None => return Next::Round,
            }
        }
    }

    /// Called when a task has ended. Returns how many tasks wait for that.
    fn finish(&self, py: Python<'_>, (id, body): (TaskId, Box<Body>), end: End) -> usize {
        body.task.bind(py).get().finish(py, end);
        let joined = self.shared.turns.get(py).lock().end(id);
        drop(body);
        joined
    }

    /// Called when a task has ended with an exception.
    fn fail(
        &self,
        py: Python<'_>,
        (id, body): (TaskId, Box<Body>),
        exception: Bound<'_, PyBaseException>,
    ) -> PyResult<()> {
        if failing::is_cancelled(&exception) {
            self.finish(py, (id, body), End::Cancelled);
            return Ok(());
        }
        let noted = failing::note(&body, &exception);
        let task = body.task.clone_ref(py);
        let task = task.bind(py).get();
        let traceback = exception.getattr(intern!(py, "__traceback__"))?;
        let end = End::Raised(exception.clone().unbind(), traceback.unbind());
        let joined = self.finish(py, (id, body), end);
        noted?;
        let is_waited_for = self.until.is_some_and(|until| std::ptr::eq(until, task));
        // An exception that is not an `Exception`, such as KeyboardInterrupt, ends the program.
        let is_for_others = joined > 0 || task.keeps_errors || is_waited_for;
        if is_for_others && ordinary::is_ordinary(&exception) {
            if !task.keeps_errors && !is_waited_for {
                task.error_is_for(py, joined);
            }
            return Ok(());
        }
        task.error_is_raised(py);
        Err(errors::again(exception))
    }

    /// Returns the exception that says that no task can go on, and what each of them waits for.
    fn verdict(&self, py: Python<'_>) -> PyErr {
        let turns = self.shared.turns.get(py).lock();
        let waits: Vec<_> = turns
            .payloads()
            .filter_map(|(_, body)| {
                let wait = body.wait()?;
                Some((body.task.clone_ref(py), wait.operation.clone_ref(py)))
            })
            .collect();
        drop(turns);
        let more = waits.len().saturating_sub(NAMED);
        let waits = waits.iter().take(NAMED).map(|(task, operation)| {
            let what = operation.bind(py).get().describe(py)?;
            Ok(format!("task '{}' waits for {what}", task.bind(py).get().name()))
        });
        let mut waits: Vec<String> = match waits.collect::<PyResult<_>>() {
            Ok(waits) => waits,
            Err(error) => return error,
        };
        if more > 0 {
            waits.push(format!("and {more} more"));
        }
        failing::deadlock(
            py,
            format!("every task waits, and nobody can wake one: {}", waits.join("; ")),
        )
    }
}
