//! The parent's side of a pool of processes.

use std::sync::{Arc, Weak};
use std::time::Duration;

use interlock_pool::process::{Call, Duty, Limits, OnWorkerDeath, Settings, Unplaced};
use interlock_shm::Name;
use interlock_wait::primitive::global::{AtomicU64, Ordering};
use interlock_wait::{Deadline, ThreadIdent, WaitContext, WordLock};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::seat::ProcessSeat;
use crate::futures::{
    Future, Remote, RemoteCalls, RemoteHost, attend, hear_of_end, new_future, report, told,
};
use crate::multiprocessing::{Family, Pickle, plain_call, refused};
use crate::{blocking, errors};

/// The exit code of a process whose fork server is gone, so that its real one is not known.
const UNKNOWN: i32 = 255;

/// The engines of all pools.
static POOLS: WordLock<Vec<Weak<RemoteCalls>>> = WordLock::new(Vec::new());

/// The engine of a pool of processes: calls wait here for workers, and answers for the threads that ask for them.
///
/// An executor starts the processes, and has a thread that does what next_duty() returns.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct ProcessPool {
    engine: Arc<RemoteCalls>,
    is_bounded: bool,
    retries: u32,
    /// The thread that has called manage(); 0: none.
    manager: AtomicU64,
}

#[pymethods]
impl ProcessPool {
    /// A pool without workers. `most`: how many of them there are at most, how many calls wait (0: any number), and how many a worker
    /// runs. `retries`: how often a call of submit_plain() runs again. `on_worker_death` is "fail-task", "retry" or "break". If `keeps_workers`, there are always as many workers
    /// as there may be; otherwise they are started as calls come.
    #[new]
    #[pyo3(signature = (family, most, on_worker_death, retries, keeps_workers))]
    fn new(
        family: &Family,
        most: (usize, usize, Option<u32>),
        on_worker_death: &str,
        retries: u32,
        keeps_workers: bool,
    ) -> PyResult<Self> {
        let (max_workers, max_pending, max_tasks_per_child) = most;
        let on_worker_death = match on_worker_death {
            "fail-task" => OnWorkerDeath::FailTask,
            "retry" => OnWorkerDeath::Retry,
            "break" => OnWorkerDeath::Break,
            other => {
                let message =
                    format!("on_worker_death must be 'fail-task', 'retry' or 'break', not {other:?}");
                return Err(PyValueError::new_err(message));
            }
        };
        let settings = Settings {
            workers: max_workers,
            max_pending,
            calls_per_worker: max_tasks_per_child,
            on_worker_death,
            keeps_workers,
        };
        let engine = Arc::new(RemoteCalls::new(family.arena(), settings).map_err(refused)?);
        let mut pools = POOLS.lock();
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(&engine));
        drop(pools);
        Ok(ProcessPool {
            engine,
            is_bounded: max_pending > 0,
            retries,
            manager: AtomicU64::new(0),
        })
    }

    /// Submit a call whose worker gets `payload`, which is what `dump()` of `_pickling` returns, for this future. Returns None, or why the pool does not take it: "shutdown",
    /// "parent", or the death by which it broke. Blocks while `max_pending` calls wait; but the thread in manage() never does, because the
    /// pool gets on by it, and neither does the end of another future, by which a call that was held is submitted.
    ///
    /// `limits`: the priority, the seconds that it may run, and how often it may run again. `is_held`: the call was held; threads may wait for
    /// its future, or it may have callbacks.
    #[pyo3(signature = (future, payload, limits, is_held = false))]
    fn submit<'py>(
        &self,
        future: &Bound<'py, Future>,
        payload: Bound<'py, PyAny>,
        limits: (i64, Option<f64>, u32),
        is_held: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = future.py();
        let (priority, timeout, retries) = limits;
        let call = call_of(&self.engine, payload, limits_of(priority, timeout, retries))?;
        if !future
            .get()
            .becomes_remote(Remote::new(self.engine.clone(), call.clone()))
        {
            return Err(PyRuntimeError::new_err("the future has a call already"));
        }
        let placed = if is_held || self.is_managed_here() {
            self.engine.submit_unbounded(&call)
        } else {
            blocking::go_on_waiting(py, Deadline::NEVER, |context| self.engine.submit(&call, context))?
        };
        match placed {
            Ok(()) if is_held => attend(future).map(|()| None),
            Ok(()) => Ok(None),
            Err(unplaced) => refusal_of(py, unplaced).map(Some),
        }
    }

    /// Submit a call that needs no pickler, and return its future. Returns None, and does nothing, for any other call, and if the pool takes no
    /// calls, or has a bound for those that wait. Calls `start(future)` if workers are missing.
    fn submit_plain<'py>(
        &self,
        start: &Bound<'py, PyAny>,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Option<Bound<'py, Future>>> {
        if self.is_bounded || self.engine.is_shut_down() || self.engine.is_of_parent() {
            return Ok(None);
        }
        let py = start.py();
        let Some(message) = plain_call::encoded(function, args, kwargs)? else {
            return Ok(None);
        };
        let limits = Limits {
            retries: self.retries,
            ..Limits::default()
        };
        let call = Call::new(self.engine.arena(), &[&message], limits).map_err(refused)?;
        let future = new_future(py)?;
        future
            .get()
            .becomes_remote(Remote::new(self.engine.clone(), call.clone()));
        let mut now = WaitContext::until(Deadline::PASSED);
        if self.engine.submit(&call, &mut now).is_err() {
            return Ok(None); // the other way says why
        }
        if self.engine.missing_workers() > 0 {
            start.call1((&future,))?;
        }
        Ok(Some(future))
    }

    /// Take the call of a future that was submitted out of the pool again: the caller says what becomes of the future. Returns False, and does nothing,
    /// if a worker has taken it.
    fn withdraw(&self, future: &Bound<'_, Future>) -> bool {
        let remote = future.get().remote().filter(|it| it.is_of(&self.engine));
        remote.is_some_and(Remote::withdraw)
    }

    /// Return whether the call of a future was submitted to this pool.
    fn has(&self, future: &Bound<'_, Future>) -> bool {
        future.get().remote().is_some_and(|it| it.is_of(&self.engine))
    }

    /// Begin to watch the workers, though no call was submitted.
    fn supervise(&self) -> PyResult<()> {
        self.engine.supervise().map_err(|_| no_thread())
    }

    /// Take the answers that have come to all pools, so that a child which is about to be forked has them. Does not block.
    #[staticmethod]
    fn take_answers() {
        let pools: Vec<_> = POOLS.lock().iter().filter_map(Weak::upgrade).collect();
        pools.iter().for_each(|pool| pool.look());
    }

    /// Return whether the pool belongs to the process that forked this one, which can't use it.
    fn is_of_parent(&self) -> bool {
        self.engine.is_of_parent()
    }

    /// Return how many workers to start now.
    fn missing_workers(&self) -> usize {
        self.engine.missing_workers()
    }

    /// Have so many workers at most from now on.
    fn set_limit(&self, limit: usize) {
        self.engine.set_limit(limit);
    }

    /// A seat for one more worker, or None if there are enough.
    fn add_worker(&self) -> PyResult<Option<ProcessSeat>> {
        let seat = self.engine.add_worker().map_err(refused)?;
        Ok(seat.map(ProcessSeat))
    }

    /// Say that the process for a seat was started, and has this id and place in the family; None if it was not started.
    #[pyo3(signature = (seat, pid = None, place = None))]
    fn started(&self, seat: usize, pid: Option<u32>, place: Option<u32>) {
        self.engine.started(seat, pid.zip(place.map(Name::of_word)));
    }

    /// Say that no worker can be started, and why: if there are none, all calls fail.
    fn give_up(&self, why: &[u8]) {
        self.engine.give_up(why);
    }

    /// Do what the pool needs the interpreter for, until it is at its end: settle futures that have callbacks, call
    /// attendants, and call `start(seat)` when a
    /// worker is wanted (`start(error)` if there is no room for it), `ended(pid)` when one has ended, which returns its exit code, if that is known, and `broke(death)` when the pool breaks. Blocks until then.
    fn manage(
        &self,
        py: Python<'_>,
        start: &Bound<'_, PyAny>,
        ended: &Bound<'_, PyAny>,
        broke: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        // Relaxed: only that thread itself finds its own number there. It stays when this returns: as a rule the
        // pool accepts no calls any more, and a later thread with the same number would at most not wait for room.
        self.manager
            .store(ThreadIdent::current().get(), Ordering::Relaxed);
        loop {
            let duty = blocking::wait(py, Deadline::NEVER, |context| self.engine.next_duty(context))?;
            match duty {
                Some(Duty::Attend(call)) => {
                    if let Some(host) = call.take_host()
                        && let Err(error) = hear(host.bind(py))
                    {
                        // The callbacks of one call do not end the pool.
                        report(host.bind(py), error);
                    }
                }
                Some(Duty::Room(host)) => hear(host.bind(py))?,
                Some(Duty::Start) => match self.engine.add_wanted_worker() {
                    Ok(Some(seat)) => drop(start.call1((ProcessSeat(seat),))?),
                    Ok(None) => {}
                    Err(error) => drop(start.call1((errors::exception(py, refused(error)),))?),
                },
                Some(Duty::Ended { pid, .. }) => {
                    let code: Option<i32> = ended.call1((pid,))?.extract()?;
                    if code.is_some_and(|code| (0..UNKNOWN).contains(&code)) {
                        self.engine.exited(pid);
                    }
                }
                Some(Duty::Broken(death)) => drop(broke.call1((told(py, &death)?,))?),
                Some(Duty::Finished) | None => return Ok(()),
            }
        }
    }

    /// Take no more calls; the workers end when those that are there have ended. Does not block.
    fn shutdown(&self) {
        self.engine.shutdown();
    }

    /// Start no more workers, and let no call run again: the host ends the workers.
    fn abandon(&self) {
        self.engine.abandon();
    }

    /// Cancel the calls that wait, and return how many there were. manage() settles the futures that have callbacks, and calls attendants.
    fn cancel_waiting(&self) -> usize {
        self.engine.cancel_waiting().len()
    }

    /// How many calls wait, or lie with workers. A call whose future is done is not one of them.
    fn pending(&self) -> usize {
        self.engine.pending()
    }

    /// The ids of the worker processes.
    fn processes(&self) -> Vec<u32> {
        self.engine.processes()
    }

    /// Wait until `number` calls have ended, and return how many have. Blocks for at most `timeout` seconds.
    fn wait_for_ended(&self, py: Python<'_>, number: u64, timeout: f64) -> PyResult<u64> {
        let deadline = Deadline::after(Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX));
        blocking::wait(py, deadline, |context| {
            self.engine.wait_for_ended(number, context)
        })
    }

    /// The ids of the worker processes, and for how many seconds each was busy.
    #[expect(clippy::cast_precision_loss, reason = "exact for a hundred days")]
    fn busy(&self) -> Vec<(u32, f64)> {
        let busy = self.engine.busy().into_iter();
        busy.map(|(pid, nanos)| (pid, nanos as f64 / 1e9)).collect()
    }

    /// The death by which the pool broke, or None.
    fn broken<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        self.engine.broken().map(|death| told(py, &death)).transpose()
    }

    /// The numbers of calls submitted, running, waiting, done, and failed, and of workers. Failed calls count as done too.
    fn counts(&self) -> (u64, u64, usize, u64, u64, usize) {
        self.engine.look();
        let stats = self.engine.stats();
        (
            stats.submitted,
            stats.running,
            stats.waiting,
            stats.done + stats.dropped,
            stats.failed,
            stats.workers,
        )
    }
}

impl ProcessPool {
    fn is_managed_here(&self) -> bool {
        // Relaxed: see `manage`.
        self.manager.load(Ordering::Relaxed) == ThreadIdent::current().get()
    }

    pub(super) fn engine(&self) -> &Arc<RemoteCalls> {
        &self.engine
    }
}

/// Called when a call has ended: settles its future, or calls its attendant.
pub(super) fn hear(host: &Bound<'_, PyAny>) -> PyResult<()> {
    match host.cast::<Future>() {
        Ok(future) => hear_of_end(future),
        Err(_) => host.call0().map(drop),
    }
}

pub(super) fn limits_of(priority: i64, timeout: Option<f64>, retries: u32) -> Limits {
    Limits {
        priority,
        time: timeout.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)),
        retries,
    }
}

/// Creates a call. The worker gets `payload`: bytes, or a pickle and its buffers.
pub(super) fn call_of(
    engine: &RemoteCalls,
    payload: Bound<'_, PyAny>,
    limits: Limits,
) -> PyResult<Arc<Call<RemoteHost>>> {
    let py = payload.py();
    let payload = Pickle::of(payload)?;
    let made = payload
        .outgoing()
        .with_aside(py, |parts| Call::new(engine.arena(), parts, limits));
    made.map_err(refused)
}

/// Converts the reason why a call was not accepted to the result of `submit()`.
pub(super) fn refusal_of(py: Python<'_>, unplaced: Unplaced) -> PyResult<Bound<'_, PyAny>> {
    match unplaced {
        Unplaced::ShutDown | Unplaced::Full | Unplaced::Interrupted => {
            Ok("shutdown".into_pyobject(py)?.into_any())
        }
        Unplaced::OfParent => Ok("parent".into_pyobject(py)?.into_any()),
        Unplaced::Broken(death) => Ok(told(py, &death)?.into_any()),
        Unplaced::NoThread(_) => Err(no_thread()),
    }
}

/// Returns the exception that `Thread.start()` raises if no other thread can be started.
fn no_thread() -> PyErr {
    PyRuntimeError::new_err("can't start new thread")
}
