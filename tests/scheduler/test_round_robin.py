"""`round_robin()` gives what several iterables give, in turn."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from interlock.scheduler import round_robin


def letters(name: str, count: int) -> Iterator[str]:
    for number in range(count):
        yield f"{name}{number}"


def test_items_come_in_turn_until_each_is_done() -> None:
    items = round_robin([letters("a", 3), letters("b", 1), letters("c", 2)])
    assert list(items) == ["a0", "b0", "c0", "a1", "c1", "a2"]
    assert next(items, None) is None


def test_any_iterables_will_do() -> None:
    assert list(round_robin([[1, 2], "ab", range(1)])) == [1, "a", 0, 2, "b"]
    assert list(round_robin(letters("", 0))) == []
    assert list(round_robin(["ab"])) == ["a", "b"]


def test_an_error_passes_and_the_others_go_on() -> None:
    def breaks() -> Iterator[str]:
        yield "x"
        raise ValueError("broken")

    items = round_robin([breaks(), letters("a", 3)])
    assert [next(items), next(items)] == ["x", "a0"]
    with pytest.raises(ValueError, match="broken"):
        next(items)
    assert list(items) == ["a1", "a2"]


@pytest.mark.parametrize("wrong", [3, [1], None])
def test_what_is_not_iterable_is_a_type_error(wrong: object) -> None:
    with pytest.raises(TypeError):
        round_robin(wrong)  # type: ignore[arg-type]


def test_closing_closes_the_generators() -> None:
    log: list[str] = []

    def generator() -> Iterator[int]:
        try:
            yield 1
        finally:
            log.append("closed")

    items = round_robin([generator(), [2]])
    assert next(items) == 1
    items.close()
    assert log == ["closed"]
    assert list(items) == []


def test_a_generator_may_use_the_iterator_that_runs_it() -> None:
    def greedy() -> Iterator[str]:
        yield "mine"
        yield next(items)

    items = round_robin([greedy(), letters("a", 2)])
    assert list(items) == ["mine", "a0", "a1"]


def test_circles_are_collected() -> None:
    class Holder:
        items: object

    def generator(holder: Holder) -> Iterator[Holder]:
        yield holder

    holder = Holder()
    holder.items = round_robin([generator(holder)])
    gone = weakref.ref(holder)
    del holder
    gc.collect()
    assert gone() is None


def test_a_generator_that_closes_all_while_it_runs_is_closed_too() -> None:
    log: list[str] = []

    def generator() -> Iterator[int]:
        try:
            yield 1
            items.close()
            yield 2
        finally:
            log.append("closed")

    items = round_robin([generator(), [3]])
    assert list(items) == [1, 3]
    assert log == ["closed"]


def test_closing_goes_on_after_an_error_and_keeps_the_worst() -> None:
    class Broken:
        def __iter__(self) -> Broken:
            return self

        def __next__(self) -> int:
            return 0

        @property
        def close(self) -> None:
            raise ValueError

    def generator() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise KeyboardInterrupt

    items = round_robin([Broken(), generator(), Broken()])
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(KeyboardInterrupt):
        items.close()
