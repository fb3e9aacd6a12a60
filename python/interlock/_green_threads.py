"""Notices when gevent or eventlet patches the standard library, so that Interlock can step aside.

Both put green threads in the place of the names that `install` replaces, and change what is inside of the standard
classes. Neither works on classes of ours, so they have to find the standard library's. What is watched:

* gevent tells subscribers before it patches anything. The list of them is in ``gevent.events``, which it imports then
  at the latest.
* eventlet tells nobody, so its `monkey_patch` is wrapped, under every name that it has when ``eventlet.patcher`` has
  been imported.

Programs that use neither, or use them without patching, keep Interlock.
"""

from __future__ import annotations

import sys

from interlock._capture import replace_everywhere
from interlock._when_imported import WhenImported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Watch", "who_has_patched"]


def who_has_patched() -> str | None:
    """The name of the library that has patched this process, or None."""
    monkey: Any = sys.modules.get("gevent.monkey")
    if getattr(monkey, "saved", None):
        return "gevent"
    patcher: Any = sys.modules.get("eventlet.patcher")
    if getattr(patcher, "already_patched", None):
        return "eventlet"
    return None


class Watch:
    """Calls ``step_aside(name)`` each time when one of the libraries begins to patch."""

    def __init__(self, step_aside: Callable[[str], None]) -> None:
        self._step_aside = step_aside
        self._watches = (
            WhenImported("gevent.events", self._subscribe),
            WhenImported("eventlet.patcher", self._wrap),
        )
        self._is_subscribed = self._is_wrapped = False
        self._is_on = False

    def start(self) -> None:
        """Begin. Neither library is imported for it."""
        self._is_on = True
        for watch in self._watches:
            watch.start()

    def stop(self) -> None:
        """End. What was put into the libraries stays there and does nothing: they may be going through it just now."""
        self._is_on = False
        for watch in self._watches:
            watch.cancel()

    def _tell(self, name: str) -> None:
        if self._is_on:
            self._step_aside(name)

    def _subscribe(self) -> None:
        if not self._is_subscribed:
            self._is_subscribed = True
            sys.modules["gevent.events"].subscribers.insert(0, self._hear)

    def _hear(self, event: object) -> None:
        if type(event).__name__.startswith("GeventWillPatch"):
            self._tell("gevent")

    def _wrap(self) -> None:
        if self._is_wrapped:
            return  # in an installation before
        import functools

        self._is_wrapped = True
        original: Any = vars(sys.modules["eventlet.patcher"])["monkey_patch"]

        @functools.wraps(original)
        def monkey_patch(*args: Any, **on: Any) -> Any:
            self._tell("eventlet")
            return original(*args, **on)

        replace_everywhere([(original, monkey_patch)])
