"""The interpreter exits with status 0 and no output while Python code runs that the engine has called.

Up to 3.13, while the interpreter finalizes, it ends a daemon thread that comes back to it by unwinding the thread's
stack, including the engine's frames.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

RUNS = int(os.environ.get("INTERLOCK_EXIT_RUNS", "1"))
"""How often a process ends in each way; 200 times in a thorough run."""

LIMIT = 900 + 20.0 * RUNS
pytestmark = pytest.mark.timeout(LIMIT + 20)

FORMS = {
    "imported": """
from interlock import queue, threading
from interlock.concurrent import futures
from interlock.multiprocessing.pool import ThreadPool
""",
    "installed": """
import interlock
interlock.install()
import queue, threading
from concurrent import futures
from multiprocessing.pool import ThreadPool
""",
}
PAUSES = {"computes": "sum(range(50))", "sleeps": "time.sleep(0.0005)"}

# A child for each run of each kind. It leaves the loop, so that its interpreter finalizes.
BEGIN = """
begun = threading.Event()
def busy(*args, **kwargs):
    begun.set()
    while True:
        {pause}
def generate():
    busy()
    yield
class Busy:
    __lt__ = __bool__ = __float__ = __index__ = busy
    def __del__(self, main=std.get_ident(), ident=std.get_ident):
        if ident() != main:  # the main thread drops calls that a pool has not begun
            busy()
class Foreign:
    def __init__(self):
        self.acquired = False
    def acquire(self, *args):
        self.acquired = self.acquired or busy()
    def release(self, *args):
        busy()
    def locked(self):  # from 3.14 on, the constructor of a condition looks it up
        return False
    __enter__, __exit__ = acquire, release
def hooked(**hooks):
    return type("Hooked", (queue.Queue,), hooks)()
def done(callback):
    future = futures.Future()
    future.add_done_callback(callback)
    return future
def within(condition, call):
    with condition:
        call()
def owned():
    lock = Foreign()
    lock.acquired = True
    return threading.Condition(lock)
def drop_items(make, put):
    things = make()
    getattr(things, put)(Busy())
    del things
def compare(q):
    q.put(Busy()), q.put(Busy())
def spin_on_threads():
    begun.set()
    while True:
        threading.Thread(target=int, daemon=True).start()

class Late:
    '''Takes its time when the last modules go, so that other threads want the interpreter meanwhile.'''
    def __del__(self, sleep=time.sleep):
        for _ in range(4):
            sleep(0.002)
sys.modules["a module that dies late"] = Late()
sys.setswitchinterval(1e-5)
std.excepthook = lambda args: None  # at the end, pools refuse calls and the interpreter refuses threads
for kind, code in [one for one in {kinds}.items() for _ in range({runs})]:
    child = os.fork()
    if child == 0:
        break
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        print(kind, status, flush=True)
else:
    os._exit(0)
signal.alarm(200)
"""

# What daemon threads are doing when the main thread ends.
KINDS = {
    "a predicate": "c = threading.Condition(); within(c, lambda: c.wait_for(busy))",
    "a predicate after a wait": "c, looks = threading.Condition(), [busy, bool]; "
    "within(c, lambda: c.wait_for(lambda: looks.pop()(), 0.001))",
    "an action of a barrier": "threading.Barrier(1, busy).wait()",
    "a foreign lock that is acquired": "threading.Condition(Foreign()).acquire()",
    "a foreign lock that is entered": "within(threading.Condition(Foreign()), int)",
    "a foreign lock that is released": "owned().release()",
    "a foreign lock in wait()": "owned().wait()",
    "_put": "hooked(_put=busy).put(1)",
    "_get": "q = hooked(_get=busy); q.put(1); q.get()",
    "_qsize": "hooked(_qsize=busy).qsize()",
    "_init": "hooked(_init=busy)",
    "a comparison in put()": "compare(queue.PriorityQueue())",
    "a generator in put_many()": "queue.Queue().put_many(generate())",
    "a timeout": "queue.Queue().get(timeout=Busy())",
    "a truth value": "threading.Lock().acquire(Busy())",
    "a limit": "queue.Queue(0).get_many(Busy())",
    "the end of an item in a Queue": "drop_items(queue.Queue, 'put')",
    "the end of an item in a SimpleQueue": "drop_items(queue.SimpleQueue, 'put')",
    "the end of an item that is thrown away": "q = interlock_queue.Queue(); q.put(Busy()); q.shutdown(True)",
    "the end of a result": "drop_items(futures.Future, 'set_result')",
    "the end of an argument": "ThreadPool(2).apply(id, (Busy(),))",
    "a done callback": "done(busy).set_result(1)",
    "a done callback of a cancelled future": "done(busy).cancel()",
    "a done callback that comes late": "f = futures.Future(); f.set_result(1); f.add_done_callback(busy)",
    "a task of a ThreadPool": "ThreadPool(2).apply(busy)",
    "a map of a ThreadPool": "ThreadPool(2).map(busy, range(8))",
    "a starmap of a ThreadPool": "ThreadPool(2).starmap(busy, [(1, 2)] * 8)",
    "an iterable of a ThreadPool": "list(ThreadPool(2).imap(abs, generate()))",
    "a callback of a ThreadPool": "ThreadPool(2).map_async(abs, [1], callback=busy).get()",
    "an error callback of a ThreadPool": "ThreadPool(2).apply_async(len, [1], error_callback=busy).get()",
    "an initializer of a ThreadPool": "ThreadPool(2, busy).apply(int)",
    "threads that are started": "spin_on_threads()",
}


@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("form", FORMS)
def test_code_that_the_engine_has_called_does_not_hold_up_the_exit(
    passes: Callable[..., None], form: str, pause: str
) -> None:
    begin = BEGIN.format(pause=PAUSES[pause], kinds=KINDS, runs=RUNS)
    passes(
        f"""{FORMS[form]}
from interlock import queue as interlock_queue
{begin}
for _ in range(2):
    std.Thread(target=exec, args=(code, dict(globals())), daemon=True).start()
begun.wait()
""",
        limit=LIMIT,
    )


# What a worker is doing while the interpreter waits for it.
WORKERS = {
    "a task of an executor": "p = futures.ThreadPoolExecutor(2); p.submit(busy)",
    "a map of an executor": "p = futures.ThreadPoolExecutor(2); p.map(busy, range(8))",
    "an initializer of an executor": "p = futures.ThreadPoolExecutor(2, initializer=busy); p.submit(int)",
    "a done callback of a task": "p, go = futures.ThreadPoolExecutor(2), std.Event(); "
    "p.submit(go.wait).add_done_callback(busy); go.set()",
    "a task of another task": "p = futures.ThreadPoolExecutor(2); p.submit(p.submit(busy).result)",
    "a thread": "threading.Thread(target=busy).start()",
}


@pytest.mark.parametrize("form", FORMS)
def test_ctrl_c_while_the_exit_waits_for_a_busy_worker_ends_the_process(
    run: Callable[..., Any], form: str
) -> None:
    begin = BEGIN.format(pause=PAUSES["computes"], kinds=WORKERS, runs=RUNS)
    done = run(
        f"""{FORMS[form]}{begin}
exec(code)
begun.wait()
ending = threading.Event()
std._register_atexit(ending.set)
def interrupt():
    ending.wait()
    until_blocked([os.getpid()])
    os.kill(os.getpid(), signal.SIGINT)
std.Thread(target=interrupt, daemon=True).start()
""",
        limit=LIMIT,
    )
    assert (done.status, done.out) == (0, ""), done.err
    said = [line for line in done.err.splitlines() if not line.startswith(("  ", "Traceback"))]
    assert all(line.startswith(("Exception ignored ", "KeyboardInterrupt")) for line in said), said
    assert sum(line.startswith("KeyboardInterrupt") for line in said) == len(WORKERS) * RUNS
