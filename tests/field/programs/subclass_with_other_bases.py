"""Classes that derive from a class of threading or queue and from something else, generic or abstract."""

import abc
import queue
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Typed(queue.Queue, Generic[T]):
    pass


class Abstract(abc.ABC):
    @abc.abstractmethod
    def work(self): ...


class Worker(threading.Thread, Abstract):
    def work(self):
        return "worked"


class Mixin:
    def put(self, item, *args, **kwargs):
        super().put(("mixed", item), *args, **kwargs)


class Mixed(Mixin, queue.LifoQueue):
    pass


class Inline(Executor):
    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


typed = Typed[int](2)
typed.put(1)
print(typed.get(), Typed[int].__origin__ is Typed, queue.Queue[int].__origin__ is queue.Queue)
print(Worker().work(), isinstance(Worker(), Abstract), isinstance(Worker(), threading.Thread))
mixed = Mixed()
mixed.put(1)
print(mixed.get(), Mixed.__mro__[1].__name__)
with Inline() as pool:
    print(list(pool.map(abs, [-1, -2])), isinstance(pool, Executor), issubclass(ThreadPoolExecutor, Executor))
    print(repr(pool.submit(int, "x").exception()))
