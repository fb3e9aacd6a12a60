"""Each worker makes a connection in its initializer; an initializer that fails breaks the pool."""

import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.thread import BrokenThreadPool

local, made = threading.local(), []


def connect(name):
    local.connection = f"{name}:{threading.current_thread().name}"
    made.append(local.connection)


barrier = threading.Barrier(2)


def use(_):
    barrier.wait(60)
    return local.connection


with ThreadPoolExecutor(2, "worker", connect, ("db",)) as pool:
    print(sorted(pool.map(use, range(2))))
print(sorted(made))


def fail():
    raise LookupError("no such host")


import logging

logging.getLogger("concurrent.futures").addHandler(logging.NullHandler())
logging.getLogger("concurrent.futures").propagate = False
pool = ThreadPoolExecutor(1, initializer=fail)
try:
    print(pool.submit(int).result(60))
except BrokenThreadPool as error:
    print(type(error).__name__, error)
try:
    pool.submit(int)
except BrokenThreadPool as error:
    print(type(error).__name__, error)
print(bool(pool._broken))
