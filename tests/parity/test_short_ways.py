"""What a program puts into a materialized object counts, where our methods could do without the standard functions.

Each use is made several times: the short ways begin with the second call.
"""

from __future__ import annotations

import textwrap

import pytest

from tests.parity.judge import same


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


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
@pytest.mark.parametrize("change", _CHANGES)
def test_the_size_of_a_queue(kind: str, change: str) -> None:
    code = "\n".join([_QUEUE.strip(), _lines(_CHANGES[change]), "first, use(x), said"])
    same(code.replace("CLS", f"q.{kind}"))


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


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
@pytest.mark.parametrize(
    "change",
    [
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
    ],
)
def test_put_nowait_and_get_nowait(kind: str, change: str) -> None:
    code = "\n".join([_PUT_AND_GET.strip(), _lines(change), "first, use(x), said"])
    same(code.replace("CLS", f"q.{kind}"))


@pytest.mark.parametrize(
    "change",
    [
        "x._flag = 'flag'",
        "del x._flag",
        "x.is_set = lambda: 'own'",
        "x.__dict__ = {**vars(x), '_flag': 3}",
        "class Mine(t.Event): _flag = property(lambda self: 9, lambda self, flag: None)\nx = Mine()",
    ],
)
def test_the_flag_of_an_event(change: str) -> None:
    setup = """
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
    same("\n".join([setup.strip(), change, "first, use(x)"]))


@pytest.mark.parametrize("name", ["is_set", "qsize"])
def test_a_standard_function_whose_code_is_changed_runs(name: str) -> None:
    cls, inside = {"is_set": ("t.Event", "_cond"), "qsize": ("q.Queue", "mutex")}[name]
    home = {"is_set": "std.Event", "qsize": "std_q.Queue"}[name]
    same(f"""
        import queue as std_q
        x = {cls}()
        x.{inside}
        said = [x.{name}(), x.{name}()]
        function = {home}.{name}
        code = function.__code__
        try:
            function.__code__ = (lambda self: "changed").__code__
            said.append(x.{name}())
        finally:
            function.__code__ = code
        said.append(x.{name}())
        said
    """)


def test_a_standard_method_that_is_replaced_runs() -> None:
    same("""
        from unittest import mock
        x = t.Event()
        x._cond
        said = [x.is_set(), x.is_set()]
        with mock.patch.object(std.Event, "is_set", lambda self: "replaced"):
            said += [x.is_set(), x.is_set()]
        said + [x.is_set()]
    """)


@pytest.mark.parametrize("lock", ["", "t.Lock()", "Own()"])
@pytest.mark.parametrize(
    "look", ["x._waiters", "x.notify", "x._lock = t.RLock()", "x._lock = t.Lock()", "x._lock = Own()"]
)
def test_a_condition_uses_the_lock_that_it_has(lock: str, look: str) -> None:
    same(f"""
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
        x = t.Condition({lock})
        {look}
        for _ in range(3):
            with x as entered:
                said.append(entered)
        for name in ("acquire", "release"):
            said.append(hasattr(x, name))
        said += [x.acquire(), x.release(), x.acquire(False), x.acquire(timeout=0.01), x.release()]
        said
    """)


def test_acquire_and_release_of_a_condition_are_its_locks() -> None:
    same("""
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
    """)


def test_the_numbers_of_a_barrier() -> None:
    same("""
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
    """)


def test_a_standard_property_that_is_replaced_runs() -> None:
    same("""
        from unittest import mock
        x = t.Barrier(2)
        x._cond
        said = [x.n_waiting, x.n_waiting]
        with mock.patch.object(std.Barrier, "n_waiting", property(lambda self: "replaced")):
            said += [x.n_waiting, t.Barrier(2).n_waiting]
        said + [x.n_waiting]
    """)


def test_a_simple_queue_and_a_lock_are_made_as_their_classes_say() -> None:
    same("""
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
    """)
