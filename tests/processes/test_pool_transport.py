"""How calls, results and exceptions travel between a process pool and its workers."""

from __future__ import annotations

import functools
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool, _RemoteTraceback  # type: ignore[attr-defined]
from multiprocessing import pool, reduction
from pathlib import Path
from types import ModuleType
from typing import Any

import interlock
import pytest
from interlock._worker_process import transport as _transport
from interlock._worker_process.transport import (
    dump_call,
    dump_exception,
    dump_result,
    load_exception,
)
from interlock.concurrent.futures import ProcessPoolExecutor
from interlock.multiprocessing._pickling import loads


class Picky(ValueError):
    """Can be pickled, but not unpickled: its constructor wants another argument."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")


class Sealed(KeyError):
    def __reduce__(self) -> Any:
        raise RuntimeError("sealed")


class Rude(Exception):
    def __str__(self) -> str:
        raise SystemExit("rude")

    def __reduce__(self) -> Any:
        raise SystemExit("rude")


class NoError(Exception):
    def __reduce__(self) -> Any:
        return str, ("no exception",)


class NoInit(UnicodeError):
    def __reduce__(self) -> Any:
        return len, ()


class Interrupt(KeyboardInterrupt):
    def __reduce__(self) -> Any:
        return len, ()


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def travelled(error: BaseException) -> BaseException:
    return load_exception(dump_exception(raised(error)))


@pytest.fixture
def _no_cloudpickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "_cloudpickle", lambda: None)


def call(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
    return loads(dump_call(max, args, kwargs))


def test_calls_and_results_arrive() -> None:
    assert call(1, "a", key=[2]) == (max, (1, "a"), {"key": [2]})
    assert loads(memoryview(dump_call(len, ((),), {}))) == (len, ((),), {})
    assert loads(dump_result({"a": (1, b"x")})) == {"a": (1, b"x")}
    partial = call(functools.partial(int, base=2))[1][0]
    assert partial("10") == 2


def test_the_reducers_of_multiprocessing_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        reduction.ForkingPickler._extra_reducers, type(threading.Lock()), lambda _: (str, ("a lock",))
    )
    assert call(threading.Lock()) == (max, ("a lock",), {})
    assert loads(dump_result([threading.Lock()])) == ["a lock"]


@pytest.mark.usefixtures("_no_cloudpickle")
@pytest.mark.parametrize(
    ("fn", "args", "kwargs", "path", "hint"),
    [
        (max, (1, [{"a": threading.Lock()}]), {}, "args[1][0]['a']", False),
        (max, (), {"key": lambda x: x}, "kwargs['key'].<locals>", True),
        (lambda x: x, (), {}, "fn.<locals>", True),
    ],
)
def test_an_argument_that_cannot_be_pickled_fails_at_once_with_its_path(
    fn: Any, args: Any, kwargs: Any, path: str, hint: bool
) -> None:
    if "<locals>" in path:
        fn, kwargs = local_of(fn), {name: local_of(value) for name, value in kwargs.items()}
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as error:
        dump_call(fn, args, kwargs)
    notes = error.value.__notes__
    assert any(f"What can't be pickled is {path}, of type " in note for note in notes)
    assert any("cloudpickle" in note for note in notes) is hint


def local_of(thing: Any) -> Any:
    def local() -> None:
        pass

    return thing if thing is max else local


@pytest.mark.usefixtures("_no_cloudpickle")
def test_a_result_that_cannot_be_pickled_is_named() -> None:
    with pytest.raises(TypeError) as error:
        dump_result([1, {"lock": threading.Lock()}])
    assert error.value.__notes__[-2:] == [  # from 3.14 on, the pickler adds some, too
        "The call has returned, but its result, of type builtins.list, can't be sent back.",
        "What can't be pickled is result[1]['lock'], of type lock.",
    ]
    arrived = travelled(error.value)
    assert type(arrived) is TypeError
    assert arrived.__notes__ == error.value.__notes__


class Exits:
    def __reduce__(self) -> Any:
        return sys.exit, (3,)


def test_the_culprit_in_a_deep_structure_is_not_searched_for_ever() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        dump_call(max, (deep,), {})
    while deep:  # its end would be deep, too
        deep = deep.pop()


def test_what_cannot_be_unpickled_raises_an_error_that_says_so() -> None:
    with ProcessPoolExecutor(1) as executor:
        for call, words in (
            (executor.submit(max, Exits()), "did not run"),
            (executor.submit(Exits), "has returned"),
        ):
            with pytest.raises(interlock.TransportError, match=f"{words}.*SystemExit: 3") as error:
                call.result()
            assert isinstance(error.value, BrokenProcessPool)  # as in the standard library
        assert executor.submit(abs, -1).result() == 1


def test_an_exception_arrives_with_the_workers_traceback() -> None:
    error = raised(ValueError("bad", 3))
    error.add_note("at noon")
    arrived = load_exception(dump_exception(error))
    assert error.__traceback__ is None
    assert (type(arrived), arrived.args, arrived.__notes__) == (ValueError, ("bad", 3), ["at noon"])
    assert type(arrived.__cause__) is _RemoteTraceback
    text = str(arrived.__cause__)
    assert text.startswith('\n"""\nTraceback (most recent call last):\n')
    assert text.endswith('ValueError: (\'bad\', 3)\nat noon\n"""')


def test_a_pool_may_use_its_own_class_for_the_traceback() -> None:
    remote: Any = pool.RemoteTraceback  # type: ignore[attr-defined]
    assert type(load_exception(dump_exception(KeyError(1)), remote).__cause__) is remote


@pytest.mark.usefixtures("_no_cloudpickle")
@pytest.mark.parametrize(
    ("error", "base", "message", "reason"),
    [
        (Picky("a", "b"), ValueError, "a: b", "can't be unpickled (builtins.TypeError"),
        (Sealed("x"), KeyError, "'x'", "can't be pickled (builtins.RuntimeError: sealed)"),
        (Rude(), Exception, "could not be formatted", "can't be pickled (builtins.SystemExit: rude)"),
        (NoError("x"), Exception, "x", "its pickle makes an object of type builtins.str"),
        (NoInit("x"), UnicodeError, "x", "can't be unpickled"),
        (Interrupt("x"), KeyboardInterrupt, "x", "can't be unpickled"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_an_exception_that_cannot_travel_has_a_stand_in(
    error: BaseException, base: type, message: str, reason: str
) -> None:
    arrived = travelled(error)
    for shown in (arrived, pickle.loads(pickle.dumps(arrived))):
        assert isinstance(shown, interlock.RemoteError)
        assert isinstance(shown, base)
        assert type(shown).__name__ == type(error).__name__
        assert shown.type_name == f"{type(error).__module__}.{type(error).__qualname__}"
        assert message in str(shown)
        assert reason in shown.reason
        assert reason in shown.__notes__[0]
        assert len(shown.__notes__) == 1
    assert isinstance(arrived, interlock.RemoteError)
    assert arrived.traceback in str(arrived.__cause__)


@pytest.mark.usefixtures("_no_cloudpickle")
def test_groups_and_unicode_errors_have_stand_ins_too() -> None:
    class Local(ExceptionGroup[Exception]):
        pass

    class Code(UnicodeDecodeError):
        pass

    for error in (Local("both", [ValueError(1)]), Code("ascii", b"\xff", 0, 1, "why")):
        arrived = travelled(error)
        assert isinstance(arrived, interlock.RemoteError)
        assert str(arrived) == str(error)


def test_dumping_an_exception_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    fail = [True]

    def short_of_memory(error: BaseException) -> Any:
        raise MemoryError

    monkeypatch.setattr(_transport, "_dumped", short_of_memory)
    arrived = travelled(ValueError("x"))
    assert isinstance(arrived, interlock.RemoteError)
    assert "MemoryError" in arrived.reason
    assert fail


def test_data_that_is_no_exception_gives_a_stand_in() -> None:
    assert isinstance(load_exception(b"rubbish"), interlock.RemoteError)


needs_cloudpickle = pytest.mark.skipif(
    _transport._cloudpickle() is None, reason="cloudpickle is not installed"
)


@needs_cloudpickle
def test_lambdas_and_closures_go_by_value() -> None:
    base = 3
    fn, args, _ = loads(dump_call(lambda x: x + base, (4,), {}))
    assert fn(*args) == 7

    class Local(LookupError):
        pass

    assert type(travelled(Local("x"))) is Local  # as its class is that of this process
    inner: Callable[[], int] = loads(dump_result(lambda: base))
    assert inner() == 3


@needs_cloudpickle
def test_what_goes_by_value_uses_the_reducers_of_multiprocessing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        reduction.ForkingPickler._extra_reducers, type(threading.Lock()), lambda _: (str, ("a lock",))
    )
    assert loads(dump_call(lambda x: x, (threading.Lock(),), {}))[1] == ("a lock",)


@needs_cloudpickle
def test_functions_of_an_interactive_session_go_by_value(tmp_path: Path) -> None:
    session = """if 1:
        import subprocess, sys
        from interlock._worker_process.transport import dump_call
        class Point:
            x = 5
        def double(point):
            return 2 * point.x
        payload = b"".join(dump_call(double, (Point(),), {})[0])
        load = "import sys; from interlock.multiprocessing._pickling import loads as load; " \\
               "fn, args, _ = load(sys.stdin.buffer.read()); print(fn(*args))"
        subprocess.run([sys.executable, "-c", load], input=payload, check=True)
    """
    done = subprocess.run([sys.executable, "-c", session], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("10\n", "")


@needs_cloudpickle
@pytest.mark.parametrize("way", [[], ["-m", "interlock", "run"]])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_functions_of_an_interactive_session_see_the_state_of_a_forked_worker(
    way: list[str], method: str
) -> None:
    session = f"""if 1:
        import {"multiprocessing" if way else "interlock.multiprocessing as multiprocessing"}
        from {"" if way else "interlock."}concurrent.futures import ProcessPoolExecutor
        state, seen = None, {{}}
        class Point:
            def __init__(self, x):
                self.x = x
        def begin(value):
            global state
            state = value
        def told(_):
            return state
        def kept(n):
            seen[n] = n
            return len(seen)
        context = multiprocessing.get_context({method!r})
        own = (begin, (5,)) if {method!r} == "fork" else ()  # no other worker could unpickle it
        with context.Pool(1, *own) as pool:
            print(pool.map(told, [1, 2]), pool.map(kept, [1, 2, 3]))
            if own:
                print([type(point) is Point and point.x for point in pool.map(Point, [1])])
        with ProcessPoolExecutor(1, context, *own) as pool:
            print([*pool.map(told, [1, 2])], [*pool.map(kept, [1, 2, 3])])
            print([type(point) is Point and point.x for point in pool.map(Point, [1])])
            def later(point):
                return point.x
            print([*pool.map(later, [Point(7)])])
    """
    done = subprocess.run([sys.executable, *way, "-c", session], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    if method == "fork":
        assert lines == ["[5, 5] [1, 2, 3]", "[1]"] * 2
    else:
        assert lines[2:] == ["[1]"]
    assert last == "[7]"


@needs_cloudpickle
def test_open_files_and_views_are_refused_as_without_cloudpickle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text", encoding="utf-8")
    with (tmp_path / "file").open("r+", encoding="utf-8") as file:
        for thing in (file, memoryview(b"bytes")):
            for dump in (
                lambda thing=thing: dump_call(lambda x: x, (thing,), {}),
                lambda thing=thing: dump_result(thing),
            ):
                with pytest.raises((TypeError, pickle.PicklingError, AttributeError)):
                    dump()


class _Blocking:
    """An importer that has no cloudpickle."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> None:
        if name == "cloudpickle":
            raise ImportError(name)


def test_without_cloudpickle_nothing_else_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cloudpickle", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Blocking(), *sys.meta_path])
    assert _transport._cloudpickle() is None
    with pytest.raises((AttributeError, pickle.PicklingError), match=r"local object|<lambda>"):
        dump_call(lambda: 0, (), {})
