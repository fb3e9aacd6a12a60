"""Notices when gevent or eventlet patches the standard library, so that Interlock can step aside.

Both put green threads under the names that `install` replaces, and change the internals of the standard classes.
Neither works with our classes, so both have to find the standard library's. This module hooks in as follows:

* gevent notifies its subscribers before it patches anything. The list of subscribers is in ``gevent.events``, which
  gevent imports before it patches.
* eventlet notifies nobody. So this module wraps its `monkey_patch` when ``eventlet.patcher`` has been imported,
  under every name that refers to it then.

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
    """Calls ``step_aside(name)`` whenever one of the libraries begins to patch."""

    def __init__(self, step_aside: Callable[[str], None]) -> None:
        self._step_aside = step_aside
        self._watches = (
            WhenImported("gevent.events", self._subscribe),
            WhenImported("eventlet.patcher", self._wrap),
        )
        self._is_subscribed = self._is_wrapped = False
        self._is_on = False

    def start(self) -> None:
        """Begin. Imports neither library."""
        self._is_on = True
        for watch in self._watches:
            watch.start()

    def stop(self) -> None:
        """End. The hooks stay in the libraries, which may be calling them right now, but do nothing from now on."""
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
            return  # by an earlier installation
        import functools

        self._is_wrapped = True
        original: Any = vars(sys.modules["eventlet.patcher"])["monkey_patch"]

        @functools.wraps(original)
        def monkey_patch(*args: Any, **on: Any) -> Any:
            self._tell("eventlet")
            return original(*args, **on)

        replace_everywhere([(original, monkey_patch)])
