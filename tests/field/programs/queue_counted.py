"""A queue of processes that counts its items by a shared counter, after a well-known gist."""

import multiprocessing
import multiprocessing.queues


class SharedCounter:
    def __init__(self, n=0):
        self.count = multiprocessing.Value("i", n)

    def increment(self, n=1):
        with self.count.get_lock():
            self.count.value += n

    @property
    def value(self):
        return self.count.value


class Queue(multiprocessing.queues.Queue):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, ctx=multiprocessing.get_context(), **kwargs)
        self.size = SharedCounter(0)

    def __getstate__(self):
        return {"parent_state": super().__getstate__(), "size": self.size}

    def __setstate__(self, state):
        super().__setstate__(state["parent_state"])
        self.size = state["size"]

    def put(self, *args, **kwargs):
        super().put(*args, **kwargs)
        self.size.increment(1)

    def get(self, *args, **kwargs):
        item = super().get(*args, **kwargs)
        self.size.increment(-1)
        return item

    def qsize(self):
        return self.size.value

    def empty(self):
        return not self.qsize()

    def clear(self):
        while not self.empty():
            self.get()


def feed(q, n):
    for i in range(n):
        q.put(i)


if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        multiprocessing.set_start_method(method, force=True)
        q = Queue()
        p = multiprocessing.Process(target=feed, args=(q, 10))
        p.start()
        p.join()
        print(method, q.qsize(), [q.get() for _ in range(3)], q.qsize(), q.empty())
        q.clear()
        print(q.empty(), q.qsize())
        q.close()
        q.join_thread()
