"""A thread pool made by hand over a Queue.

A few threads live as long as the pool and take one task after another, so the
pool starts no thread per task. Each task has its own event: `result()` waits
for it, and raises in the caller what the task raised in the worker.
"""

from collections.abc import Callable
from functools import partial
from queue import Queue
from threading import Barrier, Event, Thread
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Task(Generic[T]):
    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._done = Event()
        self._values: list[T] = []
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._values.append(self._function())
        except Exception as error:
            self._error = error
        self._done.set()

    def result(self) -> T:
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._values[0]


class Pool:
    def __init__(self, size: int) -> None:
        self._tasks: Queue[Task[int] | None] = Queue()
        self.threads = [Thread(target=self._serve) for _ in range(size)]

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None:
            task.run()

    def submit(self, function: Callable[[], int]) -> Task[int]:
        task = Task(function)
        self._tasks.put(task)
        return task

    def __enter__(self) -> "Pool":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _ in self.threads:
            self._tasks.put(None)
        for thread in self.threads:
            thread.join()


def main() -> None:
    with Pool(3) as pool:
        squares = [pool.submit(partial(pow, n, 2)) for n in range(8)]
        print("squares:", [task.result() for task in squares])

        meeting = Barrier(3)
        places = [pool.submit(meeting.wait) for _ in range(3)]
        print("three tasks met, so three threads:", sorted(task.result() for task in places))

        try:
            pool.submit(lambda: 1 // 0).result()
        except ZeroDivisionError as error:
            print("error raised in the caller:", type(error).__name__)
    print("threads alive after the pool:", sum(thread.is_alive() for thread in pool.threads))


if __name__ == "__main__":
    main()
