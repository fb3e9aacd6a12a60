"""A semaphore whose limit changes at run time, through `_value` and `_cond`."""

import threading


class Resizable(threading.Semaphore):
    def __init__(self, value):
        super().__init__(value)
        self.limit = value

    def resize(self, limit):
        with self._cond:
            self._value += limit - self.limit
            self.limit = limit
            self._cond.notify_all()


semaphore = Resizable(1)
print(semaphore._value, semaphore.acquire(blocking=False), semaphore.acquire(blocking=False))
entered = threading.Event()


def enter():
    with semaphore:
        entered.set()


thread = threading.Thread(target=enter)
thread.start()
print(entered.is_set())
semaphore.resize(3)
thread.join(60)
print(entered.is_set(), semaphore._value, semaphore.limit)
plain = threading.Semaphore(2)
plain._value = 0
print(plain.acquire(timeout=0.001))
plain.release(2)
print(plain._value, plain.acquire(), plain.acquire(), plain.acquire(False))
bounded = threading.BoundedSemaphore(1)
try:
    bounded.release()
except ValueError as error:
    print(error, bounded._initial_value)
