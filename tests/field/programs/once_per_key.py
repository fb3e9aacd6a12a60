"""Caches that compute once per key: with a lock per key, a lock in setdefault, and a dictionary of futures."""

import threading
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor


class Once:
    def __init__(self, function):
        self._function, self._guard, self._locks, self._values = (
            function,
            threading.Lock(),
            defaultdict(threading.Lock),
            {},
        )

    def __call__(self, key):
        with self._guard:
            lock = self._locks[key]
        with lock:
            if key not in self._values:
                self._values[key] = self._function(key)
            return self._values[key]


class Flight:
    def __init__(self, function):
        self._function, self._guard, self._futures = function, threading.Lock(), {}

    def __call__(self, key):
        with self._guard:
            future, mine = self._futures.get(key), False
            if future is None:
                future, mine = self._futures.setdefault(key, Future()), True
        if mine:
            try:
                future.set_result(self._function(key))
            except Exception as error:
                future.set_exception(error)
        return future.result(60)


for kind in (Once, Flight):
    calls = []
    cached = kind(lambda key, calls=calls: (calls.append(key), key * key)[1])
    with ThreadPoolExecutor(8) as pool:
        print(list(pool.map(cached, [1, 2, 3] * 10)) == [1, 4, 9] * 10, sorted(calls))
