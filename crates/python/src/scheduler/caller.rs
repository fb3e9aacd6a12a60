//! The callback by which other threads let a task go on.

use interlock_sched::{Call, Mailbox};
use interlock_wait::primitive::Arc;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Lets the task that waits for this call go on: a callback of futures and queues. Any thread may call it. Never
/// blocks.
#[pyclass(frozen, module = "interlock._interlock")]
pub(crate) struct Caller {
    mailbox: Arc<Mailbox>,
    call: Call,
}

impl Caller {
    pub(super) fn new(mailbox: &Arc<Mailbox>, call: Call) -> Self {
        Caller {
            mailbox: mailbox.clone(),
            call,
        }
    }
}

#[pymethods]
impl Caller {
    #[pyo3(signature = (*_args))]
    fn __call__(&self, _args: &Bound<'_, PyTuple>) {
        self.mailbox.call(self.call);
    }
}
