"""Snippets about looking inside objects, by name; each has the same result on the standard library and on Interlock.

`tests/parity/test_materializing.py` runs them on both with modules imported by name,
`tests/install/test_install_materializing.py` after `install()`. They take the names of attributes and hooks from the
standard library's own objects, so a new version brings new snippets.
"""

from __future__ import annotations

import concurrent.futures as std_futures
import queue as std_queue
import textwrap
import threading as std_threading
from collections.abc import Iterable
from types import FunctionType
from typing import NamedTuple

from tests.parity.materializings_waited_for import EXECUTORS, LOOK_BY, MADE, WAITING, WAITS


class Kind(NamedTuple):
    """A class: its name in the snippets, the arguments of its objects, and a use that never waits for long."""

    cls: str
    args: str
    use: str
    std: type

    @property
    def attributes(self) -> list[str]:
        """Return the attributes of an object in the standard library."""
        return sorted(vars(eval(f"std({self.args})", {"std": self.std, "t": std_threading})))

    @property
    def hooks(self) -> list[str]:
        """Return its private methods."""
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
        "said = [x.submit(pow, 2, 3).result(60), list(x.map(abs, [-1, 2])), x.shutdown()]",
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


# Compare methods of the lock with `==`: a native condition makes them anew at each access.
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
# Otherwise an exception would end the worker, and its call would never end.
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
            if attribute != "_work_queue":  # in a native executor it is a substitute, see below
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
        members = [name for name, _ in inspect.getmembers(x) if name in vars(x)]
        [[name for name in dir(x) if name in vars(x)], members, use(x)]
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
    "pickle of a subclass whose __reduce__ asks that of its base": """
        import pickle
        class P(CLS):
            def __getstate__(self):
                return {"note": 1}
            def __setstate__(self, state):
                P.__init__(self, ARGS)
                self.note = state["note"]
            def __reduce__(self):
                make, args, *state = super().__reduce__()
                return make, args, {"note": state[0]["note"] + 1}
        main, said = sys.modules["__main__"], []
        main.P = P
        try:
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                x = pickle.loads(pickle.dumps(P(ARGS), protocol))
                said.append([type(x) is P, x.note, use(x)])
        finally:
            del main.P
        said
    """,
    "what __reduce__ of the object says": """
        x = MAKE
        said = x.__reduce__()
        [sorted(said[2]), use(x)]
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


def _waiting() -> Iterable[tuple[str, str]]:
    for name, cases in WAITING.items():
        made = MADE.get(name, f"{KINDS[name].cls}()")
        for what, code in cases.items():
            lines = textwrap.dedent(code).strip()
            if "\n" not in lines:
                lines = "\n".join(lines.split("; "))
            yield f"{name}, waited for: {what}", f"{WAITS}x = {made}\n{lines.replace('LOOK', LOOK_BY[name])}"


SNIPPETS = dict([*_attributes_and_hooks(), *_whole(), *_waiting()])
SNIPPETS |= {name: WAITS + textwrap.dedent(code).strip() for name, code in EXECUTORS.items()}
