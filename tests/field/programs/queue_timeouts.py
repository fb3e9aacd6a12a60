"""Every refusal of a queue and its exception: empty, full, negative timeouts, no blocking."""

import queue


def show(call):
    try:
        print("returned", call())
    except Exception as error:
        print(type(error).__qualname__, error)


for kind in (queue.Queue, queue.LifoQueue, queue.PriorityQueue):
    q = kind(1)
    show(lambda: q.get(timeout=0.001))
    show(lambda: q.get(timeout=0))
    show(lambda: q.get_nowait())
    show(lambda: q.get(False))
    show(lambda: q.get(True, -1))
    show(lambda: q.put(1))
    show(lambda: q.put(2, timeout=0.001))
    show(lambda: q.put(2, False))
    show(lambda: q.put(2, timeout=-1))
    show(lambda: (q.qsize(), q.full(), q.empty()))
s = queue.SimpleQueue()
show(lambda: s.get(timeout=0.001))
show(lambda: s.get_nowait())
show(lambda: s.put(1, False, 5))
show(lambda: (s.get(timeout=1), s.empty(), s.qsize()))
show(lambda: s.get(timeout=-1))
