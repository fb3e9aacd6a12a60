//! A job of `multiprocessing.Pool`: one or more calls, whose answers are asked for together.

use interlock_pool::process::Call;
use interlock_pool::{Waited, Watch};
use interlock_queue::HostQueue;
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::pool::{ProcessPool, call_of, hear, limits_of, refusal_of};
use super::turn::{Taker, Turn};
use crate::blocking;
use crate::convert::Timeout;
use crate::engine::StateLock;
use crate::futures::{Answer, Read, RemoteCalls, RemoteHost, SecondTry, Sent, never_ends, read_again};
use crate::multiprocessing::{Outgoing, refused};
use crate::raw::Attached;

/// The calls of one job, numbered in the order in which they were submitted. Their answers wait here, as they came, for a thread that asks.
///
/// `answer(kind, data, payload)` makes results of them, as for futures.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct ProcessJob {
    engine: Arc<RemoteCalls>,
    answer: Py<PyAny>,
    calls: Attached<StateLock<Calls>>,
    /// Gets the number of each call that has ended, if answers are asked for as they arrive.
    arrivals: Option<Arc<Watch>>,
    /// Also gets that number, if calls are submitted as others end.
    room: Option<Arc<Watch>>,
    turn: Turn,
}

#[derive(Default)]
struct Calls {
    /// `None`: the answer was taken, or there never was a call.
    all: Vec<Option<Arc<Call<RemoteHost>>>>,
    /// The calls from here on have ended.
    ended_from: usize,
    /// The answers that were taken, but for whose results a signal handler's exception was raised.
    kept: Vec<(usize, Kept)>,
}

enum Kept {
    /// A thread unpickles the answer once more.
    Coming(Arc<SecondTry>),
    /// What it has got.
    Answer(Answer),
}

#[pymethods]
impl ProcessJob {
    /// A job without calls. `as_they_arrive`: for next_ended(); `is_fed`: for next_room().
    #[new]
    #[pyo3(signature = (pool, answer, as_they_arrive = false, is_fed = false))]
    fn new(pool: &ProcessPool, answer: Py<PyAny>, as_they_arrive: bool, is_fed: bool) -> Self {
        ProcessJob {
            engine: pool.engine().clone(),
            answer,
            calls: Attached::new(StateLock::new(Calls::default())),
            arrivals: as_they_arrive.then(|| Arc::new(Watch::new(0))),
            room: is_fed.then(|| Arc::new(Watch::new(0))),
            turn: Turn::new(),
        }
    }

    /// Submit one more call, whose worker gets `payload`: what `dump()` of `_pickling` returns, or, if `is_packed`, bytes that the worker
    /// makes a call of by its `unpack`. When it has ended, manage() of the pool calls `attendant`, unless that is
    /// None. `limits`: the seconds that it may run, and how often it may run again. Returns None, or why the pool does not take it, as
    /// ProcessPool.submit() does. Does not block.
    #[pyo3(signature = (payload, attendant = None, limits = (None, 0), is_packed = false))]
    fn submit<'py>(
        &self,
        payload: &Bound<'py, PyAny>,
        attendant: Option<Py<PyAny>>,
        limits: (Option<f64>, u32),
        is_packed: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = payload.py();
        let limits = limits_of(0, limits.0, limits.1);
        let call = match Outgoing::plain(payload).filter(|_| is_packed) {
            Some(packed) => packed
                .with_aside(py, |parts| Call::new(self.engine.arena(), parts, limits))
                .map_err(refused)?,
            None => call_of(&self.engine, payload.clone(), limits)?,
        };
        let number = self.add(py, Some(call.clone()));
        for watch in self.watches() {
            call.watch(watch, number);
        }
        if self.watches().next().is_some() || attendant.is_some() {
            self.engine.await_answer(&call, attendant);
        }
        let placed =
            blocking::go_on_waiting(py, Deadline::NEVER, |context| self.engine.submit(&call, context))?;
        match placed {
            Ok(()) => Ok(None),
            Err(unplaced) => {
                self.withdraw(py, &call);
                refusal_of(py, unplaced).map(Some)
            }
        }
    }

    /// Add a call that has ended before it was submitted. Its answer can't be asked for.
    fn skip(&self, py: Python<'_>) {
        let number = self.add(py, None);
        for watch in self.watches() {
            let _ = watch.try_put(number); // it has no bound
        }
    }

    /// Make one next_ended() return -1.
    fn wake(&self) {
        if let Some(arrivals) = &self.arrivals {
            let _ = arrivals.try_put(WAKE);
        }
    }

    /// End all calls that have not ended: those that wait are cancelled, and those that run, too, whose processes are ended; others take their
    /// places. Does not block.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        if self.engine.is_of_parent() {
            return Ok(());
        }
        let open: Vec<_> = {
            let calls = self.calls.get(py).lock();
            let all = calls.all.iter().flatten();
            all.filter(|call| !call.phase().is_done()).cloned().collect()
        };
        for call in open {
            if self.engine.cancel_running(&call)
                && let Some(host) = call.take_host()
            {
                hear(host.bind(py))?;
            }
        }
        Ok(())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.calls.get(py).lock().all.len()
    }

    /// Return how many calls have not ended. Does not block.
    fn unfinished(&self, py: Python<'_>) -> usize {
        self.engine.look();
        let calls = self.calls.get(py).lock();
        let open = calls.all.iter().flatten();
        open.filter(|call| !call.phase().is_done()).count()
    }

    /// Wait until all calls have ended, and return whether they have. Blocks for at most `timeout` seconds (None: without limit).
    #[pyo3(signature = (timeout = None))]
    fn wait(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        self.engine.look();
        if self.last_open(py).is_none() {
            return Ok(true);
        }
        let deadline = Timeout::of(timeout)?.deadline()?;
        while let Some(call) = self.last_open(py) {
            if !self.wait_until(py, &call, deadline)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Do the same for the call with this number.
    #[pyo3(signature = (number, timeout = None))]
    fn wait_for(&self, py: Python<'_>, number: usize, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let call = self.calls.get(py).lock().all.get(number).cloned().flatten();
        match call {
            Some(call) if !call.phase().is_done() => {
                let deadline = Timeout::of(timeout)?.deadline()?;
                self.wait_until(py, &call, deadline)
            }
            _ => Ok(true),
        }
    }

    /// Append to `into` the number of a call that has ended, each once, in the order of their ends, or -1 after a wake(). Returns whether
    /// one ended in time. Blocks for at most `timeout` seconds (None: without limit). (Returned by a method, a number would be lost if a
    /// signal handler raised right behind the call.)
    #[pyo3(signature = (into, timeout = None))]
    fn next_ended(&self, into: &Bound<'_, PyList>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let number = self.next_of(into.py(), self.arrivals.as_ref(), timeout)?;
        number.map_or(Ok(false), |number| into.append(number).map(|()| true))
    }

    /// The number of a call that has ended, as above, for the thread that submits calls as others end. That thread handles no signals.
    #[pyo3(signature = (timeout = None))]
    fn next_room(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<isize>> {
        self.next_of(py, self.room.as_ref(), timeout)
    }

    /// Take the turn to read results, and append to `held` how often this thread has it then; once more only if `again`. Returns whether it
    /// got it. Blocks while another thread has it, for at most `timeout` seconds (None: without limit).
    #[pyo3(signature = (held, timeout = None, again = false))]
    fn enter(
        &self,
        held: &Bound<'_, PyList>,
        timeout: Option<&Bound<'_, PyAny>>,
        again: bool,
    ) -> PyResult<bool> {
        let py = held.py();
        let (count, waited) = self.turn.take(py, timeout, again)?;
        if count > 0
            && let Err(error) = held.append(count)
        {
            self.turn.leave(py)?;
            return Err(error);
        }
        waited.map(|()| count > 0)
    }

    /// Give the turn back, if enter() has appended to `held`.
    fn leave(&self, held: &Bound<'_, PyList>) -> PyResult<()> {
        match held.is_empty() {
            true => Ok(()),
            false => self.turn.leave(held.py()),
        }
    }

    /// The thread that has the turn: None, "this", "another", or "gone", which is one of the process that forked this one.
    fn taker(&self, py: Python<'_>) -> Option<&'static str> {
        self.turn.taker(py).map(|taker| match taker {
            Taker::This => "this",
            Taker::Another => "another",
            Taker::Gone => "gone",
        })
    }

    /// Append to `into` the result of a call that has ended, or what `answer()` makes of another end. Its answer is gone then.
    /// But if a signal handler raises meanwhile, this raises that, and the next call appends the result. (Returned by a method, it would be
    /// lost if a handler raised right behind the call.)
    fn read(slf: &Bound<'_, Self>, number: usize, into: &Bound<'_, PyList>) -> PyResult<()> {
        into.append(result_of(slf, number)?)
    }
}

/// Takes the result of a call, or what `answer()` makes of another end.
#[inline]
fn result_of<'py>(slf: &Bound<'py, ProcessJob>, number: usize) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let (call, is_kept) = {
        let mut calls = slf.get().calls.get(py).lock();
        let call = calls.all.get_mut(number).and_then(Option::take);
        (call, !calls.kept.is_empty())
    };
    let answered = slf.get().answer.bind(py);
    let Some((call, answer)) = call.as_ref().and_then(|call| Some((call, call.take_answer()?))) else {
        return match is_kept {
            true => kept_result(slf, number)?,
            false => None,
        }
        .map_or_else(|| answered.call1(("cancelled", py.None(), py.None())), Ok);
    };
    match Sent::of(py, answered, call, answer)?.read(py) {
        Read::Answer(answer) => Ok(answer.into_object().into_bound(py)),
        Read::Raised(error, sent) => read_once_more(slf, number, error, sent),
    }
}

/// Lets another thread unpickle an answer: unpickling has raised on the main thread.
#[cold]
fn read_once_more<'py>(
    slf: &Bound<'py, ProcessJob>,
    number: usize,
    error: PyErr,
    sent: Sent,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let second = Arc::new(SecondTry::new());
    slf.get().keep(py, number, Kept::Coming(second.clone()));
    let job = slf.clone().unbind();
    read_again(py, error, sent, &second, move |py, answer| {
        job.get().keep(py, number, Kept::Answer(answer));
    })?;
    kept_result(slf, number)?.ok_or_else(|| PyRuntimeError::new_err("another thread has taken the result"))
}

/// Takes out an answer that was kept. Blocks while another thread unpickles it.
#[cold]
fn kept_result<'py>(slf: &Bound<'py, ProcessJob>, number: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = slf.py();
    while let Some(kept) = slf.get().take_kept(py, number) {
        match kept {
            Kept::Answer(answer) => return Ok(Some(answer.into_object().into_bound(py))),
            Kept::Coming(second) => second.wait(py)?,
        }
    }
    Ok(None)
}

/// The value that `wake()` puts among the numbers.
const WAKE: usize = usize::MAX;

impl ProcessJob {
    /// Keeps an answer for the next thread that asks for it.
    fn keep(&self, py: Python<'_>, number: usize, kept: Kept) {
        let mut calls = self.calls.get(py).lock();
        let before = calls.kept.iter().position(|(other, _)| *other == number);
        let before = before.map(|at| calls.kept.swap_remove(at));
        calls.kept.push((number, kept));
        drop(calls);
        drop(before);
    }

    /// Takes out an answer that was kept. One that is still to come stays.
    fn take_kept(&self, py: Python<'_>, number: usize) -> Option<Kept> {
        let mut calls = self.calls.get(py).lock();
        let at = calls.kept.iter().position(|(other, _)| *other == number)?;
        if let (_, Kept::Coming(second)) = &calls.kept[at] {
            return Some(Kept::Coming(second.clone()));
        }
        let (_, kept) = calls.kept.swap_remove(at);
        Some(kept)
    }

    fn watches(&self) -> impl Iterator<Item = &Arc<Watch>> {
        self.arrivals.iter().chain(&self.room)
    }

    fn next_of(
        &self,
        py: Python<'_>,
        watch: Option<&Arc<Watch>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<isize>> {
        let Some(watch) = watch else {
            return Ok(None);
        };
        if watch.is_empty() {
            self.engine.look();
        }
        let number = match watch.try_get() {
            Ok(number) => Some(number),
            Err(_) => {
                let deadline = Timeout::of(timeout)?.deadline()?;
                if deadline == Deadline::NEVER && self.engine.is_of_parent() {
                    return Err(never_ends());
                }
                blocking::wait(py, deadline, |context| watch.get_with(context))?.ok()
            }
        };
        // WAKE becomes -1.
        Ok(number.map(usize::cast_signed))
    }

    fn add(&self, py: Python<'_>, call: Option<Arc<Call<RemoteHost>>>) -> usize {
        let mut calls = self.calls.get(py).lock();
        calls.all.push(call);
        calls.ended_from = calls.all.len();
        calls.all.len() - 1
    }

    /// Removes a call that the pool did not accept.
    fn withdraw(&self, py: Python<'_>, call: &Arc<Call<RemoteHost>>) {
        self.engine.cancel(call);
        let host = call.take_host();
        let withdrawn = {
            let mut calls = self.calls.get(py).lock();
            let at = calls
                .all
                .iter()
                .rposition(|it| it.as_ref().is_some_and(|it| Arc::ptr_eq(it, call)));
            let withdrawn = at.map(|at| calls.all.remove(at));
            calls.ended_from = calls.all.len();
            withdrawn
        };
        drop((host, withdrawn));
    }

    /// Returns the last call that has not ended.
    fn last_open(&self, py: Python<'_>) -> Option<Arc<Call<RemoteHost>>> {
        let mut calls = self.calls.get(py).lock();
        while let Some(before) = calls.ended_from.checked_sub(1) {
            if let Some(call) = &calls.all[before]
                && !call.phase().is_done()
            {
                return Some(call.clone());
            }
            calls.ended_from = before;
        }
        None
    }

    fn wait_until(&self, py: Python<'_>, call: &Arc<Call<RemoteHost>>, deadline: Deadline) -> PyResult<bool> {
        if deadline == Deadline::NEVER && self.engine.is_of_parent() {
            return Err(never_ends());
        }
        let waited = blocking::wait(py, deadline, |context| self.engine.wait(call, context))?;
        Ok(matches!(waited, Waited::Done | Waited::Retired))
    }
}
