"""A fork while a thread holds a lock and others wait: the child has one thread, and new objects work there."""

import os
import queue
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

warnings.simplefilter("ignore", DeprecationWarning)
warnings.simplefilter("ignore", RuntimeWarning)  # Interlock tells of the lock
gate, began = threading.Event(), threading.Event()
lock, q = threading.Lock(), queue.Queue()


def hold():
    with lock:
        began.set()
        gate.wait(60)


thread = threading.Thread(target=hold)
thread.start()
began.wait(60)
sys.stdout.flush()
pid = os.fork()
if pid == 0:
    names = [t.name for t in threading.enumerate()]
    done = threading.Thread(target=q.put, args=("from the child",))
    done.start()
    with ThreadPoolExecutor(2) as pool:
        squares = list(pool.map(pow, [1, 2, 3], [2, 2, 2]))
    print(names, thread.is_alive(), q.get(timeout=60), squares, lock.acquire(timeout=0.01), flush=True)
    os._exit(7)
_, status = os.waitpid(pid, 0)
gate.set()
thread.join()
print(os.waitstatus_to_exitcode(status), lock.acquire(timeout=1), threading.active_count())
