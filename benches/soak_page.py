"""The WSGI application of both servers of the soak test, and how a server reports to soak.py."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, NoReturn

PAGE = b"<!doctype html><title>soak</title>" + b"<p>All work and no play makes a dull server.</p>\n" * 20
THREADS = 8
CONNECTIONS = 1_024

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Answer ``/`` with a page of one kilobyte, and ``/about`` with whether this process uses Interlock's queue."""
    about = environ["PATH_INFO"] == "/about"
    body = json.dumps({"pid": os.getpid(), "interlock": interlock_in_force()}).encode() if about else PAGE
    kind = "application/json" if about else "text/html"
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def interlock_in_force() -> bool:
    """Whether ``queue.Queue`` is Interlock's, without importing Interlock to find out."""
    if "interlock" not in sys.modules:
        return False
    ours, standard = importlib.import_module("interlock.queue"), importlib.import_module("queue")
    return bool(ours.Queue is standard.Queue)


def announce(port: int) -> None:
    """Tell soak.py where this server listens, and leave by SystemExit on SIGTERM."""
    signal.signal(signal.SIGTERM, leave)
    print(json.dumps({"port": port}), flush=True)


def leave(_signum: int, _frame: FrameType | None) -> NoReturn:
    """End the main thread normally, so that the server's own shutdown code runs."""
    raise SystemExit(0)
