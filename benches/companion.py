"""Processes for a body: they are forked once, and do their part of each sample when the body starts.

They are the standard library's processes in every namespace, so that a case about a queue measures the queue. They
start before the samples: a fork takes as long as thousands of operations.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection

from case import Body

_FORK = multiprocessing.get_context("fork")


def beside(mine: Body, *theirs: Body) -> Body:
    """Return a body that runs ``mine`` here and each of ``theirs`` in a process of its own, all of them at once.

    Raises RuntimeError if one of them failed; its traceback is on stderr.
    """
    companions = [_start(body) for body in theirs]

    def body(n: int) -> None:
        for companion in companions:
            companion.send(n)
        mine(n)
        for companion in companions:
            try:
                companion.recv()
            except EOFError:
                raise RuntimeError("a process of the body failed") from None

    return body


def _start(body: Callable[[int], object]) -> Connection:
    ours, theirs = _FORK.Pipe()
    _FORK.Process(target=_serve, args=(body, ours, theirs), daemon=True).start()
    theirs.close()
    return ours


def _serve(body: Callable[[int], object], ours: Connection, theirs: Connection) -> None:
    ours.close()
    while True:
        try:
            n = theirs.recv()
        except EOFError:
            return
        body(n)
        theirs.send(None)
