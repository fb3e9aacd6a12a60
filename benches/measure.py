"""Timing: samples of equal length, taken in turn, of bodies with separate code objects.

Nothing is subtracted: the time of one operation includes the loop around it, and a sample includes starting the
threads of its body.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from functools import partial
from itertools import repeat
from statistics import median
from time import perf_counter_ns
from types import CellType, FunctionType
from typing import Any

from case import Body

MOST = 1 << 30
LONG = 250e6
"""Nanoseconds: a sample of this length is long enough for any purpose."""

Clock = Callable[[], int]
"""Returns nanoseconds."""


def with_own_code(body: Any) -> Any:
    """Return the same body with its own code objects: a function, the function of a partial, and the closures within.

    The interpreter specializes code for the types that it meets there. Subjects that share a body's code would spoil
    the specialization for each other, unlike in a program that uses only one of them.
    """
    if isinstance(body, partial):
        arguments = [_own_closure(argument) for argument in body.args]
        return partial(with_own_code(body.func), *arguments, **body.keywords)
    if not isinstance(body, FunctionType):
        return body
    closure = tuple(map(_own_cell, body.__closure__ or ()))
    code = body.__code__.replace()
    own = FunctionType(code, body.__globals__, body.__name__, body.__defaults__, closure)
    own.__kwdefaults__, own.__qualname__ = body.__kwdefaults__, body.__qualname__
    return own


def _own_cell(cell: CellType) -> CellType:
    own = _own_closure(cell.cell_contents)
    return cell if own is cell.cell_contents else CellType(own)


def _own_closure(thing: Any) -> Any:
    """Return a function that was made inside another function with its own code; return anything else unchanged.

    Functions of a module stay unchanged because workers find them by their names.
    """
    is_body = isinstance(thing, partial) or "<locals>" in getattr(thing, "__qualname__", "")
    return with_own_code(thing) if is_body else thing


def timed(body: Body, n: int, now_ns: Clock = perf_counter_ns) -> int:
    """Return the nanoseconds that ``body(n)`` takes, after a garbage collection."""
    gc.collect()
    start = now_ns()
    body(n)
    return now_ns() - start


def size(body: Body, multiple: int, least: int, sample_ms: float, now_ns: Clock = perf_counter_ns) -> int:
    """Return how many operations fill a sample. Finding this out warms up the body.

    It uses the shortest of three tries; otherwise one bad moment of a busy machine would make all samples tiny.
    """
    wanted = sample_ms * 1e6
    n = max(least // multiple, 1) * multiple
    while (elapsed := _shortest(body, n, now_ns)) < wanted / 4 and n < MOST:
        n *= 2 if elapsed > wanted / 100 else 8
    return max(least // multiple, round(n * wanted / elapsed / multiple), 1) * multiple


def _shortest(body: Body, n: int, now_ns: Clock) -> int:
    elapsed = timed(body, n, now_ns)
    return elapsed if elapsed > LONG else min(elapsed, *(timed(body, n, now_ns) for _ in range(2)))


def affordable(body: Body, multiple: int, least: int, now_ns: Clock = perf_counter_ns) -> int:
    """Return the fewest operations of a sample for a peer: ``least``, or fewer if such a sample would take very long.

    Where a call takes milliseconds, hundreds of calls are not needed. But the fewer operations a sample has, the more
    the fixed cost of a job counts, so it has as many as are affordable.
    """
    n = multiple
    timed(body, n, now_ns)  # some peers start their processes now
    while n < least and timed(body, n, now_ns) < LONG:
        n *= 4
    return min(n, least)


def in_turn(
    bodies: Mapping[str, Body], sizes: Mapping[str, int], rounds: int, now_ns: Clock = perf_counter_ns
) -> dict[str, list[float]]:
    """Take ``rounds`` samples of each body, one of each per round: nanoseconds per operation.

    The first round is not counted. The garbage collector is off during all samples.
    """
    samples: dict[str, list[float]] = {label: [] for label in bodies}
    gc.disable()
    try:
        for label, body in bodies.items():
            timed(body, sizes[label], now_ns)
        for _ in range(rounds):
            for label, body in bodies.items():
                samples[label].append(timed(body, sizes[label], now_ns) / sizes[label])
    finally:
        gc.enable()
    return samples


def loop_ns() -> float:
    """Return the nanoseconds of one turn of an empty loop in this interpreter."""

    def body(n: int) -> None:
        for _ in repeat(None, n):
            pass

    return median(timed(body, 200_000) / 200_000 for _ in range(7))
