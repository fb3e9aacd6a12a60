"""A thread that waits for another process sleeps in the kernel, and so do the workers of a pool that has nothing to do.

A sleeper looks about once a second whether the process that was to wake it was killed before it could.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.programs import METHODS, run

PROGRAM = """
    import glob, threading, time
    from concurrent.futures import ProcessPoolExecutor

    SECONDS = 2

    def wait_for(name, lock, rlock, semaphore, condition, event, barrier, empty, full, connection, items):
        def wait_for_notification():
            with condition:
                condition.wait()

        {
            "Lock.acquire": lock.acquire,
            "Lock.acquire for an hour": lambda: lock.acquire(timeout=3600),
            "RLock.acquire": rlock.acquire,
            "Semaphore.acquire": semaphore.acquire,
            "Condition.wait": wait_for_notification,
            "Event.wait": event.wait,
            "Barrier.wait": barrier.wait,
            "Queue.get": empty.get,
            "Queue.get for an hour": lambda: empty.get(timeout=3600),
            "Queue.put": lambda: full.put("second"),
            "Connection.recv": connection.recv,
            "Connection.poll for an hour": lambda: connection.poll(3600),
            "Queue of a manager": items.get,
        }[name]()

    WAITS = (
        "Lock.acquire", "Lock.acquire for an hour", "RLock.acquire", "Semaphore.acquire", "Condition.wait",
        "Event.wait", "Barrier.wait", "Queue.get", "Queue.get for an hour", "Queue.put", "Connection.recv",
        "Connection.poll for an hour", "Queue of a manager",
    )

    def wakings():
        '''Return how often each thread of this family has gone to sleep.'''
        family, found = [os.getpid()], {}
        for pid in family:
            for task in glob.glob(f"/proc/{pid}/task/*"):
                try:
                    family += map(int, open(f"{task}/children").read().split())
                    status = dict(line.split(":", 1) for line in open(f"{task}/status"))
                except FileNotFoundError:  # it has ended
                    continue
                found[task] = int(status["voluntary_ctxt_switches"])
        return found

    def main():
        lock, rlock, full = context.Lock(), context.RLock(), context.Queue(1)
        lock.acquire(), rlock.acquire(), full.put("first")
        ours, theirs = context.Pipe()
        with context.Manager() as manager, context.Pool(2) as pool, ProcessPoolExecutor(2, context) as executor:
            shared = (
                lock, rlock, context.Semaphore(0), context.Condition(), context.Event(), context.Barrier(3),
                context.Queue(), full, theirs, manager.Queue(),
            )
            children = [context.Process(target=wait_for, args=(name, *shared), name=name) for name in WAITS]
            for child in children:
                child.start()
            threading.Thread(target=children[0].join, args=(3600,)).start()
            threading.Thread(target=connection.wait, args=([child.sentinel for child in children],)).start()
            assert pool.apply(abs, (-1,)) == executor.submit(abs, -1).result() == 1
            end = time.monotonic() + 60
            while True:
                before = wakings()
                time.sleep(SECONDS)  # sleep: meanwhile, the sleepers sleep
                restless = {
                    task: number - before.get(task, 0)
                    for task, number in wakings().items()
                    if number - before.get(task, 0) > SECONDS + 2
                }
                if not restless:
                    break
                assert time.monotonic() < end, (restless, {child.pid: child.name for child in children})
            assert len(before) > len(WAITS) + 6, before
            for child in children:
                child.kill()
                child.join()
        print("done")
"""


@pytest.mark.parametrize("method", METHODS)
def test_no_wait_takes_processor_time(tmp_path: Path, method: str) -> None:
    assert run(tmp_path, PROGRAM, "install", method) == "done\n"
