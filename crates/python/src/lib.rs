//! The extension module `interlock._interlock`: Python's view of the engine.
//!
//! A method here converts its arguments, calls the engine, and converts the result. Every wait goes through
//! `blocking::wait`, the one place that detaches from the interpreter.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]
#![allow(
    rustdoc::bare_urls,
    reason = "Python shows the documentation of a class as plain text"
)]

mod barrier;
mod blocking;
mod condition;
mod convert;
mod data_stack_cache;
mod engine;
mod engine_waiter;
mod errors;
mod event;
mod fastcall;
mod futures;
mod imported;
mod initialized;
mod lifecycle;
mod lock;
mod lock_types;
mod materialize;
mod mirrored;
mod multiprocessing;
mod multiprocessing_pool;
mod once;
mod process_pool;
mod queue;
mod raw;
mod refusal;
mod rlock;
mod scheduler;
mod semaphore;
mod standard_class;
mod subprocess;
mod worker_turn;

use pyo3::prelude::*;

/// A second module in the same file, which `interlock run` loads before a program: it makes no class.
#[pymodule(gil_used = false)]
mod _start {
    #[pymodule_export]
    use crate::raw::compile_program;
}

/// The whole tree of the extension module.
#[pymodule(gil_used = false)]
mod _interlock {
    #[pymodule_export]
    use crate::barrier::Barrier;
    #[pymodule_export]
    use crate::condition::{Condition, owner_of};
    #[pymodule_export]
    use crate::engine_waiter::EngineWaiter;
    #[pymodule_export]
    use crate::event::Event;
    #[pymodule_export]
    use crate::fastcall::forwarded::method_of_lock;
    #[pymodule_export]
    use crate::fastcall::instances::{own_methods, set_metaclass};
    #[pymodule_export]
    use crate::futures::{
        Alarm, Alarms, Completed, CurrentTask, Future, Results, ThreadPool, WaitingCalls, Watcher, Worker,
        current_task, executors, remember_future_class, remember_work_items, wait_for_futures,
    };
    #[pymodule_export]
    use crate::lifecycle::held::{end_with_parent, keep_from_children, leave_to_children};
    #[pymodule_export]
    use crate::materialize::{Internal, Native};
    #[pymodule_export]
    use crate::mirrored::Mirrored;
    #[pymodule_export]
    use crate::multiprocessing::{
        Family, QueueWatch, SharedArray, SharedAttribute, SharedHandle, SharedNumber, SharedStorage,
        make_pipe,
    };
    #[pymodule_export]
    use crate::multiprocessing_pool::{
        AsyncResult, MultiprocessingDelivery, MultiprocessingPool, PoolHandle, ResultIterator,
    };
    #[pymodule_export]
    use crate::process_pool::{ProcessJob, ProcessPool, ProcessSeat, ProcessServer};
    #[pymodule_export]
    use crate::queue::{Queue, Registration, SimpleQueue, remember_queue_classes};
    #[pymodule_export]
    use crate::refusal::{refuse_waits, waits};
    #[pymodule_export]
    use crate::rlock::RLock;
    #[pymodule_export]
    use crate::scheduler::{
        Awaiting, Caller, Operation, RoundRobin, Scheduler, Task, call, get, join, put, recv, send, sleep,
    };
    #[pymodule_export]
    use crate::semaphore::Semaphore;
    #[pymodule_export]
    use crate::standard_class::Standard;
    #[pymodule_export]
    use crate::subprocess::{ChildProcess, Exchange, ProgramStart};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::lock_types::remember(module.py())?;
        crate::errors::remember(module.py())?;
        crate::lifecycle::begin(module.py())?;
        crate::data_stack_cache::begin();
        crate::fastcall::install::install(module.py())?;
        module.add("Lock", module.py().get_type::<crate::lock::Lock>())?;
        // Up to 3.12, this function is `threading.Lock` in Python, and pickles look it up by that name.
        module.add(
            "allocate_lock",
            wrap_pyfunction!(crate::lock::allocate_lock, module)?,
        )?;
        module.add_function(wrap_pyfunction!(crate::convert::monotonic, module)?)?;
        crate::multiprocessing::add_classes(module)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
