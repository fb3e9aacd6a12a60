"""Thread-locals of every kind end with their thread; the next thread finds none of it."""

import _threading_local
import decimal
import gc
import threading
import weakref


class Thing:
    pass


class Counted(threading.local):
    def __init__(self, start):
        self.value = start


local, counted, slow = threading.local(), Counted(10), _threading_local.local()
refs, found = [], []


def use(number):
    found.append((hasattr(local, "thing"), counted.value, hasattr(slow, "thing"), decimal.getcontext().prec))
    local.thing, slow.thing = Thing(), Thing()
    counted.value += number
    decimal.getcontext().prec = 5
    refs.append(weakref.ref(local.thing))


for number in range(4):
    thread = threading.Thread(target=use, args=(number,))
    thread.start()
    thread.join()
    del thread
gc.collect()
print(found, [ref() for ref in refs], counted.value, decimal.getcontext().prec)
