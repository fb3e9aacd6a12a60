"""Pools of processes as people use them."""

import multiprocessing as mp, os, signal, time, functools, collections
from multiprocessing import TimeoutError as MPTimeout

shared = None


def init(value, lock):
    global shared
    shared = value, lock
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def add(x):
    v, lock = shared
    with lock:
        v.value += x
    return x


class Model:
    def __init__(self, k):
        self.k = k

    def predict(self, x):
        return self.k * x

    def run(self, pool):
        return pool.map(self.predict, range(4))

    @staticmethod
    def s(x):
        return -x

    @classmethod
    def c(cls, x):
        return cls.__name__, x


Point = collections.namedtuple("Point", "x y")


def swap(p):
    return Point(p.y, p.x)


def boom(x):
    if x == 3:
        raise ValueError("bad", x)
    return x


def exc(x):
    class Local(Exception):
        pass

    raise Local("local")


def unpicklable(x):
    return lambda: x


def gen(n):
    for i in range(n):
        yield i


def bad_gen():
    yield 1
    raise RuntimeError("the iterable fails")


if __name__ == "__main__":
    v, lock = mp.Value("i", 0, lock=False), mp.Lock()
    with mp.Pool(3, init, (v, lock)) as pool:
        print(sum(pool.imap_unordered(add, gen(100), chunksize=7)), v.value)
        print(
            Model(3).run(pool), pool.map(Model.s, [1]), pool.map(Model.c, [1]), pool.map(swap, [Point(1, 2)])
        )
        print(pool.map(functools.partial(pow, 2), range(5)), pool.starmap(pow, [(2, 3), (3, 2)]))
        got, errors = [], []
        rs = [
            pool.apply_async(boom, (i,), callback=got.append, error_callback=errors.append) for i in range(5)
        ]
        for r in rs:
            r.wait()
        while len(got) + len(errors) < 5:
            time.sleep(0.001)  # sleep: between two looks
        print(sorted(got), [repr(e) for e in errors], [r.successful() for r in rs])
        try:
            rs[3].get()
        except ValueError as e:
            print(repr(e), type(e.__cause__).__name__, "boom" in str(e.__cause__))
        r = pool.apply_async(time.sleep, (0.5,))
        try:
            r.get(timeout=0.01)
        except MPTimeout as e:
            print("timeout", repr(e))
        try:
            r.successful()
        except ValueError as e:
            print("not ready", "not ready" in str(e))
        it = pool.imap(boom, range(5))
        print(next(it), it.next(timeout=10), next(it))
        try:
            next(it)
        except ValueError as e:
            print(e.args)
        print(next(it))
        try:
            next(it)
        except StopIteration:
            print("stop")
        for f in (unpicklable,):
            try:
                pool.map(f, [1])
            except mp.pool.MaybeEncodingError as e:
                print(type(e).__name__, type(e.__cause__).__name__, e.exc[:30])
        try:
            pool.apply(exc, (1,))
        except Exception as e:
            print(type(e).__name__)
        try:
            list(pool.imap(abs, bad_gen()))
        except RuntimeError as e:
            print(e)
        try:
            pool.map(abs, bad_gen())
        except RuntimeError as e:
            print(e)
        try:
            pool.imap(abs, [1], chunksize=0)
        except ValueError as e:
            print(e)
        try:
            pool.map(abs, 5)
        except TypeError as e:
            print(e)
        print(pool.map(abs, []), list(pool.imap(abs, [])), pool.map_async(abs, []).get())
        print(len(pool._pool), pool._processes, pool._state, len({p.pid for p in pool._pool}))
        print([p.name.split("-")[0] for p in pool._pool], pool._pool[0].daemon)
        try:
            pool.join()
        except ValueError as e:
            print(e)
    try:
        pool.map(abs, [1])
    except ValueError as e:
        print(e)
    with mp.Pool(1, maxtasksperchild=2) as pool:
        pids = [pool.apply(os.getpid) for _ in range(6)]
        print([pids.index(p) for p in pids])
    try:
        mp.Pool(0)
    except ValueError as e:
        print(e)
    try:
        mp.Pool(1, initializer=5)
    except TypeError as e:
        print(e)
    print(repr(pool).split(" ")[0:1], "state=TERMINATE" in repr(pool))
