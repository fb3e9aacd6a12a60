"""Snippets about looking inside objects, by name: each says the same on the standard library and on Interlock.

`tests/parity/test_opening.py` runs them on both by import; `tests/install/test_install_opening.py` after `install()`. The
names of attributes and hooks are those of the standard library's own objects, so that a new version brings new snippets.
"""

from __future__ import annotations

import concurrent.futures as std_futures
import queue as std_queue
import textwrap
import threading as std_threading
from collections.abc import Iterable
from types import FunctionType
from typing import NamedTuple


class Kind(NamedTuple):
    """A class: how the snippets call it, the arguments of its objects, and a use that never waits for long."""

    cls: str
    args: str
    use: str
    std: type

    @property
    def attributes(self) -> list[str]:
        """What an object has in the standard library."""
        return sorted(vars(eval(f"std({self.args})", {"std": self.std, "t": std_threading})))

    @property
    def hooks(self) -> list[str]:
        """Its private methods."""
        found = (name for name in dir(self.std) if name.startswith("_") and not name.startswith("__"))
        return [name for name in found if isinstance(getattr(self.std, name), FunctionType)]


_USE_QUEUE = """
    said = [x.put(3), x.put(1, timeout=0), x.put_nowait(2), x.qsize(), x.empty(), x.full(), x.unfinished_tasks]
    said += [x.get(), x.get(timeout=0), x.get_nowait(), x.empty(), x.task_done(), x.task_done(), x.task_done()]
    said += [x.maxsize, x.unfinished_tasks or x.join()]
"""

KINDS = {
    "Event": Kind(
        "t.Event",
        "",
        "said = [x.is_set(), x.wait(0), x.set(), x.is_set(), x.wait(0), x.clear(), x.is_set()]",
        std_threading.Event,
    ),
    "Semaphore": Kind(
        "t.Semaphore",
        "2",
        "said = [x.acquire(False), x.acquire(timeout=0), x.acquire(False), x.release(), x.acquire(), x.release(2)]",
        std_threading.Semaphore,
    ),
    "BoundedSemaphore": Kind(
        "t.BoundedSemaphore",
        "2",
        """
        said = [x.acquire(False), x.acquire(timeout=0), x.acquire(False), x.release(2)]
        try:
            x.release()
        except ValueError as error:
            said.append(str(error))
        """,
        std_threading.BoundedSemaphore,
    ),
    "Condition": Kind(
        "t.Condition",
        "",
        """
        with x:
            said = [x.wait(0.001), x.notify(), x.notify_all(), x.wait_for(lambda: True), x.wait_for(int, 0.001)]
        said += [x.acquire(False), x.release()]
        """,
        std_threading.Condition,
    ),
    "Condition over a Lock": Kind(
        "t.Condition",
        "t.Lock()",
        """
        with x:
            said = [x.wait(0.001), x.notify(2), x.notify_all(), x.wait_for(lambda: 5), x.acquire(False)]
        """,
        std_threading.Condition,
    ),
    "Barrier": Kind(
        "t.Barrier",
        "1",
        """
        said = [x.wait(), x.parties, x.n_waiting, x.broken, x.abort(), x.broken, x.reset(), x.broken, x.wait(1)]
        """,
        std_threading.Barrier,
    ),
    "Queue": Kind("q.Queue", "3", _USE_QUEUE, std_queue.Queue),
    "LifoQueue": Kind("q.LifoQueue", "3", _USE_QUEUE, std_queue.LifoQueue),
    "PriorityQueue": Kind("q.PriorityQueue", "3", _USE_QUEUE, std_queue.PriorityQueue),
    "Future": Kind(
        "f.Future",
        "",
        """
        said = [x.done(), x.cancelled(), x.running(), x.set_running_or_notify_cancel(), x.running()]
        x.add_done_callback(lambda future: said.append(future is x))
        said += [x.cancel(), x.set_result(5), x.result(1), x.exception(), x.done()]
        """,
        std_futures.Future,
    ),
    "ThreadPoolExecutor": Kind(
        "f.ThreadPoolExecutor",
        "2",
        "said = [x.submit(pow, 2, 3).result(20), list(x.map(abs, [-1, 2])), x.shutdown()]",
        std_futures.ThreadPoolExecutor,
    ),
}


def _def_use(kind: Kind) -> str:
    body = textwrap.indent(textwrap.dedent(kind.use).strip(), "    ")
    return f"def use(x):\n{body}\n    return said\n"


def _snippet(kind: Kind, code: str, **names: str) -> str:
    code = textwrap.dedent(code).strip()
    for name, value in {
        "MAKE": f"{kind.cls}({kind.args})",
        "CLS": kind.cls,
        "ARGS": kind.args,
        **names,
    }.items():
        code = code.replace(name, value)
    return _def_use(kind) + code


# Methods of the lock are compared by `==`: those of a closed condition are made at each look.
_READ = """
    x = MAKE
    value = x.NAME
    [vars(x)["NAME"] == value, x.NAME == value, use(x)]
"""
_AFTERWARDS = """
    try:
        said.append(use(x))
    except Exception as error:
        said.append((type(error).__name__, str(error)))
    said
"""
_SET = f"""
    other, x = MAKE, MAKE
    value = other.NAME
    x.NAME = value
    said = [vars(x)["NAME"] is value, x.NAME is value, sorted(vars(x))]{_AFTERWARDS}
"""
_DELETE = f"""
    x = MAKE
    del x.NAME
    said = [hasattr(x, "NAME"), sorted(vars(x))]{_AFTERWARDS}
"""
# A worker would end by an exception, and its call not at all.
_DELETE_OF_EXECUTOR = """
    x = MAKE
    del x.NAME
    [hasattr(x, "NAME"), sorted(vars(x))]
"""
_HOOK_ON_INSTANCE = """
    x, calls = MAKE, []
    whole = x.NAME
    def hook(*args):
        calls.append(len(args))
        return whole(*args)
    x.NAME = hook
    [use(x), calls, x.NAME is hook]
"""
_HOOK_ON_CLASS = """
    from unittest import mock
    calls, whole = [], CLS.NAME
    def hook(self, *args):
        calls.append(len(args))
        return whole(self, *args)
    before, unused = MAKE, MAKE
    with mock.patch.object(CLS, "NAME", hook):
        said = [use(before), list(calls), use(MAKE), list(calls)]
    said += [use(unused), use(MAKE), CLS.NAME is whole, len(calls)]
    said
"""
_HOOK_IN_SUBCLASS = """
    calls = []
    class S(CLS):
        def NAME(self, *args):
            calls.append(len(args))
            return super().NAME(*args)
    [use(S(ARGS)), calls]
"""
_HOOK_IN_SUBCLASS_LATER = """
    calls = []
    class S(CLS):
        pass
    x, y = S(ARGS), S(ARGS)
    def hook(self, *args):
        calls.append(len(args))
        return super(S, self).NAME(*args)
    S.NAME = hook
    said = [use(x), list(calls)]
    del S.NAME
    [*said, use(y), use(S(ARGS)), len(calls)]
"""
_HOOK_IN_MIXIN = """
    calls = []
    class Mixin:
        def NAME(self, *args):
            calls.append(len(args))
            return super().NAME(*args)
    class S(Mixin, CLS):
        pass
    [use(S(ARGS)), calls]
"""


def _attributes_and_hooks() -> Iterable[tuple[str, str]]:
    for name, kind in KINDS.items():
        for attribute in kind.attributes:
            if attribute != "_work_queue":  # of a closed executor it is a stand-in, see below
                yield f"{name}: {attribute} is read", _snippet(kind, _READ, NAME=attribute)
            yield f"{name}: {attribute} is set", _snippet(kind, _SET, NAME=attribute)
            delete = _DELETE_OF_EXECUTOR if kind.std is std_futures.ThreadPoolExecutor else _DELETE
            yield f"{name}: {attribute} is deleted", _snippet(kind, delete, NAME=attribute)
        for hook in kind.hooks:
            yield f"{name}: {hook} on the instance", _snippet(kind, _HOOK_ON_INSTANCE, NAME=hook)
            yield f"{name}: {hook} on the class", _snippet(kind, _HOOK_ON_CLASS, NAME=hook)
            yield f"{name}: {hook} in a subclass", _snippet(kind, _HOOK_IN_SUBCLASS, NAME=hook)
            yield f"{name}: {hook} in a subclass, later", _snippet(kind, _HOOK_IN_SUBCLASS_LATER, NAME=hook)
            yield f"{name}: {hook} in a mixin", _snippet(kind, _HOOK_IN_MIXIN, NAME=hook)


_WHOLE = {
    "vars()": """
        x = MAKE
        [sorted(vars(x)), use(x), sorted(x.__dict__)]
    """,
    "dir()": """
        import inspect
        x = MAKE
        [[name for name in dir(x) if name in vars(x)], [name for name, _ in inspect.getmembers(x) if name in vars(x)], use(x)]
    """,
    "__dict__ is replaced": """
        x, y = MAKE, MAKE
        x.__dict__ = dict(vars(y), note=5)
        [sorted(vars(x)), x.note, use(x)]
    """,
    "__dict__ is written to": """
        x, y = MAKE, MAKE
        for name, value in vars(y).items():
            x.__dict__[name] = value
        [sorted(vars(x)), use(x)]
    """,
    "copy": """
        import copy
        x = MAKE
        y = copy.copy(x)
        [all(vars(y)[name] is value for name, value in vars(x).items()), sorted(vars(y)), use(y)]
    """,
    "copy of a subclass with attributes": """
        import copy
        class S(CLS):
            pass
        x = S(ARGS)
        x.note = []
        y = copy.copy(x)
        [type(y) is S, y.note is x.note, sorted(vars(y)), use(y)]
    """,
    "pickle of a subclass with __getstate__": """
        import pickle
        class P(CLS):
            def __init__(self, note):
                super().__init__(ARGS)
                self.note = note
            def __getstate__(self):
                return {"note": self.note}
            def __setstate__(self, state):
                P.__init__(self, state["note"])
        main, said = sys.modules["__main__"], []
        main.P = P
        try:
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                x = pickle.loads(pickle.dumps(P(protocol), protocol))
                said.append([type(x) is P, x.note, use(x)])
        finally:
            del main.P
        said
    """,
    "pickle of a subclass with __reduce__": """
        import pickle
        class P(CLS):
            def __reduce__(self):
                return make, ()
        def make():
            return P(ARGS)
        main, said = sys.modules["__main__"], []
        main.P, main.make = P, make
        try:
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                x = pickle.loads(pickle.dumps(P(ARGS), protocol))
                said.append([type(x) is P, use(x)])
        finally:
            del main.P, main.make
        said
    """,
    "deepcopy of a subclass with __deepcopy__": """
        import copy
        class S(CLS):
            def __deepcopy__(self, memo):
                return type(self)(ARGS)
        [use(copy.deepcopy([S(ARGS)])[0])]
    """,
    "a note of one's own": """
        x = MAKE
        x.note, x._note = 1, 2
        said = [x.note, x._note]
        del x.note
        [*said, hasattr(x, "note"), vars(x)["_note"], use(x)]
    """,
    "a class without __init__": """
        class S(CLS):
            def __init__(self, *args):
                self.early = args
                super().__init__(*args)
        x = S(ARGS)
        [len(x.early), use(x), sorted(vars(x))]
    """,
    "a class that is changed": """
        class S(CLS):
            pass
        x = MAKE
        x.__class__ = S
        [type(x) is S, use(x)]
    """,
}


def _whole() -> Iterable[tuple[str, str]]:
    for name, kind in KINDS.items():
        for what, code in _WHOLE.items():
            yield f"{name}: {what}", _snippet(kind, code)


_OPEN = {
    "Event": "x._cond",
    "Semaphore": "x._cond",
    "BoundedSemaphore": "x._cond",
    "Condition": "x._waiters",
    "Barrier": "x._cond",
    "Queue": "x.mutex",
    "Future": "x._condition",
}

_WAITING = {
    "Event": {
        "set": "crew = waits('x.wait(20)', 3); OPEN; x.set(); [crew.end(), x.is_set(), x.wait(0)]",
        "a pulse": "crew = waits('x.wait(20)', 3); OPEN; x.set(); x.clear(); [crew.end(), x.is_set()]",
        "a pulse before": "crew = waits('x.wait(20)', 3); x.set(); x.clear(); OPEN; [crew.end(), x.is_set()]",
        "more come": "crew = waits('x.wait(20)', 2); OPEN; waits('x.wait(20)', 2, crew); x.set(); crew.end()",
        "set by its inside": """
            crew = waits('x.wait(20)', 2)
            with x._cond:
                x._flag = True
                x._cond.notify_all()
            [crew.end(), x.is_set()]
        """,
        "one is let through": """
            crew = waits('x.wait(20)', 2)
            with x._cond:
                x._cond.notify()
            said = [crew.until(1), x.is_set()]
            x.set()
            [*said, crew.end()]
        """,
        "a timeout": "crew = waits('x.wait(0.05)', 2); OPEN; [crew.end(), x.is_set()]",
        "a timeout, and set": """
            crew = waits('x.wait(0.05)'); waits('x.wait(20)', 1, crew); OPEN
            said = [crew.until(1)]
            x.set()
            [*said, crew.end(), x.set(), len(x._cond._waiters)]
        """,
    },
    "Semaphore": {
        "release": "x.acquire(); crew = waits('x.acquire()', 3); OPEN; x.release(2); said = crew.until(2)[:]; "
        "x.release(); [said, crew.end(), x._value]",
        "a timeout": "x.acquire(); crew = waits('x.acquire(timeout=0.05)', 2); OPEN; [crew.end(), x._value]",
        "timeouts left": "x.acquire(); crew = waits('x.acquire(True, 20)', 2); OPEN; x.release(2); [crew.end(), x._value]",
        "with": """
            x.acquire()
            crew = waits('x.__enter__()', 2)
            x._value = 0
            x.release(2)
            [crew.end(), x._value]
        """,
        "the value is set": "x.acquire(); crew = waits('x.acquire()'); x._value = 1; "
        "said = x.acquire(False); x.release(); [said, crew.end(), x._value]",
    },
    "BoundedSemaphore": {
        "release": """
            x.acquire()
            crew = waits('x.acquire()')
            OPEN
            x.release()
            said = [crew.end(), x._value, x._initial_value]
            x.release()
            try:
                x.release()
            except ValueError as error:
                said.append(str(error))
            said
        """,
    },
    "Condition": {
        "the order": """
            import functools
            def wait(me):
                with x:
                    return x.wait(20) and me
            crew = Crew()
            for me in range(4):
                crew.start(functools.partial(wait, me))
            said = [len(x._waiters)]
            for number in (1, 2, 3, 4):
                with x:
                    x.notify()
                crew.until(number)
            [said, crew.end(), len(x._waiters)]
        """,
        "those who come later": """
            import functools
            def wait(me):
                with x:
                    return x.wait(20) and me
            crew = Crew()
            for me in range(4):
                crew.start(functools.partial(wait, me))
                if me == 1: OPEN
            for number in (1, 2):
                with x:
                    x.notify()
                crew.until(number)
            with x:
                x.notify(2)
            [crew.said[:2], sorted(crew.end()), len(x._waiters)]
        """,
        "notify_all": """
            def wait():
                with x:
                    return x.wait(20)
            crew = waits('wait()', 3)
            OPEN
            with x:
                x.notify_all()
            [crew.end(), len(x._waiters)]
        """,
        "wait_for": """
            done = []
            def wait():
                with x:
                    return x.wait_for(lambda: done, 20) is done
            crew = waits('wait()', 3)
            OPEN
            with x:
                x.notify_all()
            with x:
                done.append(1)
                x.notify_all()
            crew.end()
        """,
        "a timeout": """
            def wait(timeout):
                with x:
                    return x.wait(timeout)
            crew = waits('wait(0.05)')
            waits('wait(20)', 1, crew)
            OPEN
            crew.until(1)
            with x:
                x.notify()
            crew.end()
        """,
        "an own lock": """
            lock = t.Lock()
            x = t.Condition(lock)
            def wait():
                with lock:
                    return x.wait(20)
            crew = waits('wait()', 2)
            OPEN
            for number in (1, 2):
                with lock:
                    x.notify()
                crew.until(number)
            [crew.end(), lock.locked()]
        """,
        "held again and again": """
            def wait():
                with x, x, x:
                    said = x.wait(20)
                    x.release()
                    x.acquire()
                    return said
            crew = waits('wait()', 2)
            OPEN
            with x:
                x.notify_all()
            [crew.end(), x.acquire(False)]
        """,
    },
    "Barrier": {
        "the last comes": "crew = waits('x.wait()', 2); OPEN; crew.start(x.wait); "
        "[sorted(crew.end()), x.n_waiting, x.broken]",
        "again": """
            crew = waits('x.wait(20)', 2)
            OPEN
            crew.start(x.wait)
            crew.end()
            for _ in range(3):
                crew.start(x.wait)
            [sorted(crew.end()), x.n_waiting, x.broken, x._count, x._state]
        """,
        "abort": "crew = waits('x.wait()', 2); OPEN; x.abort(); [crew.end(), x.broken, x.n_waiting]",
        "reset": "crew = waits('x.wait()', 2); OPEN; x.reset(); [crew.end(), x.broken, x.n_waiting]",
        "abort, reset, and again": """
            crew = waits('x.wait()', 2)
            OPEN
            x.abort()
            said = [crew.end(), x.broken, x.reset(), x.broken]
            crew = waits('x.wait()', 3)
            [said, sorted(crew.end()), x.broken]
        """,
        "a timeout": "crew = waits('x.wait(0.05)'); waits('x.wait()', 1, crew); OPEN; "
        "[crew.end(), x.broken, x.n_waiting]",
        "its own timeout": "x = t.Barrier(3, timeout=0.05); crew = waits('x.wait()', 2); OPEN; "
        "[crew.end(), x.broken, x.n_waiting]",
        "an action": """
            crew, calls = waits('x.wait()', 2), []
            x._action = lambda: calls.append(x._count)
            crew.start(x.wait)
            [sorted(crew.end()), calls]
        """,
        "an action that raises": """
            crew = waits('x.wait()', 2)
            x._action = lambda: 1 / 0
            crew.start(x.wait)
            [sorted(crew.end()), x.broken]
        """,
        "fewer parties": "crew = waits('x.wait()', 2); x._parties = 2; "
        "said = [x.parties, x.n_waiting]; x.abort(); [said, crew.end()]",
    },
    "Queue": {
        "get": "crew = waits('x.get()', 2); OPEN; x.put(1); x.put(2); [sorted(crew.end()), x.qsize(), x.unfinished_tasks]",
        "put": "x.put(0); crew = waits('x.put(1)', 2); OPEN; said = [x.get(), x.get(), x.get()]; "
        "[said, crew.end(), x.unfinished_tasks]",
        "join": "x.put(0); crew = waits('x.join()', 2); OPEN; said = [x.get(), x.task_done()]; [said, crew.end()]",
        "get, timeout": "crew = waits('x.get(timeout=0.05)', 2); OPEN; crew.end()",
        "put, timeout": "x.put(0); crew = waits('x.put(1, True, 0.05)', 2); OPEN; [crew.end(), x.get(), x.empty()]",
        "get by the inside": """
            crew = waits('x.get()', 2)
            with x.mutex:
                x.queue.extend([1, 2])
                x.not_empty.notify(2)
            sorted(crew.end())
        """,
        "join by the inside": """
            x.put(0)
            crew = waits('x.join()', 2)
            with x.mutex:
                x.queue.clear()
                x.unfinished_tasks = 0
                x.all_tasks_done.notify_all()
            [crew.end(), x.empty()]
        """,
        "a hook": """
            crew, calls = waits('x.get()', 2), []
            whole = x._get
            x._get = lambda: calls.append(1) or whole()
            x.put(1)
            crew.until(1)
            x.put(2)
            [sorted(crew.end()), len(calls)]
        """,
        "shutdown": """
            if not hasattr(std.Condition(), "locked") and not hasattr(q.Queue, "shutdown"): said = ["ShutDown"] * 2
            else:
                crew = waits('x.get()', 2)
                OPEN
                x.shutdown()
                said = crew.end()
            said
        """,
    },
    "Future": {
        "result": "crew = waits('x.result(20)', 2); OPEN; x.set_result(5); crew.end()",
        "exception": "crew = waits('type(x.exception()).__name__'); waits('x.result()', 1, crew); OPEN; "
        "x.set_exception(KeyError(1)); sorted(crew.end())",
        "cancel": "crew = waits('x.result(20)', 2); OPEN; said = [x.cancel(), x.cancelled()]; [said, crew.end()]",
        "a timeout": "crew = waits('x.result(0.05)', 2); OPEN; [crew.end(), x.done()]",
        "wait": "crew = waits('f.wait([x], 20).done == {x}'); OPEN; x.set_result(5); [crew.end(), x._waiters]",
        "as_completed": "crew = waits('list(f.as_completed([x, x])) == [x]'); OPEN; x.set_result(5); crew.end()",
        "callbacks": """
            calls = []
            x.add_done_callback(lambda future: calls.append(1))
            crew = waits('x.result()')
            OPEN
            x.add_done_callback(lambda future: calls.append(2))
            x.set_result(5)
            [crew.end(), calls]
        """,
        "set by its inside": """
            crew = waits('x.result()', 2)
            with x._condition:
                x._state, x._result = "FINISHED", 7
                x._condition.notify_all()
            crew.end()
        """,
    },
}

_WAITING_MADE = {"Barrier": "t.Barrier(3)", "Queue": "q.Queue(1)", "Semaphore": "t.Semaphore(1)"}
_WAITING_MADE |= {"BoundedSemaphore": "t.BoundedSemaphore(1)"}

_WAITS = """
from tests.parity.crew import Crew
def waits(code, number=1, crew=None):
    crew = crew or Crew()
    for _ in range(number):
        crew.start(lambda: eval(code, globals()))
    return crew
"""


def _waiting() -> Iterable[tuple[str, str]]:
    for name, cases in _WAITING.items():
        made = _WAITING_MADE.get(name, f"{KINDS[name].cls}()")
        for what, code in cases.items():
            lines = textwrap.dedent(code).strip()
            if "\n" not in lines:
                lines = "\n".join(lines.split("; "))
            yield f"{name}, waited for: {what}", f"{_WAITS}x = {made}\n{lines.replace('OPEN', _OPEN[name])}"


_EXECUTOR = {
    "its calls wait": """
        gate = t.Event()
        with f.ThreadPoolExecutor(1) as x:
            futures = [x.submit(gate.wait, 20), *(x.submit(pow, n, 2) for n in range(5))]
            cancelled = futures[3].cancel()
            x._idle_semaphore
            futures.append(x.submit(int))
            gate.set()
            said = [future.cancelled() or future.result(20) for future in futures]
        [cancelled, said, len(x._threads), x._work_queue.qsize() >= 0]
    """,
    "its queue is read": """
        x = f.ThreadPoolExecutor(2)
        x._idle_semaphore
        value = x._work_queue
        [vars(x)["_work_queue"] is value, type(value).__name__, x.submit(int).result(20), x.shutdown()]
    """,
    "another work queue": """
        with f.ThreadPoolExecutor(2) as x:
            x._work_queue = q.Queue(2)
            futures = [x.submit(pow, n, 2) for n in range(20)]
            said = [future.result(20) for future in futures]
        said
    """,
    "shutdown() waits": """
        gate = t.Event()
        x = f.ThreadPoolExecutor(1)
        futures = [x.submit(gate.wait, 20), x.submit(int)]
        crew = waits('x.shutdown()')
        x._idle_semaphore
        gate.set()
        [crew.end(), [future.result(20) for future in futures], x._shutdown]
    """,
    "marked as shut down": """
        x = f.ThreadPoolExecutor(1)
        x._shutdown = True
        try:
            said = x.submit(int)
        except RuntimeError as error:
            said = str(error)
        [said, x.shutdown()]
    """,
    "marked as broken": """
        x = f.ThreadPoolExecutor(1)
        x._broken = "for a reason"
        try:
            said = x.submit(int)
        except Exception as error:
            said = type(error).__name__, str(error)
        [said, x.shutdown()]
    """,
    "watchdog's wait on an instance": """
        x, calls = q.Queue(1), []
        whole = x.not_full.wait
        x.not_full.wait = lambda *args: calls.append(len(args)) or whole(*args)
        x.put(1)
        try:
            x.put(2, timeout=0.01)
        except q.Full:
            calls.append("full")
        calls
    """,
}

SNIPPETS = dict([*_attributes_and_hooks(), *_whole(), *_waiting()])
SNIPPETS |= {name: _WAITS + textwrap.dedent(code).strip() for name, code in _EXECUTOR.items()}
