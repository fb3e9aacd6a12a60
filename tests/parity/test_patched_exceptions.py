"""If a program replaces an exception in a standard module, calls raise the replacement."""

from __future__ import annotations

import importlib
from unittest import mock

import pytest

from tests.parity.judge import IMPLEMENTATIONS, Implementation, run


class Another(Exception):
    """The replacement."""


RAISED = {
    "queue.Empty": [
        "q.Queue().get_nowait()",
        "q.LifoQueue().get(block=False)",
        "q.PriorityQueue().get(timeout=0)",
        "q.Queue().get(timeout=0.001)",
    ],
    "queue.Full": [
        "x = q.Queue(1); x.put(0)\nx.put_nowait(1)",
        "x = q.Queue(1); x.put(0)\nx.put(1, timeout=0.001)",
    ],
    "concurrent.futures._base.CancelledError": ["x = f.Future(); x.cancel()\nx.result()"],
    "concurrent.futures._base.InvalidStateError": ["x = f.Future(); x.set_result(0)\nx.set_result(1)"],
    "threading.BrokenBarrierError": ["x = t.Barrier(2); x.abort()\nx.wait()"],
}


@pytest.mark.parametrize("impl", IMPLEMENTATIONS, ids=lambda impl: impl.name)
@pytest.mark.parametrize(("path", "code"), [(path, code) for path, codes in RAISED.items() for code in codes])
def test_the_class_in_the_module_is_raised(impl: Implementation, path: str, code: str) -> None:
    module, name = path.rsplit(".", 1)
    usual = getattr(importlib.import_module(module), name)
    with mock.patch(path, Another), pytest.raises(Another):
        run(impl, code)
    with pytest.raises(usual):
        run(impl, code)


@pytest.mark.parametrize("impl", IMPLEMENTATIONS, ids=lambda impl: impl.name)
def test_a_simple_queue_raises_what_it_always_raised(impl: Implementation) -> None:
    usual = impl.queue.Empty
    for code in (
        "q.SimpleQueue().get_nowait()",
        "q.SimpleQueue().get(timeout=0)",
        "q.SimpleQueue().get(False)",
    ):
        with mock.patch("queue.Empty", Another), pytest.raises(usual):
            run(impl, code)
