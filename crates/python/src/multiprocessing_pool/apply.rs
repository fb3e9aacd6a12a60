//! A worker's side of `apply_async()`.

use interlock_wait::primitive::Arc;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::result::AsyncResult;
use super::state::State;
use crate::futures::Answer;
use crate::raw::Attached;

/// `apply_async()`.
pub(super) struct Apply {
    pub(super) function: Py<PyAny>,
    pub(super) args: Py<PyAny>,
    pub(super) kwds: Py<PyAny>,
    pub(super) result: Py<AsyncResult>,
}

impl Apply {
    pub(super) fn run(self, py: Python<'_>, state: &Arc<Attached<State>>) {
        let pool = state.get(py);
        if pool.is_terminated() {
            return pool.abandon(self.result.bind(py), pool.reason(py));
        }
        let answer = Answer::of(py, call(py, &self.function, &self.args, &self.kwds));
        // Release the arguments of the call before its result is delivered.
        drop((self.function, self.args, self.kwds));
        State::deliver(state, self.result, py, answer);
    }

    pub(super) fn abandon(&self, py: Python<'_>, state: &State, reason: Answer) {
        state.abandon(self.result.bind(py), reason);
    }
}

fn call<'py>(
    py: Python<'py>,
    function: &Py<PyAny>,
    args: &Py<PyAny>,
    kwds: &Py<PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let args = match args.bind(py).cast::<PyTuple>() {
        Ok(args) => args.clone(),
        Err(_) => PyTuple::new(py, args.bind(py).try_iter()?.collect::<PyResult<Vec<_>>>()?)?,
    };
    let kwds = match kwds.bind(py).cast::<PyDict>() {
        Ok(kwds) if kwds.is_empty() => return function.bind(py).call1(args),
        Ok(kwds) => kwds.clone(),
        Err(_) => {
            let kwds = py.get_type::<PyDict>().call1((kwds,))?;
            kwds.cast_into::<PyDict>()?
        }
    };
    function.bind(py).call(args, Some(&kwds))
}
