"""Messages in the standard library's log, for errors that a future cannot report to its user."""

from __future__ import annotations

import threading
from concurrent.futures._base import LOGGER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Any

__all__ = ["callback_raised", "callbacks_ended", "unexpected_state"]


def callback_raised(future: Future[Any], error: Exception) -> None:
    """Log that a callback of `future` raised `error`."""
    LOGGER.error("exception calling callback for %r", future, exc_info=error)


def callbacks_ended(future: Future[Any], error: BaseException) -> None:
    """Report an error that ended the callbacks of `future`, like one that ends a thread."""
    arguments = type(error), error, error.__traceback__, threading.current_thread()
    threading.excepthook(threading.ExceptHookArgs(arguments))


def unexpected_state(future: Future[Any], state: str) -> None:
    """Log that an executor started `future` a second time."""
    LOGGER.critical("Future %s in unexpected state: %s", id(future), state)
