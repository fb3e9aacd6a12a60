"""The module pairs that a body runs on: the standard library, Interlock, and the peers.

A peer's classes are given the standard names, so that all run the very same body. An alias in a subclass
costs nothing in a call: the lookup is cached on the type.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any


@dataclass(frozen=True)
class Namespace:
    """A pair of modules with the standard names, and the version of the package they come from."""

    name: str
    threading: Any
    queue: Any
    version: str = ""


def load(name: str) -> Namespace:
    """Import the namespace ``name``. Raises ImportError when its package is not installed."""
    threading, queue = _LOADERS[name]()
    return Namespace(name, threading, queue, package_version(name))


def package_version(name: str) -> str:
    """The installed version of a package, or an empty string for a package that does not tell."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _std() -> tuple[Any, Any]:
    return importlib.import_module("threading"), importlib.import_module("queue")


def _interlock() -> tuple[Any, Any]:
    return importlib.import_module("interlock.threading"), importlib.import_module("interlock.queue")


def _fastrlock() -> tuple[Any, Any]:
    rlock = importlib.import_module("fastrlock.rlock")
    return SimpleNamespace(RLock=rlock.FastRLock), SimpleNamespace()


def _fque() -> tuple[Any, Any]:
    return SimpleNamespace(), SimpleNamespace(Queue=importlib.import_module("fque").Queue)


def _culsans() -> tuple[Any, Any]:
    culsans = importlib.import_module("culsans")
    names = ("Queue", "LifoQueue", "PriorityQueue")
    return SimpleNamespace(), SimpleNamespace(**{n: _sync_side(getattr(culsans, n)) for n in names})


def _sync_side(queue_class: Any) -> Callable[..., Any]:
    return lambda maxsize=0: queue_class(maxsize).sync_q


def _aiologic() -> tuple[Any, Any]:
    aio = importlib.import_module("aiologic")
    threading = SimpleNamespace(
        Lock=aio.Lock,
        RLock=aio.RLock,
        Semaphore=aio.Semaphore,
        Event=aio.REvent,
        Barrier=aio.Barrier,
    )
    names = ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue")
    return threading, SimpleNamespace(**{n: _green_names(getattr(aio, n)) for n in names})


def _green_names(queue_class: Any) -> Any:
    methods = {"put": queue_class.green_put, "get": queue_class.green_get, "__slots__": ()}
    return type(queue_class.__name__, (queue_class,), methods)


_LOADERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "std": _std,
    "interlock": _interlock,
    "aiologic": _aiologic,
    "culsans": _culsans,
    "fastrlock": _fastrlock,
    "fque": _fque,
}
