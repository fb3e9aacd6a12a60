"""The modules that a body uses: the standard library's, Interlock's, or a peer's.

A peer's classes get the standard names, so that all run exactly the same body. An alias in a subclass costs nothing in
a call, because the type caches the lookup.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import peer_executors
import peer_pools
import peer_processes


@dataclass(frozen=True)
class Namespace:
    """Modules under the standard names, and the version of their package."""

    name: str
    threading: Any = None
    queue: Any = None
    futures: Any = None
    """``concurrent.futures``."""

    pool: Any = None
    """``multiprocessing.pool``."""

    processes: Any = None
    """A peer's context of ``fork``, or a replacement for it."""

    version: str = ""


def load(name: str) -> Namespace:
    """Import the namespace ``name``. Raises ImportError if its package is not installed."""
    return Namespace(name, **_LOADERS[name](), version=package_version(name))


def package_version(name: str) -> str:
    """Return the installed version of a package, or an empty string if it has no metadata."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


Modules = dict[str, Any]

_HOMES = {
    "threading": "threading",
    "queue": "queue",
    "futures": "concurrent.futures",
    "pool": "multiprocessing.pool",
}


def _std() -> Modules:
    return {name: importlib.import_module(home) for name, home in _HOMES.items()}


def _interlock() -> Modules:
    return {name: importlib.import_module(f"interlock.{home}") for name, home in _HOMES.items()}


def _fastrlock() -> Modules:
    rlock = importlib.import_module("fastrlock.rlock")
    return {"threading": SimpleNamespace(RLock=rlock.FastRLock)}


def _fque() -> Modules:
    return {"queue": SimpleNamespace(Queue=importlib.import_module("fque").Queue)}


def _culsans() -> Modules:
    culsans = importlib.import_module("culsans")
    names = ("Queue", "LifoQueue", "PriorityQueue")
    return {"queue": SimpleNamespace(**{n: _sync_side(getattr(culsans, n)) for n in names})}


def _sync_side(queue_class: Any) -> Callable[..., Any]:
    return lambda maxsize=0: queue_class(maxsize).sync_q


def _aiologic() -> Modules:
    aio = importlib.import_module("aiologic")
    threading = SimpleNamespace(
        Lock=aio.Lock,
        RLock=aio.RLock,
        Semaphore=aio.Semaphore,
        Event=aio.REvent,
        Barrier=aio.Barrier,
    )
    names = ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue")
    return {
        "threading": threading,
        "queue": SimpleNamespace(**{n: _green_names(getattr(aio, n)) for n in names}),
    }


def _green_names(queue_class: Any) -> Any:
    methods = {"put": queue_class.green_put, "get": queue_class.green_get, "__slots__": ()}
    return type(queue_class.__name__, (queue_class,), methods)


def _peer_pools(name: str) -> Modules:
    modules: Modules = {}
    pools = {}
    if name in peer_pools.LOADERS:
        pools["ThreadPoolExecutor"] = peer_pools.LOADERS[name]()
    if name in peer_executors.LOADERS:
        pools["ProcessPoolExecutor"] = peer_executors.LOADERS[name]()
    if pools:
        modules["futures"] = SimpleNamespace(**pools)
    if name in peer_executors.WITH_POOL:
        modules["pool"] = SimpleNamespace(Pool=peer_executors.load_pool(name))
    if name in peer_processes.LOADERS:
        modules["processes"] = peer_processes.LOADERS[name]()
    return modules


_LOADERS: dict[str, Callable[[], Modules]] = {
    "std": _std,
    "interlock": _interlock,
    "aiologic": _aiologic,
    "culsans": _culsans,
    "fastrlock": _fastrlock,
    "fque": _fque,
    **{
        name: partial(_peer_pools, name)
        for name in (*peer_pools.LOADERS, *peer_executors.LOADERS, *peer_processes.LOADERS)
    },
}
