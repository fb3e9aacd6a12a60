"""Snippets about what a program puts into a materialized object, by name. It counts, where our methods could do without
the standard functions. Each has the same result on the standard library and on Interlock.

Each use is made several times: the short ways begin with the second call. `test_short_ways.py` runs them with modules
imported by name, `tests/install/test_install_materializing.py` after `install()`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

__all__ = ["SNIPPETS", "WITH_CODE"]

_QUEUES = ["Queue", "LifoQueue", "PriorityQueue"]


def _lines(code: str) -> str:
    return "\n".join(textwrap.dedent(code).strip().split("; "))


_QUEUE = """
class Counting:
    def __init__(self, inner, said):
        self.inner, self.said = inner, said
    def __enter__(self):
        self.said.append("enter")
        return self.inner.__enter__()
    def __exit__(self, *args):
        self.said.append("exit")
        return self.inner.__exit__(*args)

def use(x):
    ended = []
    for call in (x.qsize, x.empty, x.full) * 3:
        try:
            ended.append(call())
        except Exception as error:
            ended.append((type(error).__name__, str(error)))
        free = hasattr(x.mutex, "acquire") and x.mutex.acquire(False)
        ended.append(free and x.mutex.release())
    return ended

said = []
x = CLS(2)
x.mutex
first = use(x)
"""

_CHANGES = {
    "nothing": "pass",
    "items": "x.put(1); x.put(2)",
    "another container": "x.queue = [1, 2]",
    "a container with its own length": """
        class Container(list):
            def __len__(self):
                said.append(x.mutex.locked())
                return 2
        x.queue = Container()
    """,
    "a container whose length raises": """
        class Container(list):
            def __len__(self):
                raise KeyError("length")
        x.queue = Container()
    """,
    "a container whose length releases the mutex": """
        class Container(list):
            def __len__(self):
                x.mutex.release()
                return 1
        x.queue = Container()
    """,
    "no container": "del x.queue",
    "another mutex": "x.mutex = Counting(x.mutex, said)",
    "a reentrant mutex": "x.mutex = t.RLock()",
    "no mutex": "x.mutex = None",
    "a hook on the object": "x._qsize = lambda: said.append(1) or 7",
    "a hook on the class": """
        class Mine(CLS):
            def _qsize(self):
                return said.append(2) or 1
        x = Mine(1)
    """,
    "a hook on the class, later": """
        class Mine(CLS):
            pass
        x = Mine(1)
        said.append(use(x))
        x.mutex
        said.append(use(x))
        Mine._qsize = lambda self: 5
        said.append(use(x))
        del Mine._qsize
    """,
    "maxsize": "x.maxsize = 0",
    "a fraction for maxsize": "x.maxsize = 0.5",
    "a word for maxsize": "x.maxsize = 'many'",
    "a huge maxsize": "x.maxsize = 1 << 80",
    "no maxsize": "del x.maxsize",
    "a property": """
        class Mine(CLS):
            queue = property(lambda self: [1, 2, 3], lambda self, queue: None)
        x = Mine(1)
    """,
    "a method of one's own": """
        class Mine(CLS):
            def qsize(self):
                return super().qsize() + 1
        x = Mine(1)
        x.mutex
    """,
}

_PUT_AND_GET = """
def use(x):
    ended = []
    for call in (lambda: x.put_nowait(3), lambda: x.put_nowait(item=4), x.get_nowait, x.get_nowait) * 3:
        try:
            ended.append(call())
        except Exception as error:
            ended.append((type(error).__name__, str(error)))
    return ended

said = []
x = CLS(1)
x.mutex
first = use(x)
"""

_PUT_CHANGES = [
    "pass",
    "x.put = lambda *args, **kwargs: said.append((args, kwargs))",
    "x.get = lambda *args, **kwargs: (args, kwargs)",
    """
    class Mine(CLS):
        def put(self, *args, **kwargs):
            said.append((args, kwargs))
            return super().put(*args, **kwargs)
        def get(self, *args, **kwargs):
            return args, kwargs, super().get(*args, **kwargs)
    x = Mine(1)
    said += [use(x), x.mutex.locked(), use(x)]
    """,
    """
    class Mine(CLS):
        pass
    x = Mine(1)
    said += [x.mutex.locked(), use(x)]
    Mine.put = lambda *args, **kwargs: kwargs
    """,
    "x._put = lambda item: x.queue.append(said.append(item))",
    "del x.maxsize",
]

_FLAG = """
def use(x):
    ended = []
    for _ in range(3):
        try:
            ended.append(x.is_set())
        except Exception as error:
            ended.append((type(error).__name__, str(error)))
    return ended
x = t.Event()
x._cond
first = use(x)
"""

_FLAG_CHANGES = [
    "x._flag = 'flag'",
    "del x._flag",
    "x.is_set = lambda: 'own'",
    "x.__dict__ = {**vars(x), '_flag': 3}",
    "class Mine(t.Event): _flag = property(lambda self: 9, lambda self, flag: None)\nx = Mine()",
]

_CODE = """
    import queue as std_q
    x = CLS()
    x.INSIDE
    said = [x.NAME(), x.NAME()]
    function = HOME.NAME
    code = function.__code__
    try:
        function.__code__ = (lambda self: "changed").__code__
        said.append(x.NAME())
    finally:
        function.__code__ = code
    said.append(x.NAME())
    said
"""

_CONDITION = """
    said = []
    class Own:
        def __init__(self):
            self.inner = std.Lock()
        def __getattr__(self, name):
            said.append(name)
            return getattr(self.inner, name)
        def __enter__(self):
            said.append("enter")
            return 5
        def __exit__(self, *args):
            said.append(args[0])
            return True
    x = t.Condition(LOCK)
    LOOK
    for _ in range(3):
        with x as entered:
            said.append(entered)
    for name in ("acquire", "release"):
        said.append(hasattr(x, name))
    said += [x.acquire(), x.release(), x.acquire(False), x.acquire(timeout=0.01), x.release()]
    said
"""

_CONDITION_LOOKS = ["x._waiters", "x.notify", "x._lock = t.RLock()", "x._lock = t.Lock()", "x._lock = Own()"]

_SINGLE = {
    "a standard method that is replaced runs": """
        from unittest import mock
        x = t.Event()
        x._cond
        said = [x.is_set(), x.is_set()]
        with mock.patch.object(std.Event, "is_set", lambda self: "replaced"):
            said += [x.is_set(), x.is_set()]
        said + [x.is_set()]
    """,
    "acquire and release of a condition are its locks": """
        x = t.Condition()
        lock = x._lock
        said = [x.acquire == lock.acquire, x.release.__self__ is lock, x.acquire(), lock._is_owned(), x.release()]
        for call in (x.release, lambda: x.release(), lambda: x.acquire(True, timeout=-5)):
            try:
                said.append(call())
            except Exception as error:
                said.append((type(error).__name__, str(error)))
        said += [hasattr(t.Condition, "acquire"), hasattr(t.Condition, "release")]
        x.acquire = lambda *args: args
        said += [x.acquire(), x.acquire(3), vars(x)["acquire"] is x.acquire]
        del x.acquire
        said += [hasattr(x, "acquire")]
        said
    """,
    "the numbers of a barrier": """
        def use(x):
            ended = []
            for name in ("parties", "n_waiting", "broken") * 3:
                try:
                    ended.append(getattr(x, name))
                except Exception as error:
                    ended.append((type(error).__name__, str(error)))
            return ended
        x = t.Barrier(2)
        said = [use(x), x.abort(), use(x), x.reset()]
        x._cond
        said += [use(x), x.abort(), use(x), x.reset()]
        x._count = 7
        said.append(use(x))
        x._state = -2.0
        said.append(use(x))
        x._state = None
        said.append(use(x))
        del x._state, x._parties
        said.append(use(x))
        for name in ("parties", "n_waiting", "broken"):
            try:
                setattr(t.Barrier(1), name, 1)
            except AttributeError as error:
                said.append(str(error))
            said.append((type(getattr(t.Barrier, name)), getattr(t.Barrier, name).__doc__))
        class Mine(t.Barrier):
            n_waiting = property(lambda self: super().n_waiting + 10)
        said.append(use(Mine(3)))
        said
    """,
    "a standard property that is replaced runs": """
        from unittest import mock
        x = t.Barrier(2)
        x._cond
        said = [x.n_waiting, x.n_waiting]
        with mock.patch.object(std.Barrier, "n_waiting", property(lambda self: "replaced")):
            said += [x.n_waiting, t.Barrier(2).n_waiting]
        said + [x.n_waiting]
    """,
    "a simple queue and a lock are made as their classes say": """
        import weakref, gc
        class Mine(q.SimpleQueue):
            def __init__(self, note):
                self.note = note
        said = []
        for make in (q.SimpleQueue, lambda: Mine(1), lambda: Mine(note=2), lambda: q.SimpleQueue(1), lambda: Mine()):
            try:
                x = make()
            except TypeError as error:
                said.append(str(error))
                continue
            x.put(x)
            reference = weakref.ref(x)
            said += [type(x).__name__, getattr(x, "note", None), gc.is_tracked(x), x.qsize()]
            del x
            gc.collect()
            said.append(reference() is None)
        said
    """,
}


def _all() -> Iterable[tuple[str, str]]:
    for kind in _QUEUES:
        for name, change in _CHANGES.items():
            code = "\n".join([_QUEUE.strip(), _lines(change), "first, use(x), said"])
            yield f"size of {kind}: {name}", code.replace("CLS", f"q.{kind}")
        for number, change in enumerate(_PUT_CHANGES):
            code = "\n".join([_PUT_AND_GET.strip(), _lines(change), "first, use(x), said"])
            yield f"put_nowait() and get_nowait() of {kind}: {number}", code.replace("CLS", f"q.{kind}")
    for change in _FLAG_CHANGES:
        yield f"flag of an event: {change}", "\n".join([_FLAG.strip(), change, "first, use(x)"])
    for lock in ("", "t.Lock()", "Own()"):
        for look in _CONDITION_LOOKS:
            code = _CONDITION.replace("LOCK", lock).replace("LOOK", look)
            yield f"lock of Condition({lock}): {look}", code
    yield from _SINGLE.items()


SNIPPETS = dict(_all())

WITH_CODE = {
    name: _CODE.replace("CLS", cls).replace("INSIDE", inside).replace("NAME", name).replace("HOME", home)
    for name, cls, inside, home in [
        ("is_set", "t.Event", "_cond", "std.Event"),
        ("qsize", "q.Queue", "mutex", "std_q.Queue"),
    ]
}
"""Snippets that change the code of a standard function. (Under `install()` the standard names have ours, in C.)"""
