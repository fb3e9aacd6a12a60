"""A service's insides: a cache with one computation for each key, configuration, metrics, weak listeners."""

import atexit
import gc
import random
import sys
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool


class Cache:
    """The first who asks computes; the others wait for its future."""

    def __init__(self, compute):
        self._compute, self._lock, self._futures = compute, threading.Lock(), {}
        self.computed = 0

    def __getitem__(self, key):
        with self._lock:
            future = self._futures.get(key)
            mine = future is None
            if mine:
                future = self._futures[key] = Future()
                self.computed += 1
        if mine:
            try:
                future.set_result(self._compute(key))
            except BaseException as error:
                with self._lock:
                    del self._futures[key]
                future.set_exception(error)
        return future.result(timeout=30)


class Config:
    """Readers get a whole configuration; listeners are told of a new one as long as they live."""

    def __init__(self):
        self._changed = threading.Condition(threading.RLock())
        self._values, self._version = {}, 0
        self._listeners = weakref.WeakSet()

    def listen(self, listener):
        with self._changed:
            self._listeners.add(listener)

    def set(self, **values):
        with self._changed:
            self._values = {**self._values, **values}
            self._version += 1
            for listener in list(self._listeners):
                listener.heard.append(self._version)
            self._changed.notify_all()

    def wait_for_version(self, version):
        with self._changed:
            self._changed.wait_for(lambda: self._version >= version, 30)
            return dict(self._values)


class Listener:
    def __init__(self):
        self.heard = []


class Metrics(threading.local):
    """Each thread counts for itself."""

    every = []

    def __init__(self):
        self.counts = {}
        self.every.append(self.counts)


def main():
    cache = Cache(lambda key: key * key if key >= 0 else 1 // 0)
    metrics, barrier = Metrics(), threading.Barrier(4, action=lambda: None)

    def reader(number):
        barrier.wait(30)
        keys = random.Random(number).sample(range(50), 50)
        metrics.counts["read"] = sum(cache[key] for key in keys)
        return metrics.counts["read"]

    with ThreadPoolExecutor(4) as pool:
        print(list(pool.map(reader, range(4))), cache.computed)
    print(sorted(counts["read"] for counts in Metrics.every if counts))
    for _ in range(2):
        try:
            cache[-1]
        except ZeroDivisionError:
            print("not cached", cache.computed)

    config, kept, gone = Config(), Listener(), Listener()
    config.listen(kept)
    config.listen(gone)
    with ThreadPool(3) as waiters:
        waiting = [waiters.apply_async(config.wait_for_version, (version,)) for version in (1, 2, 2)]
        config.set(level="info")
        del gone
        gc.collect()
        config.set(level="debug", size=3)
        values = [result.get(30) for result in waiting]
    print(values[1:], kept.heard)

    lock = threading.Lock()
    reference = weakref.ref(lock)
    del lock
    print(reference() is None, sys.getrefcount(cache) < 5)
    once = threading.Event()
    atexit.register(lambda: print("at exit", once.is_set()))
    threading.Thread(target=once.set, name="last").start()
    once.wait(30)


if __name__ == "__main__":
    main()
