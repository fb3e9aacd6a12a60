//! The executors that exist: a fork and the exit of the interpreter concern all of them.

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use crate::engine::StateLock;
use crate::raw::Attached;

/// Each executor that was native when it was initialized, by the address of its part in the engine, which takes it out
/// before it is freed.
static LIVING: Attached<StateLock<BTreeMap<usize, Py<PyWeakrefReference>>>> =
    Attached::new(StateLock::new(BTreeMap::new()));

/// Remembers an executor until [`forget`].
pub(super) fn remember<T>(pool: &T, executor: &Bound<'_, PyWeakrefReference>) {
    let executor_of = executor.clone().unbind();
    LIVING
        .get(executor.py())
        .lock()
        .insert(std::ptr::from_ref(pool).addr(), executor_of);
}

/// Forgets an executor that is being freed, if it was remembered.
pub(super) fn forget<T>(py: Python<'_>, pool: &T) {
    // The weak reference is freed when the lock is released.
    let forgotten = LIVING.get(py).lock().remove(&std::ptr::from_ref(pool).addr());
    drop(forgotten);
}

/// Return the living executors that were native when they were made.
#[pyfunction]
pub(crate) fn executors(py: Python<'_>) -> Vec<Py<PyAny>> {
    let clone = |executor: &Py<PyWeakrefReference>| executor.clone_ref(py);
    let all: Vec<_> = LIVING.get(py).lock().values().map(clone).collect();
    let living = all.into_iter().filter_map(|executor| executor.bind(py).upgrade());
    living.map(Bound::unbind).collect()
}
