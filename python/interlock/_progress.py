"""Progress of a number of tasks, as a bar on the terminal or through a function."""

from __future__ import annotations

import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeAlias

    _Progress: TypeAlias = bool | str | Callable[[int, int | None], object]

__all__ = ["bar", "shown"]

_REFRESH = 0.1
"""Seconds between two updates of the plain bar."""


def bar(progress: _Progress, total: int | None) -> Callable[[int], None]:
    """Return a function that the caller calls with the number of tasks done so far, and with -1 at the end.

    `progress`: True for a bar of tqdm, or a plain line if tqdm is not installed; a string for the same with a title; or
    a function to call with the number of tasks done and the number of all (None: not known) whenever a task is done.
    """
    if callable(progress):
        tell = progress
        return lambda done: None if done < 0 else (tell(done, total), None)[1]
    title = progress if isinstance(progress, str) else ""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _plain(title, total)
    shown = tqdm(total=total, desc=title or None)

    def show(done: int) -> None:
        if done < 0:
            shown.close()
        else:
            shown.update(done - shown.n)

    return show


def _plain(title: str, total: int | None) -> Callable[[int], None]:
    """Show progress by rewriting one line on standard error."""
    begin = last = monotonic()
    latest = 0

    def line(now: float) -> str:
        of = "" if total is None else f"/{total}"
        return f"\r{title}{': ' if title else ''}{latest}{of} done in {now - begin:.1f} s"

    def show(done: int) -> None:
        nonlocal last, latest
        now = monotonic()
        latest = max(latest, done)
        if done < 0:
            print(line(now), file=sys.stderr)
        elif now - last >= _REFRESH:
            last = now
            print(line(now), end="", file=sys.stderr, flush=True)

    return show


def shown(results: Iterator[Any], progress: _Progress, total: int | None) -> Iterator[Any]:
    """Yield the same results, and update a bar as they arrive."""
    show = bar(progress, total)
    try:
        for done, result in enumerate(results, 1):
            show(done)
            yield result
    finally:
        show(-1)
