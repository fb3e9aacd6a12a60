"""Notices when gevent or eventlet patches the standard library, so that Interlock can step aside.

Both put green threads under the names that `install` replaces, and change the internals of the standard classes.
Neither works with our classes, so both have to find the standard library's classes. This module hooks in as follows:

* gevent notifies its subscribers before it patches anything. The list of subscribers is in ``gevent.events``, which
  gevent imports before it patches.
* eventlet notifies nobody. So this module wraps its `monkey_patch` when ``eventlet.patcher`` has been imported,
  under every name that refers to it then.

Programs that use neither, or use them without patching, keep Interlock.
"""

from __future__ import annotations

import sys

from interlock._capture import replace_everywhere

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
    """Calls ``step_aside(name)`` whenever one of the libraries begins to patch.

    The hooks stay in the libraries, which may be calling them when an installation ends.
    """

    def __init__(self, step_aside: Callable[[str], None]) -> None:
        self._step_aside = step_aside
        self._is_subscribed = self._is_wrapped = False

    def subscribe(self) -> None:
        """Start watching gevent, whose events have been imported by now."""
        if not self._is_subscribed:
            self._is_subscribed = True
            sys.modules["gevent.events"].subscribers.insert(0, self._hear)

    def _hear(self, event: object) -> None:
        if type(event).__name__.startswith("GeventWillPatch"):
            self._step_aside("gevent")

    def wrap(self) -> None:
        """Start watching eventlet, whose patcher has been imported by now."""
        if self._is_wrapped:
            return  # an earlier installation has wrapped it
        import functools

        self._is_wrapped = True
        original: Any = vars(sys.modules["eventlet.patcher"])["monkey_patch"]

        @functools.wraps(original)
        def monkey_patch(*args: Any, **on: Any) -> Any:
            self._step_aside("eventlet")
            return original(*args, **on)

        replace_everywhere([(original, monkey_patch)])
