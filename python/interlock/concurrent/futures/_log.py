"""Messages in the standard library's log, for errors that a future cannot report to its user."""

from __future__ import annotations

from concurrent.futures._base import LOGGER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Any

__all__ = ["callback_raised", "unexpected_state"]


def callback_raised(future: Future[Any], error: Exception) -> None:
    """Log that a callback of `future` raised `error`."""
    LOGGER.error("exception calling callback for %r", future, exc_info=error)


def unexpected_state(future: Future[Any], state: str) -> None:
    """Log that an executor started `future` a second time."""
    LOGGER.critical("Future %s in unexpected state: %s", id(future), state)
