//! Operations of code that waits for futures, whether they are native or materialized.

use interlock_pool::Watch;
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;

use super::answer::Answer;
use super::future::{Future, seconds_left};
use super::remote;
use super::watcher::Watcher;
use crate::materialize::{function, native, standard};
use crate::raw::intern;

/// Waits for the answer of a future, which may be another library's. Blocks until it is done, or until `deadline`.
///
/// # Errors
/// The future was not done in time, it was cancelled, or a signal handler raised.
pub(super) fn answer_until(future: &Bound<'_, PyAny>, deadline: Deadline) -> PyResult<Answer> {
    let py = future.py();
    if let Ok(future) = future.cast::<Future>() {
        remote::wait(future, || Ok(deadline))?;
    }
    if let Ok(future) = future.cast::<Future>()
        && let Some(answer) = native(future, |future| future.wait_native(py, deadline))?
            .transpose()?
            .flatten()
    {
        return Ok(answer);
    }
    let exception = future.call_method1(intern!(py, "exception"), (seconds_left(py, deadline)?,))?;
    if exception.is_none() {
        let result = future.call_method1(intern!(py, "result"), (0,))?;
        Ok(Answer::Result(result.unbind()))
    } else {
        Ok(Answer::Exception(exception.unbind()))
    }
}

/// Registers `watch` for the end of a future if the future is native, and returns whether it is.
pub(super) fn watch(slf: &Bound<'_, Future>, watch: &Arc<Watch>, number: usize) -> PyResult<bool> {
    remote::settle(slf)?;
    native(slf, |future| match remote::unsettled(slf) {
        Some(remote) if !remote.is_managed() => remote.watch(watch, number),
        _ => future.engine(slf.py()).watch(watch, number),
    })
    .map(|watched| watched.is_some())
}

/// Called when `watch` got the number of a future. Returns whether the future is done. If it got callbacks meanwhile,
/// the pool's manager has yet to settle it: then the watch gets the number once more.
#[inline]
pub(super) fn is_done_or_watched(
    slf: &Bound<'_, Future>,
    watch: &Arc<Watch>,
    number: usize,
) -> PyResult<bool> {
    if remote::report_end(slf) {
        return Ok(true);
    }
    match native(slf, |future| future.engine(slf.py()).watch(watch, number))? {
        Some(()) => Ok(false),
        None => {
            let watcher = Watcher::new(watch.clone(), number);
            let watched = function(slf, intern!(slf.py(), "watch"))?.call1((slf, watcher))?;
            Ok(!watched.is_truthy()?)
        }
    }
}

/// Removes a watch from a future, even if the future has been materialized since.
pub(super) fn unwatch(slf: &Bound<'_, Future>, watch: &Arc<Watch>) -> PyResult<()> {
    if let Some(remote) = slf.get().remote() {
        remote.unwatch(watch);
    }
    match native(slf, |future| future.engine(slf.py()).unwatch(watch))? {
        Some(()) => Ok(()),
        None => function(slf, intern!(slf.py(), "unwatch"))?
            .call1((slf, Watcher::new(watch.clone(), 0)))
            .map(drop),
    }
}

/// Returns whether a future that is done has an exception.
pub(super) fn has_failed(slf: &Bound<'_, Future>) -> PyResult<bool> {
    remote::wait(slf, || Ok(Deadline::NEVER))?;
    let is_exception = |answer: &Answer| matches!(answer, Answer::Exception(_));
    match native(slf, |future| future.engine(slf.py()).value(is_exception))? {
        Some(failed) => Ok(failed == Some(true)),
        None if Future::cancelled(slf)?.is_truthy()? => Ok(false),
        None => Ok(!standard(slf, intern!(slf.py(), "exception"), (slf,))?.is_none()),
    }
}
