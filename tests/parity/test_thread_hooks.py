"""What a thread raises goes to `threading.excepthook`; trace and profile functions are set in new threads."""

from __future__ import annotations

import sys
import threading as std
from typing import Any

import pytest

from tests.parity.judge import Implementation

pytestmark = pytest.mark.timeout(30)


def test_an_exception_goes_to_the_hook(impl: Implementation, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(
        std, "excepthook", lambda args: seen.append((args.exc_type, str(args.exc_value), args.thread))
    )
    thread = impl.threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    assert seen == [(ZeroDivisionError, "division by zero", thread)]
    seen.clear()
    run_quietly = impl.threading.Thread(target=sys.exit)
    run_quietly.start()
    run_quietly.join()
    assert [kind for kind, *_ in seen] == [SystemExit]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_is_printed(
    impl: Implementation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(std, "excepthook", std.__excepthook__)
    thread = impl.threading.Thread(target=lambda: 1 / 0, name="Bad")
    thread.start()
    thread.join()
    err = capsys.readouterr().err
    assert err.startswith("Exception in thread Bad:\nTraceback (most recent call last):\n")
    assert err.endswith("ZeroDivisionError: division by zero\n")


def test_a_hook_that_raises_is_reported(
    impl: Implementation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def hook(_args: Any) -> None:
        raise KeyError("hook")

    monkeypatch.setattr(std, "excepthook", hook)
    monkeypatch.setattr(sys, "excepthook", lambda *a: print("sys.excepthook", a[0].__name__))
    thread = impl.threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    assert "sys.excepthook KeyError" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["trace", "profile"])
def test_trace_and_profile_functions_are_set_in_new_threads(impl: Implementation, kind: str) -> None:
    t, seen = impl.threading, []

    def hook(frame: Any, event: str, arg: Any) -> None:
        if frame.f_code.co_name == "traced":
            seen.append((event, std.current_thread()))

    def traced() -> None:
        pass

    usual = getattr(t, f"get{kind}")()
    getattr(t, f"set{kind}")(hook)
    try:
        assert getattr(t, f"get{kind}")() is hook
        thread = t.Thread(target=traced)
        thread.start()
        thread.join()
    finally:
        getattr(t, f"set{kind}")(usual)
    assert ("call", thread) in seen
