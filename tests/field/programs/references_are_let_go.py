"""Objects that passed through queues, calls, events and threads are freed when nobody needs them."""

import gc
import queue
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor


class Thing:
    pass


refs = []


def made():
    thing = Thing()
    refs.append(weakref.ref(thing))
    return thing


q = queue.Queue()
q.put(made())
q.get()
with ThreadPoolExecutor(1) as pool:
    pool.submit(id, made()).result()
    pool.submit(int).result()
    gc.collect()
    print([ref() is None for ref in refs])
thread = threading.Thread(target=id, args=(made(),))
thread.start()
thread.join()
holder = Thing()
holder.lock, holder.queue, holder.condition = threading.RLock(), queue.Queue(), threading.Condition()
holder.queue.put(holder)
holder.event = threading.Event()
holder.event.holder = holder
refs.append(weakref.ref(holder))
del holder
gc.collect()
print([ref() is None for ref in refs])
