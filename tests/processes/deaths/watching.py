"""What the programs use to see the state of other processes, instead of sleeping."""

import os
import select
import signal
import time

LIMIT = 50.0


def until_asleep(*processes):
    """Wait until the main thread of each process sleeps in the kernel."""
    until_state("S", *processes)


def until_state(letter, *processes):
    """Wait until the main thread of each process is in this state (see proc(5))."""
    end = time.monotonic() + LIMIT
    for process in processes:
        while state(process.pid) != letter:
            assert process.exitcode is None, f"{process.name} has ended with {process.exitcode}"
            assert time.monotonic() < end, f"{process.name} is not in state {letter}"
            time.sleep(0.002)  # sleep: between two looks at the state


def state(pid):
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[0].decode()


def kill(process):
    """Kill a child, and wait for its end."""
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def have_ended(pidfds, seconds):
    """Return whether all these processes have ended by then; they need not be children of ours."""
    end = time.monotonic() + seconds
    return all(select.select([fd], [], [], max(0, end - time.monotonic()))[0] for fd in pidfds)
