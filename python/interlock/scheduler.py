"""Generators and coroutines as tasks of one thread, which the engine resumes in turns.

A task keeps the thread until it yields::

    from interlock.scheduler import Scheduler, sleep

    def countdown(name, n):
        while n:
            print(name, n)
            yield sleep(0.1)
            n -= 1

    scheduler = Scheduler()
    scheduler.spawn(countdown("a", 3))
    scheduler.spawn(countdown("b", 2))
    scheduler.run()

A bare ``yield`` lets all others go first, in strict round robin. To wait, a task yields an operation: `recv` and `send`
for descriptors, `sleep`, `join` for another task, `call` for a function that a thread or a process runs, `get` and
`put` for queues of `interlock.queue`, which threads may use at the same time. ``yield "recv", sock`` and
``yield "send", sock`` mean the same as ``yield recv(sock)`` and ``yield send(sock)``. In an ``async def`` function,
await the operations.
"""

from __future__ import annotations

from interlock._scheduler_errors import TaskCancelled
from interlock._subinterpreter import in_subinterpreter

if in_subinterpreter():
    raise ImportError(
        "interlock.scheduler can't be used in a subinterpreter: the engine is loaded in one only"
    )

from interlock._interlock import (
    Operation,
    Scheduler,
    Task,
    call,
    get,
    join,
    put,
    recv,
    round_robin,
    send,
    sleep,
)

__all__ = [
    "Operation",
    "Scheduler",
    "Task",
    "TaskCancelled",
    "call",
    "get",
    "join",
    "put",
    "recv",
    "round_robin",
    "send",
    "sleep",
]
