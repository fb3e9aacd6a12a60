"""`PriorityQueue` between processes."""

from __future__ import annotations

from tests.processes.conftest import Run


def test_the_least_object_comes_first_in_another_process(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.queues import PriorityQueue

        def child(queue, told):
            told.put([queue.get(timeout=60) for _ in range(6)])
            queue.put_many([(5, "five"), (-5, "minus five"), (0, {"zero": 0})])
            for _ in range(6):
                queue.task_done()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            queue, told = PriorityQueue(6, ctx=ctx), ctx.Queue()
            big = bytes(100_000)
            for item in [(2, {"b": 1}), (1, "z"), (2, {"a": 1}), (1, "a"), (0.5, big), (2**70, None)]:
                queue.put(item)
            assert queue.full() and queue.qsize() == 6
            process = ctx.Process(target=child, args=(queue, told))
            process.start()
            expected = [(0.5, big), (1, "a"), (1, "z"), (2, {"b": 1}), (2, {"a": 1}), (2**70, None)]
            assert told.get() == expected
            process.join()
            assert process.exitcode == 0
            assert queue.get_many(9) == [(-5, "minus five"), (0, {"zero": 0}), (5, "five")] and queue.empty()
            for _ in range(3):
                queue.task_done()
            queue.join()
        """,
        method,
    )


def test_the_order_is_that_of_python(run: Run) -> None:
    run(
        """
        import enum
        import multiprocessing
        import random
        from collections import namedtuple
        from multiprocessing.queues import PriorityQueue

        class Level(enum.IntEnum):
            LOW = 9
            HIGH = 1

        Job = namedtuple("Job", "level name")

        def check(items):
            random.Random(5).shuffle(items)
            queue = PriorityQueue(ctx=multiprocessing.get_context())
            queue.put_many(items)
            got = [queue.get() for _ in items]
            assert got == sorted(items), got
            assert list(map(repr, got)) == list(map(repr, sorted(items)))  # equal ones as they came

        def main():
            check([3, -1, 2.5, True, 0, 2**53, 2**53 + 1, float(2**53), -(2**60), 2**60 + 1, float("inf"), 1e300])
            check(["b", "", "ab", "a", "\\u00e9", "\\U0001f600", "z" * 500, "\\uffff"])
            check([b"b", b"", b"ab", b"\\xff"])
            check([(1, "b"), (1,), (1, "a", 5), (1, "a"), (0, "z"), (1, "a", 5, None), (-0.0, "z")])
            check([[1, [2, 3]], [1, [2]], [0], [1, [2, 3], 4]])
            check([(Level.LOW, "a"), (Level.HIGH, "b"), (Level.LOW, "0")])
            check([Job(2, "a"), Job(1, "b"), Job(1, "a")])
            check([(random.Random(7).random(), n % 3) for n in range(300)])
        """
    )


def test_what_has_no_order_is_refused(run: Run) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.queues import PriorityQueue

        def refusal(call):
            try:
                call()
            except Exception as error:
                return type(error)
            raise AssertionError("not refused")

        def main():
            queue = PriorityQueue(ctx=multiprocessing.get_context())
            for wrong in ({"a": 1}, object(), None, {1}, 1j, (object(), 1), ({}, 1), [object()]):
                assert refusal(lambda: queue.put(wrong)) is TypeError, wrong
            assert refusal(lambda: queue.put(float("nan"))) is ValueError
            assert refusal(lambda: queue.put(10**400)) is OverflowError
            queue.put((1, "a"))
            assert refusal(lambda: queue.put(1)) is TypeError
            assert refusal(lambda: queue.put((1, 2))) is TypeError
            assert refusal(lambda: queue.put(("a", 2))) is TypeError
            queue.put((2, 3))
            assert refusal(lambda: queue.put_many([(3, 1), "text", (4, 1)])) is TypeError
            assert queue.get_many(9) == [(1, "a"), (2, 3), (3, 1)] and queue.empty()
            queue.put("text")
            assert queue.get() == "text"
        """
    )


def test_tasks_of_event_loops_wait_for_it(run: Run) -> None:
    run(
        """
        import asyncio
        import multiprocessing
        from multiprocessing.queues import PriorityQueue

        async def work():
            queue = PriorityQueue(1, ctx=multiprocessing.get_context())
            getter = asyncio.create_task(queue.aget())
            await queue.aput((1, "one"))
            assert await getter == (1, "one")
            await queue.aput(3)
            putter = asyncio.create_task(queue.aput(2))
            await asyncio.sleep(0)
            assert await queue.aget() == 3
            await putter
            assert await queue.aget() == 2

        def main():
            asyncio.run(work())
        """
    )


def test_a_killed_getter_loses_one_at_most(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        import os
        import signal
        from multiprocessing.queues import PriorityQueue

        def child(queue, told):
            for number in range(10):
                told.put(queue.get())
            told.put("enough")
            while True:
                queue.get()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            queue, told = PriorityQueue(ctx=ctx), ctx.Queue()
            queue.put_many(range(10))
            process = ctx.Process(target=child, args=(queue, told))
            process.start()
            assert [told.get(timeout=60) for _ in range(11)] == [*range(10), "enough"]
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            queue.put_many([3, 2, 1])
            assert [queue.get(timeout=60) for _ in range(3)] == [1, 2, 3]
        """,
        method,
    )


def test_contexts_make_them() -> None:
    from interlock import multiprocessing
    from interlock.multiprocessing.queues import PriorityQueue

    for make in (multiprocessing, *map(multiprocessing.get_context, ("fork", "spawn", "forkserver"))):
        queue = make.PriorityQueue(2, strict=True)
        assert type(queue) is PriorityQueue
        queue.put_many([2, 1])
        assert queue.full()
        assert queue.get_many(2) == [1, 2]
