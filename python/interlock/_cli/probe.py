"""The checks of ``interlock doctor`` that could hang or crash, run in a process of their own.

``python -m interlock._cli.probe`` installs Interlock, starts a child with every start method and uninstalls.
It prints one JSON object: ``{"install": …, "children": {method: …}, "uninstall": …}``. Each value is "ok" or says what
went wrong.
"""

from __future__ import annotations

import importlib
import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["main"]

_CHILD_SECONDS = 30


def main() -> dict[str, Any]:
    """Run the checks. Blocks until the children have answered, each at most 30 seconds."""
    import interlock

    report = interlock.install()
    before = interlock.installed()
    for name in before:
        importlib.import_module(name)
    patched = interlock.install()  # changes nothing, but then no module is pending any more
    complete = report.enabled and not patched.pending and before == report.modules == patched.modules
    found: dict[str, Any] = {
        "install": "ok" if complete else f"{report}\n{patched}",
        "modules": list(before),
        "children": _children(before),
    }
    interlock.uninstall()
    found["uninstall"] = "ok" if not interlock.installed() else f"still installed: {interlock.installed()}"
    return found


def tell_installed(connection: Any) -> None:
    """Run in a child: report what is installed there, and whether the child comes from an installed fork server."""
    import interlock
    from interlock._install import served

    connection.send((interlock.installed(), served()))
    connection.close()


def _children(expected: tuple[str, ...]) -> dict[str, str]:
    import multiprocessing

    return {method: _child(method, expected) for method in multiprocessing.get_all_start_methods()}


def _child(method: str, expected: tuple[str, ...]) -> str:
    import multiprocessing

    context: Any = multiprocessing.get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=tell_installed, args=(sender,))
    try:
        child.start()
        sender.close()
        if not receiver.poll(_CHILD_SECONDS):
            child.kill()
            return f"no answer from the child in {_CHILD_SECONDS} s"
        answer, by_installed_server = receiver.recv()
        child.join(_CHILD_SECONDS)
    except (OSError, EOFError) as error:
        return f"{type(error).__name__}: {error}"
    if tuple(answer) != expected:
        return f"the child has installed {answer}, its parent {expected}"
    if method == "forkserver" and not by_installed_server:
        return "the fork server has nothing installed, so the modules that it preloads do not use Interlock"
    return "ok" if child.exitcode == 0 else f"the child ended with status {child.exitcode}"


if __name__ == "__main__":
    json.dump(main(), sys.stdout)
