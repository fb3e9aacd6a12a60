"""What an executor reports about its calls: progress, counts, notes on exceptions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from interlock.concurrent.futures import ThreadPoolExecutor, as_completed, wait

from tests.lifecycle.inside import eventually
from tests.parity.judge import Gate


def test_progress_is_told_to_a_function(one: ThreadPoolExecutor, gate: Gate) -> None:
    told: list[Any] = []
    futures = [one.submit(abs, n) for n in range(5)]
    assert len(list(as_completed(futures, progress=lambda *args: told.append(args)))) == 5
    assert told == [(n, 5) for n in range(1, 6)]
    told.clear()
    assert list(one.map(abs, [1, 2], progress=lambda *args: told.append(args))) == [1, 2]
    list(one.map(abs, iter([1]), progress=lambda *args: told.append(args)))
    assert told == [(1, 2), (2, 2), (1, None)]
    told.clear()
    one.progress(lambda *args: told.append(args))
    assert told[-1] == (8, 8)
    one.submit(gate)
    gate.wait_for(1)
    cancelled = [one.submit(int) for _ in range(3)]
    cancelled[1].cancel()
    one.shutdown(wait=False, cancel_futures=True)
    gate.open.set()
    one.progress(lambda *args: told.append(args))
    assert told[-1] == (12, 12)


@pytest.mark.parametrize("title", ["", "Reading"])
def test_progress_on_the_terminal_without_tqdm(
    one: ThreadPoolExecutor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, title: str
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    show = title or True
    assert list(one.map(abs, range(4), progress=show)) == [0, 1, 2, 3]
    one.progress(show)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("4/4 done in ") == 2
    assert said.err.startswith(f"\r{title}{': ' if title else ''}")


def test_progress_with_a_bar(one: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    class Bar:
        def __init__(self, total: int | None, desc: str | None) -> None:
            self.n, self.said = 0, [total, desc]
            bars.append(self)

        def update(self, by: int) -> None:
            self.n += by

        def close(self) -> None:
            self.said.append(self.n)

    bars: list[Bar] = []
    module = type(sys)("tqdm.auto")
    module.tqdm = Bar  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tqdm", type(sys)("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    list(one.map(abs, range(4), progress="Reading"))
    one.progress()
    assert [bar.said for bar in bars] == [[4, "Reading", 4], [4, None, 4]]


def test_counts(one: ThreadPoolExecutor, gate: Gate) -> None:
    assert one.stats() == (0, 0, 0, 0, 0, {})
    one.submit(gate)
    gate.wait_for(1)
    failing, cancelled = one.submit(divmod, 1, 0), one.submit(int)
    cancelled.cancel()
    last = one.submit(int)
    said = one.stats()
    assert (said.submitted, said.running, said.waiting, said.done, said.failed) == (4, 1, 3, 0, 0)
    name = next(iter(one._threads)).name
    assert list(said.busy) == [name]
    gate.open.set()
    assert wait([failing, last]).done
    eventually(lambda: one.stats().done == 4, "the counts")
    said = one.stats()
    assert (said.submitted, said.running, said.waiting, said.done, said.failed) == (4, 0, 0, 4, 1)
    assert said.busy[name] > 0


def fails(kind: Callable[..., BaseException]) -> None:
    raise kind("as it was")


def test_a_note_says_where_an_exception_comes_from() -> None:
    with ThreadPoolExecutor(1, "noted", notes=True) as pool:
        line = sys._getframe().f_lineno + 1
        futures = [pool.submit(fails, KeyError), pool.call(fails, KeyError)]
        for future in futures:
            error = future.exception(60)
            assert type(error) is KeyError
            assert error.args == ("as it was",)
        with pytest.raises(KeyError) as raised:
            list(pool.map(fails, [KeyError]))
        notes = [futures[0].exception().__notes__, futures[1].exception().__notes__, raised.value.__notes__]
        expected = f"In fails(), submitted at {__file__}:{{}}, run by noted_0."
        assert notes[:2] == [[expected.format(line)]] * 2
        assert notes[2][0].startswith(f"In fails(), submitted at {__file__}:")
        assert pool.submit(pow, 2, 3).result(60) == 8
    with ThreadPoolExecutor(1) as pool:
        assert not hasattr(pool.submit(fails, KeyError).exception(60), "__notes__")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_that_takes_no_note_is_given_all_the_same() -> None:
    class Closed(Exception):
        def add_note(self, note: str) -> None:
            raise TypeError("no notes")

    with ThreadPoolExecutor(1, notes=True) as pool:
        assert isinstance(pool.submit(fails, Closed).exception(60), Closed)
        assert pool.submit(int).result(60) == 0
