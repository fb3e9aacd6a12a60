"""What a program sees of `Popen` beside its work: signatures, tracebacks, overridden parts, errors of bad signals."""

from __future__ import annotations

import inspect
import signal
import subprocess
import sys
import traceback
import typing
from typing import Any
from unittest import mock

import pytest

_STANDARD = inspect.signature(subprocess.Popen)


def test_the_signature_is_the_standard_one(commands: Any) -> None:
    class Own(commands.Popen):  # type: ignore[misc]
        def __init__(self, number: int) -> None:
            super().__init__(["true"])

    assert inspect.signature(commands.Popen) == _STANDARD
    assert inspect.signature(commands.Popen.__init__).parameters.keys() == {"self", *_STANDARD.parameters}
    assert list(inspect.signature(Own).parameters) == ["number"]


def test_a_specification_of_a_mock_refuses_what_the_class_refuses(commands: Any) -> None:
    popen = mock.create_autospec(commands.Popen)
    popen(["true"], stdout=commands.PIPE)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        popen(["true"], nothing=1)


def test_no_annotation_names_what_is_not_loaded(commands: Any) -> None:
    for name in ("Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"):
        assert typing.get_type_hints(getattr(commands, name)) == {}, name
    for name, method in inspect.getmembers(commands.Popen, inspect.isfunction):
        assert typing.get_type_hints(method) == {}, name


def test_a_traceback_shows_the_lines_of_the_standard_file_that_run(ours: Any) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        ours.Popen(["/nonexistent"])
    found = traceback.extract_tb(caught.value.__traceback__)
    lines = [frame.line for frame in found if frame.filename == subprocess.__file__]
    assert [str(line).partition("(")[0] for line in lines] == ["def __init__", "self._execute_child"]


CALLED = ["_save_input", "_translate_newlines"]
if sys.version_info < (3, 15):  # which looks at the time only if there is a limit
    CALLED.append("_check_timeout")


@pytest.mark.parametrize("name", CALLED)
def test_a_subclass_replaces_what_the_standard_code_calls(commands: Any, name: str) -> None:
    called = []

    def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
        called.append(name)
        return getattr(super(own, self), name)(*args, **kwargs)

    own = type("Own", (commands.Popen,), {name: replacement})
    with own(
        ["sh", "-c", "echo a; echo b >&2"], stdout=commands.PIPE, stderr=commands.PIPE, text=True
    ) as process:
        assert process.communicate() == ("a\n", "b\n")
    assert called


@pytest.mark.parametrize("number", ["x", 1.5, None, -1, signal.NSIG, 10**20, object()])
def test_a_bad_signal_has_the_error_of_the_standard_library(ours: Any, number: Any) -> None:
    def error(popen: Any) -> tuple[type, str]:
        with popen(["sleep", "60"]) as process:
            try:
                with pytest.raises((TypeError, OSError, OverflowError)) as caught:
                    process.send_signal(number)
            finally:
                process.kill()
        return caught.type, str(caught.value)

    standard = subprocess.Popen.__mro__[-2]  # after `install()`, the module has ours
    assert error(ours.Popen) == error(standard)


def test_the_event_of_a_signal_has_a_plain_number(commands: Any) -> None:
    seen: list[Any] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "os.kill" and watched:
            seen.append(args)

    watched = True
    sys.addaudithook(hook)
    with commands.Popen(["sleep", "60"]) as process:
        process.kill()
    watched = False
    assert seen == [(process.pid, 9)]
    assert type(seen[0][1]) is int
