//! Puts the fast functions before the methods of the classes.

use pyo3::prelude::*;
use pyo3::types::PyType;

use super::forwarded;
use super::instances::{install_short_ways, make_method_descriptors};
use super::locks::{
    LOCK_ACQUIRE, LOCK_ENTER, LOCK_EXIT, LOCK_LOCKED, LOCK_RELEASE, RLOCK_ACQUIRE, RLOCK_ENTER, RLOCK_EXIT,
    RLOCK_RELEASE,
};
use super::method::FastMethod;
use super::queues::{
    QUEUE_GET, QUEUE_PUT, SIMPLE_EMPTY, SIMPLE_GET, SIMPLE_GET_NOWAIT, SIMPLE_PUT, SIMPLE_PUT_NOWAIT,
    SIMPLE_QSIZE,
};
use super::shared;
use crate::lock::Lock;
use crate::materialize::{Internal, Native};
use crate::multiprocessing::{SharedLock, SharedQueue, SharedValue};
use crate::queue::{Queue, SimpleQueue};
use crate::rlock::RLock;

/// Puts the fast functions before the methods of the classes.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    let ordinary = |class: &Bound<'_, PyType>, methods: &[&'static FastMethod]| {
        methods.iter().try_for_each(|method| method.install(class))
    };
    let special = |class: &Bound<'_, PyType>, methods: &[&'static FastMethod]| {
        methods
            .iter()
            .try_for_each(|method| method.install_special(class))
    };
    let (lock, rlock) = (py.get_type::<Lock>(), py.get_type::<RLock>());
    ordinary(&lock, &[&LOCK_ACQUIRE, &LOCK_RELEASE, &LOCK_LOCKED])?;
    special(&lock, &[&LOCK_ENTER, &LOCK_EXIT])?;
    ordinary(&rlock, &[&RLOCK_ACQUIRE, &RLOCK_RELEASE])?;
    special(&rlock, &[&RLOCK_ENTER, &RLOCK_EXIT])?;
    let (lock, queue) = (py.get_type::<SharedLock>(), py.get_type::<SharedQueue>());
    ordinary(
        &lock,
        &[
            &shared::LOCK_ACQUIRE,
            &shared::LOCK_ENTER,
            &shared::LOCK_RELEASE,
            &shared::LOCK_EXIT,
        ],
    )?;
    ordinary(
        &py.get_type::<SharedValue>(),
        &[
            &shared::VALUE_ACQUIRE,
            &shared::VALUE_RELEASE,
            &shared::VALUE_ENTER,
            &shared::VALUE_EXIT,
            &shared::VALUE_GET_LOCK,
        ],
    )?;
    ordinary(&queue, &[&shared::QUEUE_GET, &shared::QUEUE_PUT])?;
    ordinary(&py.get_type::<Native>(), &[&forwarded::SET_ATTRIBUTE])?;
    ordinary(&py.get_type::<Queue>(), &[&QUEUE_PUT, &QUEUE_GET])?;
    ordinary(
        &py.get_type::<SimpleQueue>(),
        &[
            &SIMPLE_PUT,
            &SIMPLE_PUT_NOWAIT,
            &SIMPLE_GET,
            &SIMPLE_GET_NOWAIT,
            &SIMPLE_QSIZE,
            &SIMPLE_EMPTY,
        ],
    )?;
    for (class, methods) in forwarded::all(py) {
        ordinary(&class, methods)?;
    }
    make_method_descriptors(&py.get_type::<Internal>());
    // Up to 3.12 the class of locks cannot be called: a function creates locks.
    if cfg!(Py_3_13) {
        install_short_ways::<Lock>(py)?;
    }
    install_short_ways::<SimpleQueue>(py)
}
