"""Hooks set on one queue or on the class, before or after it has items."""

import queue
import types

log = []
q = queue.Queue()
q.put("before")
original = q._put
q._put = lambda item: (log.append(item), original(item))
q.put("after")
print(q.get(), q.get(), log)


def loud_get(self, *args, **kwargs):
    item = type(self).get(self, *args, **kwargs)
    log.append(f"got {item}")
    return item


q.get = types.MethodType(loud_get, q)
q.put("x")
print(q.get(), log)
p = queue.LifoQueue()
p.put(1)
queue.LifoQueue._qsize, kept = lambda self: 7, queue.LifoQueue._qsize
print(p.qsize())
queue.LifoQueue._qsize = kept
print(p.qsize(), p.get())
