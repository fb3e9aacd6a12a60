"""A serializer and a walker that recognize locks by type: singledispatch, copyreg, isinstance, a dict of types."""

import _thread
import copy
import copyreg
import functools
import threading

LOCK, RLOCK = type(threading.Lock()), type(threading.RLock())
NAMES = {LOCK: "lock", RLOCK: "rlock", threading.Event: "event", threading.Condition: "condition"}


@functools.singledispatch
def describe(thing):
    return "thing"


describe.register(LOCK, lambda thing: "a lock")
describe.register(_thread.RLock, lambda thing: "an rlock")


class Model:
    def __init__(self):
        self.name, self.lock, self.rlock = "m", threading.Lock(), threading.RLock()

    def __getstate__(self):
        return {k: v for k, v in vars(self).items() if not isinstance(v, (_thread.LockType, RLOCK))}

    def __setstate__(self, state):
        self.__init__()
        vars(self).update(state)


print(describe(threading.Lock()), describe(threading.RLock()), describe(1), describe(_thread.allocate_lock()))
print(
    [NAMES[type(make())] for make in (threading.Lock, threading.RLock, threading.Event, threading.Condition)]
)
print(sorted(vars(copy.deepcopy(Model()))))
copyreg.pickle(_thread.LockType, lambda lock: (threading.Lock, ()))
print(copy.deepcopy({"lock": threading.Lock()})["lock"].locked())
