//! Begins the waits of tasks.

use interlock_sched::{Direction, Hope, Refused, Spot, TaskId, is_ready};
use interlock_wait::Deadline;
use interlock_wait::primitive::Arc;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString, PyTuple};

use super::body::{Body, Holder, Pending, Progress, Wait};
use super::caller::Caller;
use super::failing;
use super::operation::{Kind, Operation};
use super::queues;
use super::shared::Shared;
use super::sockets;
use super::turn::{self, Sent};
use crate::convert::Timeout;
use crate::errors::{self, os_error};
use crate::imported::Imported;
use crate::raw::{intern, small_int};

/// The function that makes another thread or process call a function, and returns the future.
static SUBMIT: Imported = Imported::new("interlock._scheduler_calls", "submit");

/// The request to the engine.
enum Plan {
    /// Another turn, in which the task gets the pending value or exception.
    Turn(Option<Pending>),
    Sleep(Wait),
    Watch(Direction, Holder, Wait),
    Join(TaskId, Wait),
    Call(interlock_sched::Call, Hope, Wait),
}

/// Begins the operation that a task has yielded, which is not None.
pub(super) fn yielded(shared: &Arc<Shared>, id: TaskId, body: Box<Body>, value: &Bound<'_, PyAny>) {
    let py = value.py();
    let plan = understood(py, &body, value).and_then(|operation| {
        let deadline = operation.get().timeout.deadline()?;
        let wait = Wait {
            operation: operation.unbind(),
            progress: Progress::Nothing,
            wants: None,
            handle: None,
            deadline,
        };
        plan(py, shared, id, wait)
    });
    carry_out(py, shared, (id, body), plan);
}

/// Begins an operation again that is not done yet.
pub(super) fn again(py: Python<'_>, shared: &Arc<Shared>, id: TaskId, body: Box<Body>, wait: Wait) {
    let plan = plan(py, shared, id, wait);
    carry_out(py, shared, (id, body), plan);
}

fn carry_out(
    py: Python<'_>,
    shared: &Arc<Shared>,
    (id, mut body): (TaskId, Box<Body>),
    plan: PyResult<Plan>,
) {
    let boxed = |wait| Some(Box::new(Pending::Wait(wait)));
    let turns = || shared.turns.get(py).lock();
    match plan {
        Ok(Plan::Turn(pending)) => {
            body.pending = pending.map(Box::new);
            turns().yielded(id, body);
        }
        Ok(Plan::Sleep(wait)) => {
            let deadline = wait.deadline;
            body.pending = boxed(wait);
            turns().sleep(id, body, deadline);
        }
        Ok(Plan::Join(target, wait)) => {
            let deadline = wait.deadline;
            body.pending = boxed(wait);
            turns().join(id, body, target, deadline);
        }
        Ok(Plan::Call(call, hope, wait)) => {
            let deadline = wait.deadline;
            body.pending = boxed(wait);
            turns().await_call(id, body, (call, hope), deadline);
        }
        Ok(Plan::Watch(direction, keeper, wait)) => {
            let spot = Spot {
                descriptor: wait.progress.descriptor().unwrap_or(-1),
                direction,
                keeper,
                deadline: wait.deadline,
            };
            body.pending = boxed(wait);
            let watched = turns().watch(id, body, spot);
            if let Err(Refused { payload, error }) = watched {
                give_error(py, shared, (id, payload), os_error(error));
            }
        }
        Err(error) => give_error(py, shared, (id, body), error),
    }
}

/// Raises an exception in a task when it gets its next turn.
fn give_error(py: Python<'_>, shared: &Arc<Shared>, (id, mut body): (TaskId, Box<Body>), error: PyErr) {
    let exception = errors::exception(py, error).unbind();
    body.pending = Some(Box::new(Pending::Raise(exception)));
    shared.turns.get(py).lock().yielded(id, body);
}

/// Returns the operation that a yielded object stands for.
fn understood<'py>(
    py: Python<'py>,
    body: &Body,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, Operation>> {
    if let Ok(operation) = value.cast_exact::<Operation>() {
        return Ok(operation.clone());
    }
    if let Ok(pair) = value.cast_exact::<PyTuple>()
        && pair.len() == 2
        && let Ok(why) = pair.get_item(0)?.cast::<PyString>()
    {
        let object = pair.get_item(1)?.unbind();
        let direction = match why.to_str()? {
            "recv" => Some(Direction::Read),
            "send" => Some(Direction::Write),
            _ => None,
        };
        if let Some(direction) = direction {
            return Bound::new(py, Operation::new(Kind::Ready(direction, object)));
        }
    }
    Err(failing::nonsense(py, body, value))
}

fn plan(py: Python<'_>, shared: &Arc<Shared>, id: TaskId, mut wait: Wait) -> PyResult<Plan> {
    let operation = wait.operation.clone_ref(py);
    let kind = &operation.bind(py).get().kind;
    match kind {
        Kind::Sleep(0.0) => Ok(Plan::Turn(None)),
        Kind::Sleep(time) => {
            prepare(py, shared)?;
            wait.deadline = wait.deadline.min(Timeout::Seconds(*time).deadline()?);
            Ok(Plan::Sleep(wait))
        }
        Kind::Ready(direction, object) => plan_to_be_ready(object.bind(py), *direction, wait),
        Kind::Receive(object, _) => {
            let is_new = matches!(wait.progress, Progress::Nothing);
            let descriptor = descriptor_of(object.bind(py))?;
            wait.progress = Progress::Descriptor(descriptor);
            if is_new {
                sockets::check_receives(object.bind(py), descriptor)?;
            }
            if is_new && sockets::is_worth_a_try(object.bind(py))? {
                return Ok(Plan::Turn(Some(Pending::Wait(wait))));
            }
            let direction = wait.wants.unwrap_or(Direction::Read);
            Ok(Plan::Watch(direction, Holder::of(object.bind(py))?, wait))
        }
        Kind::Send(object, data) => plan_to_send(shared, id, (object.bind(py), data.bind(py)), wait),
        Kind::Join(target) => plan_to_join(py, shared, id, wait, target.bind(py)),
        Kind::Call(function) => {
            prepare(py, shared)?;
            let function = function.bind(py).get();
            let arguments = (
                &function.function,
                &function.args,
                &function.kwargs,
                &function.executor,
            );
            let future = SUBMIT.get(py)?.call1(arguments)?;
            let call = shared.turns.get(py).lock().announce(id);
            let caller = Caller::new(&shared.mailbox, call);
            future.call_method1(intern!(py, "add_done_callback"), (caller,))?;
            wait.handle = Some(future.unbind());
            Ok(Plan::Call(call, Hope::Sure, wait))
        }
        Kind::Get(_) | Kind::Put(..) => plan_for_queue(py, shared, id, wait),
    }
}

fn plan_to_be_ready(object: &Bound<'_, PyAny>, direction: Direction, mut wait: Wait) -> PyResult<Plan> {
    let descriptor = descriptor_of(object)?;
    wait.progress = Progress::Descriptor(descriptor);
    if direction == Direction::Read && sockets::has_pending(object)? {
        return Ok(Plan::Turn(None));
    }
    if direction == Direction::Write {
        // Most of the time it can be written to: asking costs less than making the kernel start and stop watching
        // it.
        match is_ready(descriptor, Direction::Write) {
            Ok(false) => {}
            Ok(true) => return Ok(Plan::Turn(None)),
            Err(_) => return Err(failing::not_open(object)),
        }
    }
    Ok(Plan::Watch(direction, Holder::of(object)?, wait))
}

fn plan_for_queue(py: Python<'_>, shared: &Arc<Shared>, id: TaskId, mut wait: Wait) -> PyResult<Plan> {
    let operation = wait.operation.clone_ref(py);
    let call = shared.turns.get(py).lock().announce(id);
    let again = wait.handle.is_some();
    let handle = queues::line_up(py, shared, &operation.bind(py).get().kind, (call, again))?;
    // The former place, if there is one, has called this task, which came too late.
    drop(std::mem::replace(&mut wait.handle, handle));
    if wait.handle.is_none() {
        return Ok(Plan::Turn(Some(Pending::Wait(wait))));
    }
    match prepare(py, shared) {
        Ok(()) => Ok(Plan::Call(call, Hope::Vague, wait)),
        Err(error) => wait.undo(py).and(Err(error)),
    }
}

fn plan_to_send<'py>(
    shared: &Arc<Shared>,
    id: TaskId,
    (object, data): (&Bound<'py, PyAny>, &Bound<'py, PyAny>),
    mut wait: Wait,
) -> PyResult<Plan> {
    let py = object.py();
    if matches!(wait.progress, Progress::Nothing) {
        let descriptor = descriptor_of(object)?;
        let bytes = turn::bytes_of(data)?.unbind();
        let is_taken = shared.sends.is_taken(py, descriptor);
        let sending = |place| Progress::Sending {
            descriptor,
            bytes,
            sent: 0,
            place,
        };
        if is_taken {
            prepare(py, shared)?;
            let call = shared.turns.get(py).lock().announce(id);
            wait.progress = sending(Some(shared.sends.line_up(py, descriptor, call)));
            return Ok(Plan::Call(call, Hope::Sure, wait));
        }
        wait.progress = sending(None);
        match turn::go_on_sending(py, object, &mut wait.progress)? {
            Sent::All => return Ok(Plan::Turn(None)),
            Sent::Part(wants) => wait.wants = wants,
        }
        if let Progress::Sending { place, .. } = &mut wait.progress {
            let call = shared.turns.get(py).lock().announce(id);
            *place = Some(shared.sends.line_up(py, descriptor, call));
        }
    }
    let direction = wait.wants.unwrap_or(Direction::Write);
    Ok(Plan::Watch(direction, Holder::of(object)?, wait))
}

/// Makes the scheduler create the object that its thread sleeps on.
///
/// # Errors
/// There are too many descriptors. The task that is about to wait gets the error; other tasks need not know of it.
fn prepare(py: Python<'_>, shared: &Arc<Shared>) -> PyResult<()> {
    let prepared = shared.turns.get(py).lock().prepare_to_sleep();
    prepared.map_err(os_error)
}

fn plan_to_join(
    py: Python<'_>,
    shared: &Arc<Shared>,
    id: TaskId,
    wait: Wait,
    target: &Bound<'_, super::task::Task>,
) -> PyResult<Plan> {
    let task = target.get();
    if !task.is_at(Arc::as_ptr(shared)) {
        return Err(PyValueError::new_err(format!(
            "task '{}' is one of another scheduler",
            task.name()
        )));
    }
    match task.id(py) {
        Some(own) if own == id => {
            let message = format!("task '{}' can't wait for its own end", task.name());
            Err(PyRuntimeError::new_err(message))
        }
        Some(other) if !task.done(py) => {
            if wait.deadline != Deadline::NEVER {
                prepare(py, shared)?;
            }
            Ok(Plan::Join(other, wait))
        }
        _ => Ok(Plan::Turn(Some(Pending::Wait(wait)))),
    }
}

/// Returns the descriptor of an object.
///
/// # Errors
/// The object has no descriptor, or it is closed.
pub(super) fn descriptor_of(object: &Bound<'_, PyAny>) -> PyResult<i32> {
    let wrong = || PyValueError::new_err(format!("{object} is not the number of a descriptor"));
    let number = match small_int(object) {
        Some(number) => i32::try_from(number).map_err(|_| wrong())?,
        None if object.is_exact_instance_of::<PyInt>() => return Err(wrong()),
        None => object.call_method0(intern!(object.py(), "fileno"))?.extract()?,
    };
    if number < 0 {
        return Err(failing::not_open(object));
    }
    Ok(number)
}
