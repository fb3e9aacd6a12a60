"""Results of two implementations for the same snippet of Python, in a form that compares.

Names of classes and modules, addresses and numbers of threads are removed, because they may differ.
"""

from __future__ import annotations

import ast
import concurrent.futures as std_futures
import queue as std_queue
import re
import sys
import textwrap
import threading as std_threading
from types import ModuleType
from typing import Any, NamedTuple

from interlock import queue, threading
from interlock.concurrent import futures


class Implementation(NamedTuple):
    """Return the modules of one implementation."""

    name: str
    threading: ModuleType
    queue: ModuleType
    futures: ModuleType


STD = Implementation("std", std_threading, std_queue, std_futures)
OURS = Implementation("interlock", threading, queue, futures)
IMPLEMENTATIONS = [STD, OURS]

_CLASSES = (
    "Barrier|BoundedSemaphore|Condition|Event|LifoQueue|PriorityQueue|Queue|RLock|Lock|Semaphore|SimpleQueue"
    "|Thread|Timer|lock"
)
_LEFT_OUT = [
    (re.compile(rf"\b(?:\w+\.)*({_CLASSES})\b(?!\()"), lambda m: m[1].lower()),
    (re.compile(rf"\b(?:\w+\.)*({_CLASSES})\("), lambda m: f"{m[1].lower()}("),
    (re.compile(r"0x[0-9a-f]+"), lambda m: "0x"),
    (re.compile(r"thread-\d+", re.IGNORECASE), lambda m: "thread-N"),
    (re.compile(r"\b\d{6,}\b"), lambda m: "N"),
]


def without_names(text: str) -> str:
    """Remove from a text the parts that may differ."""
    for pattern, replacement in _LEFT_OUT:
        text = pattern.sub(replacement, text)
    return text


def run(impl: Implementation, code: str) -> Any:
    """Return the value of the last expression of a snippet in which `t`, `q` and `f` are the modules."""
    tree = ast.parse(textwrap.dedent(code))
    last = tree.body.pop()
    assert isinstance(last, ast.Expr), code
    namespace: dict[str, Any] = {"t": impl.threading, "q": impl.queue, "sys": sys, "std": std_threading}
    namespace |= {"f": impl.futures, "std_f": std_futures}
    namespace["__name__"] = "__main__"
    exec(compile(tree, "<snippet>", "exec"), namespace)
    return eval(compile(ast.Expression(last.value), "<snippet>", "eval"), namespace)


def outcome(impl: Implementation, code: str) -> tuple[str, Any]:
    """Return a snippet's value, or the class and text of its exception."""
    try:
        value = run(impl, code)
    except Exception as error:
        kind = f"{type(error).__module__}.{type(error).__name__}"
        return f"raised {kind}", without_names(str(error))
    return "returned", without_names(value) if isinstance(value, str) else value


def attempt(code: str, after: str) -> str:
    """Make a snippet whose value is the outcome of its last line, and then the value of `after` about the object."""
    *setup, call = textwrap.dedent(code).strip().splitlines()
    return "\n".join(
        [
            *setup,
            "try:",
            f"    ended = ('returned', {call})",
            "except Exception as error:",
            "    ended = (type(error), str(error))",
            f"(ended, ({after}))",
        ]
    )


def same(code: str) -> Any:
    """Check that both implementations have the same result, and return it."""
    ours, std = outcome(OURS, code), outcome(STD, code)
    assert ours == std, f"{textwrap.dedent(code)}\nInterlock: {ours}\nstandard library: {std}"
    return ours


class Gate:
    """Tasks that are known to run until they are released."""

    def __init__(self) -> None:
        self.arrived, self.open = threading.Semaphore(0), threading.Event()

    def __call__(self, value: Any = None) -> Any:
        self.arrived.release()
        assert self.open.wait(60)
        return value

    def wait_for(self, number: int) -> None:
        for _ in range(number):
            assert self.arrived.acquire(timeout=60)
