"""A model of `ThreadPool` without threads: jobs, their chunks, and the answers that each must have."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

LIMIT = 60.0
TERMINATED = ("raised", RuntimeError, ("the pool was terminated before it made this call",))
BROKEN = ("raised", KeyError, ("broken",))

Answer = tuple[Any, ...]  # ("returned", value), or ("raised", class, arguments)

SHAPES = {
    "list": list,
    "tuple": tuple,
    "range": lambda numbers: range(numbers[0], numbers[-1] + 1) if numbers else range(0),
    "keys": dict.fromkeys,
    "iterator": iter,
}
"""The kinds of iterables that a pool treats differently."""


def until(condition: Callable[[], bool]) -> None:
    """Wait for a state."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0)  # sleep: between two looks


def answer(call: Any, *args: Any) -> Answer:
    """Return what a call returns or raises, in a form that compares."""
    try:
        return "returned", call(*args)
    except Exception as error:
        return "raised", type(error), error.args


def compute(number: int) -> int:
    """Do one task; one in five raises."""
    if number % 5 == 4:
        raise ValueError(number)
    return -number


def broken(numbers: Iterable[int]) -> Iterator[int]:
    """An iterable that raises at its end."""
    yield from numbers
    raise KeyError("broken")


def first_of(part: Answer) -> Any:
    return part[1][0] if part[0] == "returned" else None


class Job:
    """Calls for a number of values, in chunks; a chunk ends at the first call that raises."""

    def __init__(self, kind: str, numbers: list[int], chunksize: int = 1, is_broken: bool = False) -> None:
        self.kind, self.numbers, self.chunksize = kind, numbers, chunksize
        self.chunks = [numbers[at : at + chunksize] for at in range(0, len(numbers), chunksize or 1)]
        if is_broken and self.chunks and len(self.chunks[-1]) < chunksize:
            self.chunks.pop()  # the iterable raises before the chunk is full
        self.is_broken = is_broken
        self.given: tuple[int, ...] = ()  # the size of chunks, if it is given
        self.answers: list[Answer] = []  # one for each finished chunk
        self.is_over = False
        self.is_terminated = False  # before all calls were made
        self.calls_back = True
        self.callbacks: list[Answer] = []  # the arguments of the callbacks
        self.taken: list[Answer] = []  # the results taken from the iterator
        self.result: Any = None

    @property
    def is_iterator(self) -> bool:
        return self.kind.startswith("imap")

    def calls(self, number: int) -> list[int]:
        """Return the values for which calls are made in a chunk."""
        chunk = self.chunks[number]
        return chunk[: 1 + next((at for at, one in enumerate(chunk) if one % 5 == 4), len(chunk))]

    def all_calls(self) -> list[int]:
        return [one for number in range(len(self.chunks)) for one in self.calls(number)]

    def answer_of(self, number: int) -> Answer:
        """Return the answer of a chunk."""
        return answer(lambda: [compute(one) for one in self.chunks[number]])

    def failures(self) -> list[Answer]:
        said = [self.answer_of(number) for number in range(len(self.chunks))]
        return [one for one in said if one[0] == "raised"]

    def whole(self) -> Answer:
        """The answer of `get()` when all calls were made and, of those that raise, the first one ended first."""
        if self.is_terminated:
            return TERMINATED
        failures = self.failures()
        if failures:
            return failures[0]
        values = [-one for one in self.numbers]
        return "returned", values[0] if self.kind == "apply" else values

    def possible(self, workers: int) -> list[Answer]:
        """The possible answers of `get()` when all calls were made: with several workers, any chunk may raise first."""
        return self.failures()[: 1 if workers == 1 else None] or [self.whole()]

    def could_give(self, taken: list[Answer], is_stopped: bool) -> bool:
        """Return whether an iterator may have given these results, and, if `is_stopped`, no more."""
        parts = [self.answer_of(number) for number in range(len(self.chunks))]
        parts += [BROKEN] if self.is_broken else []
        left = list(taken)
        while parts:
            part = self.next_part(parts, left)
            if part is None:
                return left == [] and not is_stopped
            parts.remove(part)
            values = [part] if part[0] == "raised" else [("returned", value) for value in part[1]]
            if left[: len(values)] != values[: len(left)] or (is_stopped and len(left) < len(values)):
                return False
            del left[: len(values)]
            if part[0] == "raised" and self.chunksize > 1:
                break  # the iterator is then a generator, and an exception ends it
        return left == []

    def next_part(self, parts: list[Answer], left: list[Answer]) -> Answer | None:
        """Return the next chunk: in order, or the one that begins with this result."""
        if not left:
            return None
        if self.kind == "imap":
            return parts[0]
        begins = (part for part in parts if left[0] in (part, ("returned", first_of(part))))
        return next(begins, parts[0])

    def stream(self) -> list[Answer]:
        """Yield what the iterator gives for the finished chunks, in order."""
        said: list[Answer] = []
        for one in self.answers:
            if one[0] == "returned":
                said += [("returned", value) for value in one[1]]
            else:
                said.append(one)
                if self.chunksize > 1:  # the iterator is then a generator, and an exception ends it
                    return [*said, ("raised", StopIteration, ())]
        if self.is_over:
            if self.is_terminated:
                said.append(TERMINATED)
            said.append(("raised", StopIteration, ()))
        return said

    def call_back(self, what: str) -> Any:
        """Return the callback for values or for errors."""

        def callback(value: Any) -> None:
            given = (what, value) if what == "returned" else (what, type(value), value.args)
            self.callbacks.append(given)

        return callback if self.calls_back else None

    def submit(self, pool: Any, work: Any, shape: str) -> None:
        """Let the pool make the calls."""
        back = {"callback": self.call_back("returned"), "error_callback": self.call_back("raised")}
        items = SHAPES[shape](self.numbers)  # type: ignore[operator]
        if self.kind == "apply":
            self.result = pool.apply_async(work, self.numbers, **back)
        elif self.kind == "map":
            self.result = pool.map_async(work, items, *self.given, **back)
        elif self.kind == "starmap":
            pairs = [(number, shape) for number in self.numbers]
            self.result = pool.starmap_async(work, pairs, *self.given, **back)
        else:
            items = broken(self.numbers) if self.is_broken else items
            self.result = getattr(pool, self.kind)(work, items, *self.given)
            self.calls_back = False
