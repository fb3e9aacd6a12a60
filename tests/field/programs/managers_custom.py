"""Managers: nested containers, a namespace, registered classes and functions."""

import multiprocessing as mp
from multiprocessing.managers import BaseManager, NamespaceProxy, SyncManager, BaseProxy
import queue


class Counter:
    def __init__(self, start=0):
        self.n = start

    def increment(self, by=1):
        self.n += by
        return self.n

    def fail(self):
        raise LookupError("as asked")


class CounterProxy(BaseProxy):
    _exposed_ = ("increment", "fail", "__getattribute__")

    def increment(self, by=1):
        return self._callmethod("increment", (by,))

    def fail(self):
        return self._callmethod("fail")

    @property
    def n(self):
        return self._callmethod("__getattribute__", ("n",))


class MyManager(BaseManager):
    pass


MyManager.register("Counter", Counter, CounterProxy)
MyManager.register("AutoCounter", Counter)
MyManager.register("queue", queue.PriorityQueue)


def work(d, l, ns, lock, i):
    with lock:
        d[i] = i * i
        l.append(i)
        ns.total += i


if __name__ == "__main__":
    with mp.Manager() as m:
        d, l, ns, lock = m.dict(), m.list(), m.Namespace(total=0), m.Lock()
        ps = [mp.Process(target=work, args=(d, l, ns, lock, i)) for i in range(5)]
        [p.start() for p in ps]
        [p.join() for p in ps]
        print(sorted(d.items()), sorted(l), ns.total, ns)
        outer = m.dict()
        outer["inner"] = m.list([1, 2])
        outer["inner"].append(3)
        print(outer["inner"][:], len(outer), "inner" in outer, str(l) == str(list(l)))
        q = m.Queue(2)
        q.put(1)
        q.put(2)
        try:
            q.put(3, timeout=0.01)
        except queue.Full as e:
            print("full", type(e))
        v = m.Value("i", 5)
        v.value += 1
        a = m.Array("i", [1, 2, 3])
        a[1] = 9
        print(v.value, a[:], v, m.Event().is_set())
        try:
            d["missing"]
        except KeyError as e:
            print("KeyError", e, type(e.__cause__).__name__)
        b = m.Barrier(1)
        print(b.wait(), b.parties, b.n_waiting)
        print(
            type(d).__name__, type(d).__module__, repr(d).startswith("<DictProxy object, typeid 'dict' at 0x")
        )
        pool = m.Pool(2)
        print(pool.map(abs, [-1, 2]))
        pool.terminate()
    with MyManager() as m:
        c = m.Counter(10)
        print(c.increment(), c.increment(5), c.n)
        try:
            c.fail()
        except LookupError as e:
            print("LookupError", e)
        auto = m.AutoCounter()
        print(auto.increment(3), [n for n in dir(auto) if not n.startswith("_")])
        q = m.queue()
        q.put(3)
        q.put(1)
        print(q.get(), q.get())
