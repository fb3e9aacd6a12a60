"""Changes that others made to the standard modules before Interlock was loaded stay in effect."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Check = Callable[..., str]

WRAPPING = """
    import concurrent.futures.thread, multiprocessing.pool, queue, sys, threading
    from concurrent.futures import Executor, Future
    from types import FunctionType

    calls = []

    class Wrapper:
        "An object that binds, and is no function."
        def __init__(self, found, tell):
            self.found, self.tell = found, tell
        def __get__(self, instance, cls):
            return self if instance is None else lambda *args, **kwargs: self(instance, *args, **kwargs)
        def __call__(self, *args, **kwargs):
            self.tell()
            return self.found(*args, **kwargs)

    def wrap(way, cls, name):
        found = vars(cls)[name]
        tell = lambda: calls.append(f"{cls.__name__}.{name}")
        def wrapper(*args, **kwargs):
            tell()
            return found(*args, **kwargs)
        if way == "function":
            setattr(cls, name, wrapper)
        elif way == "object":
            setattr(cls, name, Wrapper(found, tell))
        else:
            inner = FunctionType(found.__code__, found.__globals__, name, found.__defaults__, found.__closure__)
            inner.__kwdefaults__ = found.__kwdefaults__
            def outer(*args, **kwargs):
                wrapper = "wrapper"
                return wrapper(*args, **kwargs)
            code = outer.__code__
            def call(*args, **kwargs):
                tell()
                return inner(*args, **kwargs)
            consts = tuple(call if const == "wrapper" else const for const in code.co_consts)
            found.__code__ = code.replace(co_consts=consts)

    classes = {
        concurrent.futures.thread.ThreadPoolExecutor: "submit shutdown _adjust_thread_count",
        Executor: "map __exit__",
        Future: "set_result result add_done_callback",
        multiprocessing.pool.Pool: "apply_async _map_async close",
        multiprocessing.pool.ApplyResult: "get _set",
        queue.Queue: "__init__ put get _put task_done",
        threading.Barrier: "wait",
        threading.Condition: "wait notify",
        threading.Event: "__init__ set wait",
        threading.Semaphore: "acquire release",
    }
    for cls in classes:
        for name in classes[cls].split():
            wrap(sys.argv[1], cls, name)
    del Future, cls
    """

PROGRAM = """
    import wrapping
    if "install" in sys.argv:
        import interlock
        interlock.install()

    def tell(what):
        print(what, sorted(wrapping.calls))
        wrapping.calls.clear()

    with ThreadPoolExecutor(2) as executor:
        print(list(executor.map(str, range(3))), executor.submit(abs, -1).result())
    print(sorted(call for call in set(wrapping.calls) if call.split(".")[0] not in ("Event", "Condition", "Semaphore")))
    wrapping.calls.clear()
    with ThreadPool(2) as pool:
        print(pool.map(str, range(3)), pool.apply(str, (1,)))
        pool.close()
        pool.join()
    print(sorted(call for call in set(wrapping.calls) if call.split(".")[0] in ("Pool", "ApplyResult")))
    wrapping.calls.clear()
    for cls in (Queue, LifoQueue, PriorityQueue):
        q = cls()
        q.put(1)
        q.put_nowait(2)
        tell((q.get(), q.get_nowait(), q.task_done()))
    e = Event()
    e.set()
    tell(e.wait())
    for s in (Semaphore(), BoundedSemaphore()):
        tell((s.acquire(), s.release()))
    tell(Barrier(1).wait())
    c = Condition()
    with c:
        tell((c.notify(), c.wait(0.001)))
    f = Future()
    tell((f.add_done_callback(lambda future: None), f.set_result(1), f.result()))
    """

NAMES = """
    import sys
    sys.argv += ["{way}", "{form}"]
    import wrapping
    if "install" in sys.argv:
        import interlock
        interlock.install()
    from {prefix}concurrent.futures import Future, ThreadPoolExecutor
    from {prefix}multiprocessing.pool import ThreadPool
    from {prefix}queue import LifoQueue, PriorityQueue, Queue
    from {prefix}threading import Barrier, BoundedSemaphore, Condition, Event, Semaphore
    """


def program(way: str, form: str) -> str:
    return NAMES.format(way=way, form=form, prefix="interlock." if form == "import" else "") + PROGRAM


@pytest.mark.parametrize("form", ["import", "install"])
@pytest.mark.parametrize("way", ["function", "object", "code"])
def test_wrapped_methods_are_gone_through(check: Check, way: str, form: str) -> None:
    plain = check(program(way, "plain"), wrapping=WRAPPING)
    assert check(program(way, form), wrapping=WRAPPING) == plain
    assert all(
        call in plain for call in ("ThreadPoolExecutor.submit", "Pool.apply_async", "Queue._put", "Event.set")
    )


REPLACED = """
    import _thread, concurrent.futures.thread, multiprocessing.pool, queue, sys, threading

    made = []

    class Replaced:
        "Makes what was there before, and counts it; no class."
        def __init__(self, name, what):
            self.name, self.what = name, what
        def __call__(self, *args, **kwargs):
            made.append(self.name)
            return self.what(*args, **kwargs)
        def __getattr__(self, name):
            return getattr(self.what, name)

    for module, names in {
        threading: "Lock RLock Semaphore BoundedSemaphore Condition Event Barrier",
        queue: "Queue LifoQueue PriorityQueue",
        concurrent.futures.thread: "ThreadPoolExecutor",
        multiprocessing.pool: "ThreadPool",
    }.items():
        for name in names.split():
            if name in sys.argv:
                setattr(module, name, Replaced(name, getattr(module, name)))
    """

AFTER = """
    import sys
    sys.argv += {names}
    import replaced, interlock
    report = interlock.install()
    import concurrent.futures.thread as futures, multiprocessing.pool as pools, queue, threading
    replaced.made.clear()
    modules = threading, queue, futures, pools
    places = {{name: module for module in modules for name in {names} if name in vars(module)}}
    for name, module in places.items():
        arguments = (1,) if name in ("Barrier", "ThreadPoolExecutor", "ThreadPool") else ()
        made = getattr(module, name)(*arguments)
        assert name in replaced.made, name
        assert not hasattr(made, "_interlock_is_materialized"), name
        assert name not in report.names.get(module.__name__, ()), name
    for module, names in report.names.items():
        print(module, *names)
    q = queue.Queue()
    q.put(1)
    q.mutex
    print(q.get(), vars(q).keys() >= {{"mutex", "not_empty"}})
    interlock.uninstall()
    assert all(type(getattr(module, name)).__name__ == "Replaced" for name, module in places.items())
    """


@pytest.mark.parametrize(
    "names",
    [
        ["Lock", "RLock"],
        ["Semaphore", "BoundedSemaphore", "Condition"],
        ["Event", "Barrier", "Queue", "LifoQueue"],
        ["PriorityQueue", "ThreadPoolExecutor", "ThreadPool"],
        [
            "Lock",
            "RLock",
            "Semaphore",
            "BoundedSemaphore",
            "Condition",
            "Event",
            "Barrier",
            "Queue",
            "LifoQueue",
        ],
    ],
    ids="+".join,
)
def test_a_replaced_name_is_left_to_who_replaced_it(check: Check, names: list[str]) -> None:
    printed = check(AFTER.format(names=names), replaced=REPLACED)
    assert printed.endswith("1 True\n")
    assert "SimpleQueue" in printed
    assert "Future" in printed


def test_a_class_that_cannot_be_found_is_an_error_that_names_it(check: Check) -> None:
    printed = check("""
        import threading
        from interlock._originals import originals
        try:
            originals(threading, "get_ident", "NoClass") if not setattr(threading, "NoClass", 1) else None
        except ImportError as error:
            print(error)
        """)
    assert printed == "somebody has replaced threading.NoClass, and the class itself can't be found\n"


def test_nothing_counts_as_changed_in_a_fresh_interpreter(check: Check) -> None:
    check("""
        import concurrent.futures.thread as futures, multiprocessing.pool as pools, queue, threading
        from concurrent.futures import Future
        from interlock._originals import is_original, methods_of
        for cls in (
            futures.ThreadPoolExecutor, Future, pools.ThreadPool, pools.ApplyResult, pools.MapResult,
            pools.IMapIterator, pools.IMapUnorderedIterator, queue.Queue, queue.LifoQueue, queue.PriorityQueue,
            threading.Barrier, threading.BoundedSemaphore, threading.Condition, threading.Event, threading.Semaphore,
        ):
            changed = [name for name, own in methods_of(cls).items() if not own]
            assert is_original(cls) and methods_of(cls) and not changed, (cls, changed)
        for what in (threading.Lock, threading.RLock, queue.SimpleQueue):
            assert is_original(what), what
        """)
