"""Signals reach the main thread even if another thread is the first to import `threading` and Interlock.

Up to 3.12, `threading.main_thread()` is then the thread that imported it, so our code may not rely on that.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.lifecycle.conftest import ROOT, finish_child
from tests.lifecycle.ctrl_c import ATTEMPTS, MOST_SECONDS

IMPORTS = {
    "interlock": "from interlock import queue, threading",
    "the standard modules": "import threading, queue",
    "an installation": "import interlock; interlock.install(); import threading, queue",
}
CALLS = {
    "Queue.get": ("x = queue.Queue()", "x.get(timeout=60)"),
    "Queue.get without limit": ("x = queue.Queue()", "x.get()"),
    "Queue.put": ("x = queue.Queue(1); x.put(0)", "x.put(1)"),
    "SimpleQueue.get": ("x = queue.SimpleQueue()", "x.get(timeout=60)"),
    "Event.wait": ("x = threading.Event()", "x.wait(60)"),
    "Lock.acquire": ("x = threading.Lock(); x.acquire()", "x.acquire()"),
    "Semaphore.acquire": ("x = threading.Semaphore(0)", "x.acquire(timeout=60)"),
    "Condition.wait": ("x = threading.Condition(); x.acquire()", "x.wait()"),
    "Thread.join": (
        "e = threading.Event(); x = threading.Thread(target=e.wait, daemon=True); x.start()",
        "x.join(60)",
    ),
}
SCRIPT = """
import _thread, signal, sys, time
assert not {{"threading", "queue", "interlock", "interlock._interlock"}} & sys.modules.keys()
main, imported = _thread.get_ident(), _thread.allocate_lock()

def first():
    {imports}
    imported.release()

imported.acquire()
_thread.start_new_thread(first, ())
imported.acquire()
from interlock import queue, threading
from tests.lifecycle.inside import eventually, until_blocked

{setup}
native, sent, heard = _thread.get_native_id(), [], []

def handle(*_):
    heard.append(time.monotonic())
    assert _thread.get_ident() == main
    if len(heard) == 2:
        raise KeyError("enough")

def send():
    for number in range(2):
        eventually(lambda: len(heard) == number, "the handler")
        until_blocked([native])
        sent.append(time.monotonic())
        signal.pthread_kill(main, signal.SIGALRM)

signal.signal(signal.SIGALRM, handle)
_thread.start_new_thread(send, ())
try:
    {call}
except KeyError:
    print(max(h - s for h, s in zip(heard, sent, strict=True)))
"""


@pytest.mark.parametrize("imports", IMPORTS)
@pytest.mark.parametrize("name", CALLS)
def test_a_handler_runs_while_the_main_thread_waits(name: str, imports: str) -> None:
    """The handler runs once, and the wait continues; it runs again and raises, and the wait ends."""
    setup, call = CALLS[name]
    script = SCRIPT.format(imports=IMPORTS[imports], setup=setup, call=call)
    said: list[float] = []
    while len(said) < ATTEMPTS and (not said or said[-1] >= MOST_SECONDS):
        process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", script],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        done = finish_child(process)
        assert (done.status, done.err) == (0, "")
        said.append(float(done.out))
    assert said[-1] < MOST_SECONDS, said
