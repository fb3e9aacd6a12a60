"""Pools within pools by processes that are never daemons, the well-known recipe."""

import multiprocessing
import multiprocessing.pool


class NoDaemonProcess(multiprocessing.get_context("fork").Process):
    @property
    def daemon(self):
        return False

    @daemon.setter
    def daemon(self, value):
        pass


class NoDaemonContext(type(multiprocessing.get_context("fork"))):
    Process = NoDaemonProcess


class NestablePool(multiprocessing.pool.Pool):
    def __init__(self, *args, **kwargs):
        kwargs["context"] = NoDaemonContext()
        super().__init__(*args, **kwargs)


def square(x):
    return x * x


def inner(n):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return sum(pool.map(square, range(n)))


if __name__ == "__main__":
    pool = NestablePool(2)
    print(pool.map(inner, [5, 6, 7]))
    print([type(p).__name__ for p in pool._pool], {p.daemon for p in pool._pool})
    pool.close()
    pool.join()
    print([p.exitcode for p in pool._pool])
