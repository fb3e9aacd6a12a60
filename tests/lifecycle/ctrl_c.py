"""Sends SIGINT to a child that waits: as soon as its main thread blocks, and after that has slept for a while."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable

from tests.lifecycle.inside import until_blocked

Start = Callable[..., "subprocess.Popen[str]"]

ATTEMPTS = 20
"""How often a time may be missed: on a busy machine the thread that is woken gets its processor late."""

MOST_SECONDS = 0.5
"""Limit in seconds from the signal to the handler of KeyboardInterrupt; the promise is 0.05, on an idle machine."""

_SCRIPT = """
for round in ("soon", "late"):
    {setup}
    print("waiting", flush=True)
    try:
        print("came back:", {call}, flush=True)
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
    {check}
"""


def ctrl_c_ends_its_waits(start: Start, head: str, setup: str, call: str, check: str) -> None:
    """Check that Ctrl-C ends `call` in a child, always, and at least once in time, and that `check` passes then."""
    script, said = head + _SCRIPT.format(setup=setup, call=call, check=check), []
    for _ in range(ATTEMPTS):
        latencies = _interrupt_twice(start(script))
        said.append([round(latency * 1000, 2) for latency in latencies])
        if max(latencies) < MOST_SECONDS:
            print(f"{said[-1]} ms")  # pytest -rP shows it
            return
    raise AssertionError(f"late each time: {said} ms")


def _interrupt_twice(process: subprocess.Popen[str]) -> list[float]:
    """Send SIGINT to a child as soon as it waits, and once more late in its next wait; return its latencies."""
    latencies = []
    try:
        for pause in (0.0, 0.05):
            line(process, "waiting")
            until_blocked([process.pid], process.pid)
            select.select([], [], [], pause)  # not for an order: after 20 ms a wait sleeps until woken
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            latencies.append(float(line(process, r"[\d.]+")) - sent)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "", "")
    return latencies


def line(process: subprocess.Popen[str], pattern: str) -> str:
    """Read the next line of a child, which must match."""
    assert process.stdout is not None
    pipe, text = process.stdout.fileno(), b""
    while not text.endswith(b"\n") and select.select([pipe], [], [], 60)[0]:
        byte = os.read(pipe, 1)  # not through the buffer, which would hide available bytes from select
        text += byte or b" the end\n"
    if not re.fullmatch(pattern, text.decode().strip()):
        process.send_signal(signal.SIGABRT)
        raise AssertionError(f"{text!r} is not {pattern!r}: {process.communicate(timeout=60)[1]}")
    return text.decode().strip()
