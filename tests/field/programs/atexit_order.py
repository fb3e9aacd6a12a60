"""The order at exit: pools end first, then atexit handlers run, and the interpreter waits for threads."""

import atexit
import threading
from concurrent.futures import ThreadPoolExecutor

atexit.register(print, "atexit: registered first")
atexit.register(print, "atexit: registered last")
pool, gate = ThreadPoolExecutor(1), threading.Event()
pool.submit(gate.wait)
pool.submit(print, "the pool's last call")


def last():
    threading.main_thread().join()
    pool.shutdown()
    print("a thread that is no daemon", flush=True)


threading.Thread(target=last).start()
threading._register_atexit(gate.set)
threading._register_atexit(print, "threading's own handler")
print("the end of the program")
