"""What a future has to say when something goes wrong that its user can't be told: in the standard library's log."""

from __future__ import annotations

from concurrent.futures._base import LOGGER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import Any

__all__ = ["callback_raised", "unexpected_state"]


def callback_raised(future: Future[Any], error: Exception) -> None:
    """A callback of `future` raised `error`."""
    LOGGER.error("exception calling callback for %r", future, exc_info=error)


def unexpected_state(future: Future[Any], state: str) -> None:
    """An executor began with `future` for the second time."""
    LOGGER.critical("Future %s in unexpected state: %s", id(future), state)
