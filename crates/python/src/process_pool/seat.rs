//! The data that a process needs to become a worker of a pool.

use interlock_pool::process::Seat;
use interlock_shm::{Name, Queue};
use pyo3::prelude::*;

use super::server::ProcessServer;
use crate::multiprocessing::{Family, SharedHandle, open};

/// A worker's place in a pool of processes. It is inherited over a fork, and handed to a process that is being started by its handles.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct ProcessSeat(pub(super) Seat);

#[pymethods]
impl ProcessSeat {
    /// The seat with these numbers of queues, which this process was given.
    #[staticmethod]
    fn open(family: &Family, number: usize, calls: u32, answers: u32, parent: u32) -> PyResult<Self> {
        Ok(ProcessSeat(Seat {
            number,
            calls: open(family, calls, Queue::open)?,
            answers: open(family, answers, Queue::open)?,
            parent: Name::of_word(parent),
        }))
    }

    /// Its number in the pool.
    #[getter]
    fn number(&self) -> usize {
        self.0.number
    }

    /// Which of the pool's workers this is: the one that takes a dead one's place has the same.
    #[getter]
    fn index(&self) -> usize {
        self.0.index()
    }

    /// The pool's process: its place in the family.
    #[getter]
    fn parent(&self) -> u32 {
        self.0.parent.word()
    }

    /// The queues, for a process that is being started: that of the calls, and that of the answers.
    fn handles(&self) -> (SharedHandle, SharedHandle) {
        let handle = |queue: &Queue| SharedHandle::of(queue.object());
        (handle(&self.0.calls), handle(&self.0.answers))
    }

    /// The worker itself, in its process.
    fn serve(&self) -> ProcessServer {
        ProcessServer::new(self.0.clone())
    }
}
