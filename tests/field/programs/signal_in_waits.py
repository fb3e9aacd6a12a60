"""A handler runs while the main thread waits, and its exception ends the wait; the locks stay as they were."""

import os
import queue
import signal
import threading


class Alarm(Exception):
    pass


heard = []


def handler(number, frame):
    heard.append(number == signal.SIGALRM)
    if len(heard) == 2:
        raise Alarm
    signal.setitimer(signal.ITIMER_REAL, 0.01)


signal.signal(signal.SIGALRM, handler)
q, lock, event, condition = queue.Queue(), threading.Lock(), threading.Event(), threading.Condition()
lock.acquire()
condition.acquire()
waits = {"get": q.get, "acquire": lock.acquire, "event": event.wait, "condition": condition.wait}
for name, wait in waits.items():
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        wait()
    except Alarm:
        print(name, "ended by the handler", len(heard))
    heard.clear()
print(q.empty(), lock.locked(), event.is_set(), condition._is_owned())
signal.signal(signal.SIGUSR1, lambda *_: event.set())
os.kill(os.getpid(), signal.SIGUSR1)
print(event.wait(60))
