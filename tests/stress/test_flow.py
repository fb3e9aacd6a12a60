"""Sixteen threads at one queue: no item is lost or doubled, and each producer's items keep their order."""

from __future__ import annotations

import pytest
from interlock import queue

from tests.stress.crew import ITEMS, restless
from tests.stress.flow import passes

KINDS = ["Queue", "LifoQueue", "PriorityQueue"]
BOUNDS = [0, 7, 1000]
CASES = len(KINDS) * len(BOUNDS) * 2 + 3


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_item_comes_out_once(kind: str, bound: int) -> None:
    passes(lambda: getattr(queue, kind)(bound), ITEMS // CASES)


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_item_comes_out_once_though_somebody_looks_inside(kind: str, bound: int) -> None:
    passes(lambda: getattr(queue, kind)(bound), ITEMS // CASES, lookers=2)


def test_every_item_of_a_simple_queue_comes_out_once() -> None:
    passes(queue.SimpleQueue, ITEMS // CASES)


@pytest.mark.parametrize("kind", ["Queue", "SimpleQueue"])
def test_every_item_comes_out_once_when_threads_switch_all_the_time(kind: str) -> None:
    with restless():
        passes(getattr(queue, kind), ITEMS // CASES)


class Hooked(queue.Queue):
    """A queue with its own storage."""

    def _init(self, maxsize: int) -> None:
        self.mine: list[object] = []

    def _qsize(self) -> int:
        return len(self.mine)

    def _put(self, item: object) -> None:
        self.mine.append(item)

    def _get(self) -> object:
        return self.mine.pop(0)


@pytest.mark.parametrize("bound", BOUNDS)
def test_every_item_of_a_subclass_with_hooks_comes_out_once(bound: int) -> None:
    passes(lambda: Hooked(bound), ITEMS // CASES // 2)
