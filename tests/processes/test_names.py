"""What programs see of shared objects and of errors: names, pickles and causes, in both forms."""

from __future__ import annotations

import pickle
from multiprocessing import sharedctypes
from typing import Any

import pytest

from tests.processes.conftest import Run

_CLASSES = """
        import multiprocessing
        import ctypes
        import pickle
        from multiprocessing.managers import BaseManager, SyncManager
        from multiprocessing.shared_memory import SharedMemory

        class Point(ctypes.Structure):
            _fields_ = [("x", ctypes.c_int)]

        def shared(ctx):
            objects = [
                ctx.Lock(), ctx.RLock(), ctx.Semaphore(), ctx.BoundedSemaphore(), ctx.Condition(), ctx.Event(),
                ctx.Barrier(1), ctx.Queue(), ctx.JoinableQueue(), ctx.SimpleQueue(), ctx.Value("i"), ctx.Array("i", 2),
                ctx.Array("c", 2), ctx.Value(Point, 1),
            ]
            return [type(shared) for shared in objects] + [BaseManager, SyncManager, SharedMemory]
"""


def test_installed_classes_have_the_names_of_the_standard_ones(run: Run, method: str) -> None:
    program = f"""{_CLASSES}
        def main():
            ctx = multiprocessing.get_context(METHOD)
            own = [cls for cls in shared(ctx) if cls.__module__.startswith("interlock.")]
            texts = repr(own), repr(ctx.Queue()), repr(ctx.Barrier(1)), repr(ctx.SimpleQueue()), repr(ctx.Array("i", 1))
            is_installed = multiprocessing.__name__ == "multiprocessing"
            expected = [] if is_installed else shared(ctx)
            print(("interlock" in "".join(texts)) is not is_installed, len(own) == len(expected))
            for function in (multiprocessing.Value, multiprocessing.Array):
                assert function.__func__.__module__.endswith("multiprocessing.context")
    """
    assert run(program, method) == "True True\n"


def test_a_pickle_finds_a_class_by_its_name(run: Run, method: str) -> None:
    program = f"""{_CLASSES}
        def look(classes, names, queue):
            queue.put([pickle.loads(name) is cls for cls, name in zip(classes, names)])
            queue.put(named(classes))

        def named(classes):
            return [f"{{cls.__module__}}.{{cls.__qualname__}}" for cls in classes]

        def main():
            ctx = multiprocessing.get_context(METHOD)
            classes = [cls for cls in shared(ctx) if cls.__name__ != "SynchronizedPoint"]  # no module has that
            queue = ctx.Queue()
            process = ctx.Process(target=look, args=(classes, [pickle.dumps(cls) for cls in classes], queue))
            process.start()
            print(all(queue.get(timeout=60)), queue.get(timeout=60) == named(classes))
            process.join()
    """
    assert run(program, method) == "True True\n"


def test_uninstalled_classes_have_their_own_names_again(run: Run) -> None:
    program = """
        import multiprocessing
        import interlock
        from interlock.multiprocessing import queues

        def main():
            interlock.install()
            during = queues.Queue.__module__, repr(queues.Queue)
            interlock.uninstall()
            print(during, queues.Queue.__module__)
    """
    names = ("multiprocessing.queues", "<class 'multiprocessing.queues.Queue'>")
    assert run(program) == f"{names} interlock.multiprocessing.queues\n"


def test_only_the_error_of_this_process_is_the_end_of_its_pool() -> None:
    from interlock._multiprocessing_pool.answers import is_end, terminated

    assert is_end(terminated())
    assert type(terminated()) is RuntimeError
    assert not is_end(RuntimeError(*terminated().args)), "a task may raise the same text"
    assert not is_end(pickle.loads(pickle.dumps(terminated()))), "a task may have a pool of its own"


def test_locks_take_no_position(run: Run) -> None:
    program = """
        import multiprocessing

        def main():
            for make in (multiprocessing.Lock, multiprocessing.RLock):
                try:
                    make("warn")
                except TypeError as error:
                    print(str(error).partition(".")[2])
    """
    takes = "takes 1 positional argument but 2 were given"
    assert run(program) == f"Lock() {takes}\nRLock() {takes}\n"


@pytest.mark.parametrize("arguments", [("no type",), (5,), ("i", "x"), ("i", 1, 2), (None,), (int, 1)])
def test_a_bad_value_has_the_error_of_the_standard_library(arguments: tuple[Any, ...]) -> None:
    from interlock.multiprocessing import sharedctypes as ours

    def error(make: Any) -> Any:
        try:
            return make(*arguments)
        except Exception as error:
            return type(error), error.args, type(error.__cause__)

    assert error(ours.RawValue) == error(sharedctypes.RawValue)
    assert error(ours.Value) == error(sharedctypes.Value)


def test_what_can_not_be_sent_back_has_the_error_of_the_standard_pool_without_a_cause(
    run: Run, method: str
) -> None:
    program = """
        import multiprocessing
        from multiprocessing.pool import MaybeEncodingError

        class Unpicklable(Exception):
            def __reduce__(self):
                raise TypeError("not to be pickled")

        def unpicklable():
            raise Unpicklable("so")

        def function():
            return (i for i in ())

        def main():
            with multiprocessing.get_context(METHOD).Pool(1) as pool:
                for call in (unpicklable, function):
                    try:
                        pool.apply(call)
                    except MaybeEncodingError as error:
                        print(str(error)[:24], "so" in error.value, len(error.exc) > 5)
                        print(error.__cause__, error.__context__)
    """
    assert run(program, method).splitlines() == [
        "Error sending result: 'U True True",
        "None None",
        "Error sending result: '< False True",
        "None None",
    ]
