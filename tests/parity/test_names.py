"""Every name that we add to a standard class is documented, or is one that nobody else uses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parity.judge import OURS, STD

OURS_ALONE = {
    "Condition": {"locked"},
    "RLock": {"locked"},
    "Queue": {"aget", "ajoin", "aput", "get_many", "put_many", "is_shutdown", "shutdown"},
    "ThreadPoolExecutor": {"after", "at", "call", "progress", "stats"},
    "Future": set(),
}
"""The documented additions, by class.

The standard library has `is_shutdown` and `shutdown` from 3.13 on, `locked` from 3.14 on.
"""
OURS_ALONE["LifoQueue"] = OURS_ALONE["PriorityQueue"] = OURS_ALONE["Queue"]

ARGUMENTS: dict[str, Any] = {"Barrier": (2,), "ThreadPoolExecutor": (1,)}
NOTED = {"__slotnames__", "__annotate_func__", "__annotations_cache__"}
"""What copyreg and questions for annotations leave in a class of Python: other tests may have asked one of ours."""

MODULES = {
    "threading": ("Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "RLock", "Semaphore"),
    "queue": ("LifoQueue", "PriorityQueue", "Queue", "SimpleQueue"),
    "futures": ("Future", "ThreadPoolExecutor"),
}
CLASSES = [(module, name) for module, names in MODULES.items() for name in names]


def more(ours: Any, std: Any, name: str) -> set[str]:
    """Return the names that only the first has."""
    beyond = set(dir(ours)) - set(dir(std)) - OURS_ALONE.get(name, set()) - NOTED
    return {one for one in beyond if not one.startswith("_interlock_")}


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_names_beyond_the_standard_librarys_are_ours_alone(module: str, name: str) -> None:
    ours, std = (getattr(getattr(impl, module), name) for impl in (OURS, STD))
    instances = [kind(*ARGUMENTS.get(name, ())) for kind in (ours, std)]
    assert more(*instances, name) == set()
    assert more(type(instances[0]), type(instances[1]), name) - set(dir(instances[1])) == set()


@pytest.mark.parametrize("name", ["Future", "ThreadPoolExecutor"])
def test_a_materialized_object_has_the_attributes_of_a_standard_one(name: str) -> None:
    ours, std = (getattr(impl.futures, name)(*ARGUMENTS.get(name, ())) for impl in (OURS, STD))
    assert set(vars(ours)) == set(vars(std))
