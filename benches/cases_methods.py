"""The cost of a call of every method of every class, in its common situations.

A case has a setup, which makes its objects, and a statement, which is timed. Both are code, with the modules under the
names of ``NAMES``. A statement undoes its own changes, so that it can run again and again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import NamedTuple

from case import Body
from namespaces import Namespace

NAMES = {"t": "threading", "q": "queue", "f": "futures", "p": "pool"}


class Method(NamedTuple):
    """One case: the class, the call as the table shows it, and the code."""

    kind: str
    call: str
    setup: str
    statement: str

    def prepare(self, ns: Namespace) -> Body:
        """Make the objects of one namespace and return the body that uses them."""
        scope: dict[str, object] = {name: getattr(ns, module) for name, module in NAMES.items()}
        scope["repeat"] = repeat
        exec(self.setup, scope)
        body = "\n".join(f"        {line}" for line in self.statement.splitlines())
        exec(f"def body(n):\n    for _ in repeat(None, n):\n{body}", scope)
        return scope["body"]  # type: ignore[return-value]


MOMENT = "1e-6"
"""A small timeout: shorter than any sleep."""


def refused(call: str, error: str) -> str:
    """The statement of a call that raises each time."""
    return f"try: {call}\nexcept {error}: pass\nelse: raise AssertionError('not refused')"


def locks() -> Iterator[tuple[str, str, str, str]]:
    """Lock and RLock."""
    for kind in ("Lock", "RLock"):
        free, held = f"x = t.{kind}()", f"x = t.{kind}(); x.acquire()"
        elsewhere = (
            "" if kind == "Lock" else "; x = t.RLock(); h = t.Thread(target=x.acquire); h.start(); h.join()"
        )
        yield kind, f"{kind}()", "", f"t.{kind}()"
        yield kind, "with", free, "with x: pass"
        for arguments in ("", "False", "timeout=0", "timeout=10", f"timeout={MOMENT}"):
            yield kind, f"acquire({arguments}), release()", free, f"x.acquire({arguments}); x.release()"
        for arguments in ("False", "timeout=0", f"timeout={MOMENT}"):
            yield kind, f"acquire({arguments}), held", held + elsewhere, f"x.acquire({arguments})"
        yield kind, "release(), not held", free, refused("x.release()", "RuntimeError")
    yield "Lock", "locked()", "x = t.Lock()", "x.locked()"
    yield "RLock", "with, in with", "x = t.RLock()", "with x:\n    with x: pass"


def conditions() -> Iterator[tuple[str, str, str, str]]:
    """Condition over an RLock and over a Lock, native and materialized."""
    yield "Condition", "Condition()", "", "t.Condition()"
    for title, make in (
        ("", "x = t.Condition()"),
        (", over a Lock", "x = t.Condition(t.Lock())"),
        (", after x._waiters", "x = t.Condition(); x._waiters"),
    ):
        yield "Condition", f"with{title}", make, "with x: pass"
        yield "Condition", f"with, notify(){title}", make, "with x: x.notify()"
        yield "Condition", f"with, notify_all(){title}", make, "with x: x.notify_all()"
        for timeout in ("0", MOMENT):
            yield "Condition", f"wait({timeout}){title}", f"{make}; x.acquire()", f"x.wait({timeout})"
        yield (
            "Condition",
            f"wait_for(true){title}",
            f"{make}; x.acquire(); yes = lambda: True",
            "x.wait_for(yes)",
        )
        yield "Condition", f"acquire(), release(){title}", make, "x.acquire(); x.release()"


def semaphores() -> Iterator[tuple[str, str, str, str]]:
    """Semaphore and BoundedSemaphore."""
    for kind in ("Semaphore", "BoundedSemaphore"):
        free, none = f"x = t.{kind}(1)", f"x = t.{kind}(1); x.acquire()"
        yield kind, f"{kind}()", "", f"t.{kind}()"
        yield kind, "with", free, "with x: pass"
        yield kind, "acquire(), release()", free, "x.acquire(); x.release()"
        yield kind, "acquire(timeout=10), release()", free, "x.acquire(timeout=10); x.release()"
        for arguments in ("False", "timeout=0", f"timeout={MOMENT}"):
            yield kind, f"acquire({arguments}), no permit", none, f"x.acquire({arguments})"
        yield kind, "acquire(), release(), after x._value", f"{free}; x._value", "x.acquire(); x.release()"
    yield (
        "BoundedSemaphore",
        "release(), too often",
        "x = t.BoundedSemaphore()",
        refused("x.release()", "ValueError"),
    )


def events_and_barriers() -> Iterator[tuple[str, str, str, str]]:
    """Event and Barrier."""
    yield "Event", "Event()", "", "t.Event()"
    for title, make in (("", "x = t.Event()"), (", after x._cond", "x = t.Event(); x._cond")):
        yield "Event", f"set(), clear(){title}", make, "x.set(); x.clear()"
        yield "Event", f"is_set(){title}", make, "x.is_set()"
        for timeout in ("", "0", "10"):
            yield "Event", f"wait({timeout}), set{title}", f"{make}; x.set()", f"x.wait({timeout})"
        for timeout in ("0", MOMENT):
            yield "Event", f"wait({timeout}), not set{title}", make, f"x.wait({timeout})"
    yield "Barrier", "Barrier(2)", "", "t.Barrier(2)"
    for title, make in (("", "x = t.Barrier(1)"), (", after x._cond", "x = t.Barrier(1); x._cond")):
        yield "Barrier", f"wait(), one party{title}", make, "x.wait()"
        yield "Barrier", f"wait(10), one party{title}", make, "x.wait(10)"
        yield "Barrier", f"reset(){title}", make, "x.reset()"
        yield "Barrier", f"n_waiting, parties, broken{title}", make, "x.n_waiting; x.parties; x.broken"


def queues() -> Iterator[tuple[str, str, str, str]]:
    """The queues, native and materialized."""
    for kind in ("Queue", "LifoQueue", "PriorityQueue"):
        yield kind, f"{kind}()", "", f"q.{kind}()"
    hooked = "class Mine(q.Queue):\n    def _put(self, item): self.queue.append(item)\n"
    for kind, title, make, item in (
        ("Queue", "", "x = q.Queue()", "1"),
        ("LifoQueue", "", "x = q.LifoQueue()", "1"),
        ("PriorityQueue", "", "x = q.PriorityQueue()", "1"),
        ("PriorityQueue", ", tuples", "x = q.PriorityQueue()", "(1, 2)"),
        ("Queue", ", after x.mutex", "x = q.Queue(); x.mutex", "1"),
        ("Queue", ", own _put", f"{hooked}x = Mine()", "1"),
    ):
        yield kind, f"put(), get(){title}", make, f"x.put({item}); x.get()"
        yield kind, f"put_nowait(), get_nowait(){title}", make, f"x.put_nowait({item}); x.get_nowait()"
        yield (
            kind,
            f"put(timeout=10), get(timeout=10){title}",
            make,
            f"x.put({item}, timeout=10); x.get(timeout=10)",
        )
        yield (
            kind,
            f"put(), get(), task_done(), join(){title}",
            make,
            f"x.put({item}); x.get(); x.task_done(); x.join()",
        )
        yield kind, f"qsize(), empty(), full(){title}", make, "x.qsize(); x.empty(); x.full()"
        full = f"{make}; x.maxsize = 1; x.put({item})" if title != "" else f"x = q.{kind}(1); x.put({item})"
        for arguments in ("False", "timeout=0", f"timeout={MOMENT}"):
            yield kind, f"get({arguments}), empty{title}", make, refused(f"x.get({arguments})", "q.Empty")
            yield (
                kind,
                f"put({arguments}), full{title}",
                full,
                refused(f"x.put({item}, {arguments})", "q.Full"),
            )
    simple = "x = q.SimpleQueue()"
    yield "SimpleQueue", "SimpleQueue()", "", "q.SimpleQueue()"
    for arguments in ("", "False", "timeout=0", "timeout=10"):
        yield "SimpleQueue", f"put(), get({arguments})", simple, f"x.put(1); x.get({arguments})"
    yield "SimpleQueue", "put_nowait(), get_nowait()", simple, "x.put_nowait(1); x.get_nowait()"
    yield "SimpleQueue", "qsize(), empty()", simple, "x.qsize(); x.empty()"
    for call in ("get(False)", "get_nowait()", "get(timeout=0)", f"get(timeout={MOMENT})"):
        yield "SimpleQueue", f"{call}, empty", simple, refused(f"x.{call}", "q.Empty")


def futures() -> Iterator[tuple[str, str, str, str]]:
    """Future, the functions that wait for several, and the results of a pool."""
    yield "Future", "Future()", "", "f.Future()"
    yield "Future", "Future(), set_result(), result()", "", "x = f.Future(); x.set_result(1); x.result()"
    yield "Future", "Future(), cancel()", "", "x = f.Future(); x.cancel()"
    yield (
        "Future",
        "Future(), add_done_callback(), set_result()",
        "def done(x): pass",
        "x = f.Future(); x.add_done_callback(done); x.set_result(1)",
    )
    for title, make in (("", "x = f.Future()"), (", after x._condition", "x = f.Future(); x._condition")):
        ended = f"{make}; x.set_result(1)"
        for timeout in ("", "0", "10"):
            yield "Future", f"result({timeout}), done{title}", ended, f"x.result({timeout})"
        yield "Future", f"exception(), done{title}", ended, "x.exception()"
        for timeout in ("0", MOMENT):
            yield (
                "Future",
                f"result({timeout}), not done{title}",
                make,
                refused(f"x.result({timeout})", "f.TimeoutError"),
            )
        yield "Future", f"done(), running(), cancelled(){title}", make, "x.done(); x.running(); x.cancelled()"
        yield (
            "Future",
            f"add_done_callback(), done{title}",
            f"{ended}\ndef done(x): pass",
            "x.add_done_callback(done)",
        )
    ten = "x = [f.Future() for _ in range(10)]\n"
    yield "functions", "wait(10 futures), done", f"{ten}for y in x: y.set_result(1)", "f.wait(x)"
    yield "functions", "wait(10 futures, 0), not done", ten, "f.wait(x, 0)"
    yield (
        "functions",
        "as_completed(10 futures), done",
        f"{ten}for y in x: y.set_result(1)",
        "list(f.as_completed(x))",
    )
    yield (
        "AsyncResult",
        "get(), get(0), ready(), successful(), wait(0)",
        "y = p.ThreadPool(1); x = y.apply_async(int); x.get(); y.close(); y.join()",
        "x.get(); x.get(0); x.ready(); x.successful(); x.wait(0)",
    )


ALL = tuple(
    Method(*case)
    for group in (locks, conditions, semaphores, events_and_barriers, queues, futures)
    for case in group()
)
