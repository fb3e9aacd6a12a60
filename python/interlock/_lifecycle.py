"""Handlers for forks, for the exit and for the end of an object: the one module that registers them.

Other modules of this package register their functions here when they are imported, after the standard module whose
state these functions use. So a program that never imports executors or pools has no handlers of ours. Python calls the
handlers in an order that follows from that:

* In the child of a fork: in the order of registration. The standard module's handlers have run before, so its locks
  are free. Our functions do not depend on each other.
* At exit, while other threads can still run: in the reverse order. The standard module's handlers, which end threads,
  run after ours.
* At exit, for objects that are still alive: after the threads that are not daemons have ended.
* At the ordinary end of a process: after everything else.

docs/lifecycle.md describes the whole order, including what the engine does in between.
"""

from __future__ import annotations

import atexit
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.util import Finalize
    from typing import Any

__all__ = [
    "after_fork_in_child",
    "at_end_in_order",
    "at_exit_after_children_end",
    "at_exit_before_threads_end",
    "before_fork",
    "begin_child",
    "is_too_late_for",
    "run_exit_handlers",
    "when_forked_by_multiprocessing",
    "when_gone",
    "when_gone_or_at_exit",
]

_AFTER_CHILDREN = -100
"""Below 0: `multiprocessing` calls these finalizers after it has waited for its children."""

_AT_END = -1000
"""After all other finalizers."""

_AT_EXIT = 15
"""The priority of the standard library's pools among the finalizers of `multiprocessing.util`."""

_CHILDREN_CALL_HANDLERS = sys.version_info >= (3, 13)
"""Whether a forked child of `multiprocessing` (by its parent or the fork server) calls the handlers of `atexit`."""


def after_fork_in_child(function: Callable[[], object]) -> None:
    """Call `function` in the child of each later fork, on its only thread. It must not wait.

    A function in Python costs each child some pages; methods of built-in types cost less.
    """
    os.register_at_fork(after_in_child=function)


def before_fork(function: Callable[[], object]) -> None:
    """Call `function` before each later fork, on the thread that forks. It must not wait, nor import anything."""
    os.register_at_fork(before=function)


def when_forked_by_multiprocessing(thing: object, function: Callable[[Any], object]) -> None:
    """Call ``function(thing)`` in each later child that `multiprocessing` forks, when its `Process` is the current one.

    It is called only as long as `thing` exists. `function` must not wait.
    """
    from multiprocessing import util

    util.register_after_fork(thing, function)


def at_exit_before_threads_end(function: Callable[[], None]) -> None:
    """Call `function` when the main thread has ended, before the interpreter waits for the other threads.

    Threads run, and may still be started up to 3.11. `function` may wait for them.
    """
    import threading

    threading._register_atexit(function)  # type: ignore[attr-defined]


def is_too_late_for(module: str) -> bool:
    """Whether the main thread ended before this module of ours was imported, which needs executors.

    Their modules register with `threading`, which refuses that from then on. So does the standard one.
    """
    threading: Any = sys.modules["threading"]
    return threading._SHUTTING_DOWN and module not in sys.modules


def at_exit_after_children_end(thing: object, function: Callable[..., object]) -> None:
    """Call `function` at exit, after `multiprocessing` has waited for the children that are not daemons.

    If `thing` is collected before that, calls it then.
    """
    from multiprocessing import util

    util.Finalize(thing, function, exitpriority=_AFTER_CHILDREN)


def at_end_in_order(thing: object, function: Callable[[Any], object]) -> None:
    """Call ``function(thing)`` last, when this process, or a process that it forks, ends without being killed.

    That is late at exit. `function` may be called twice. `thing` has to exist as long as the process.
    """
    from multiprocessing import util

    def register(thing: object) -> None:
        util.Finalize(None, function, (thing,), exitpriority=_AT_END)

    register(thing)
    when_forked_by_multiprocessing(thing, register)  # a child that it forks forgets finalizers
    atexit.register(function, thing)  # a child of `os.fork()` keeps this handler


def when_gone_or_at_exit(thing: object, function: Callable[..., object], *args: object) -> Finalize[object]:
    """Call ``function(*args)`` when `thing` has been collected, or at exit if it is still alive then.

    Returns the finalizer; its method `cancel()` undoes the registration. The standard library's pools do the same.
    """
    from multiprocessing import util

    return util.Finalize(thing, function, args=args, exitpriority=_AT_EXIT)


def when_gone(thing: object, function: Callable[..., object], *args: object) -> Finalize[object]:
    """Call ``function(*args)`` when `thing` has been collected, in this process only, and not at exit.

    Returns the finalizer, which may be called earlier.
    """
    from multiprocessing import util

    return util.Finalize(thing, function, args)


def begin_child(util: Any) -> None:
    """Remove the parent's exit handlers, in a child process that `multiprocessing` has forked.

    Up to 3.12 they are not called in such a child, and stay registered. Modules are passed as arguments to this
    function and to `run_exit_handlers`: even an import that finds its module makes a forked child copy some pages.
    """
    if _CHILDREN_CALL_HANDLERS:
        atexit._clear()
        atexit.register(util._exit_function)


def run_exit_handlers(util: Any, process: Any) -> None:
    """Run the exit handlers in such a child, whose interpreter is not finalized, if this version of Python does so.

    Most children have only the handler of `multiprocessing`, with nothing to do. It is not called then.
    """
    if _CHILDREN_CALL_HANDLERS and (
        atexit._ncallbacks() != 1
        or util._finalizer_registry
        or process._children
        or util._logger is not None
        or util._exit_function.__globals__ is not util.__dict__  # another module's function
    ):
        atexit._run_exitfuncs()
