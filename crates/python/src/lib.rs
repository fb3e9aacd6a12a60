//! The extension module `interlock._interlock`: Python's view of the engine.
//!
//! A method here converts its arguments, calls the engine, and converts the result. What waits goes through
//! `blocking::wait`, the one place that detaches from the interpreter.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![allow(
    rustdoc::bare_urls,
    reason = "what documents a Python class is read in Python, as plain text"
)]

mod barrier;
mod blocking;
mod condition;
mod convert;
mod errors;
mod event;
mod futures;
mod hot;
mod imported;
mod lock;
mod made;
mod mapping;
mod openable;
mod queue;
mod raw;
mod rlock;
mod semaphore;
mod stand_in;
mod standard;
mod standard_type;

use pyo3::prelude::*;

/// The whole tree of the extension module.
#[pymodule(gil_used = false)]
mod _interlock {
    #[pymodule_export]
    use crate::barrier::Barrier;
    #[pymodule_export]
    use crate::condition::Condition;
    #[pymodule_export]
    use crate::event::Event;
    #[pymodule_export]
    use crate::futures::{
        Alarm, Alarms, Completed, CurrentTask, Future, Results, Seat, ThreadPool, WaitingCalls, Watcher,
        current_task, remember_future_class, remember_work_items, wait_for_futures,
    };
    #[pymodule_export]
    use crate::hot::own_methods;
    #[pymodule_export]
    use crate::mapping::{AsyncResult, Gathered, MappingDelivery, MappingPool, MappingSeat};
    #[pymodule_export]
    use crate::openable::{Inside, Openable};
    #[pymodule_export]
    use crate::queue::{Queue, Registration, SimpleQueue, remember_queue_classes};
    #[pymodule_export]
    use crate::raw::set_metaclass;
    #[pymodule_export]
    use crate::rlock::RLock;
    #[pymodule_export]
    use crate::semaphore::Semaphore;
    #[pymodule_export]
    use crate::stand_in::StandIn;
    #[pymodule_export]
    use crate::standard::Standard;

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::standard_type::remember(module.py())?;
        crate::errors::remember(module.py())?;
        crate::blocking::prepare(module.py())?;
        crate::hot::rely_on_interpreter_lock();
        crate::hot::methods::install(module.py())?;
        module.add("Lock", module.py().get_type::<crate::lock::Lock>())?;
        // By its Python name it is `threading.Lock` up to 3.12, where pickles look for it.
        module.add(
            "allocate_lock",
            wrap_pyfunction!(crate::lock::allocate_lock, module)?,
        )?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
