"""Conditions over one lock, over a lock written in Python, and hooks of a condition."""

import threading


class Traced:
    def __init__(self):
        self.lock, self.log = threading.Lock(), []

    def acquire(self, *args, **kwargs):
        self.log.append("acquire")
        return self.lock.acquire(*args, **kwargs)

    def release(self):
        self.log.append("release")
        self.lock.release()

    def locked(self):
        return self.lock.locked()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *exception):
        self.release()


traced = Traced()
condition = threading.Condition(traced)
with condition:
    print(condition.wait(0.001), traced.log)
try:
    condition.notify()
except RuntimeError as error:
    print(error)
lock = threading.Lock()
full, empty, items = threading.Condition(lock), threading.Condition(lock), []


def produce():
    for number in range(5):
        with full:
            full.wait_for(lambda: len(items) < 2, 10)
            items.append(number)
            empty.notify()


thread, got = threading.Thread(target=produce), []
thread.start()
while len(got) < 5:
    with empty:
        empty.wait_for(lambda: items, 60)
        got.append(items.pop(0))
        full.notify()
thread.join()
print(got, len(full._waiters), lock.locked(), full._lock is lock)
