"""What queues of `interlock.multiprocessing` have more than the standard library's."""

from __future__ import annotations

from tests.processes.conftest import Run


def test_many_objects_travel_at_once(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing

        OBJECTS = [1, None, "text", b"bytes", (1, [2]), bytes(200_000), {"a": 1}, "x" * 50_000, 2.5, True]

        def child(there, back):
            got = []
            while len(got) < 5_000 + len(OBJECTS):
                some = there.get_many(700, timeout=60)
                assert 1 <= len(some) <= 700
                got += some
            back.put_many(iter(got), timeout=60)

        def main():
            ctx = multiprocessing.get_context(METHOD)
            there, back = ctx.Queue(100), ctx.Queue()
            process = ctx.Process(target=child, args=(there, back))
            process.start()
            sent = [*range(5_000), *OBJECTS]
            there.put_many(sent, timeout=60)
            process.join()
            got = back.get_many(10_000, block=False)
            assert got == sent and list(map(type, got)) == list(map(type, sent))
            assert process.exitcode == 0 and back.empty()
        """,
        method,
    )


RAISED = """
        def raised(call, *args, **kwargs):
            try:
                call(*args, **kwargs)
            except Exception as error:
                return error
            raise AssertionError("nothing was raised")
"""


def test_many_says_what_is_not_in_the_queue(run: Run) -> None:
    run(
        """
        import multiprocessing
        import queue
        from multiprocessing.queues import JoinableQueue, LifoQueue, Queue
        """
        + RAISED
        + """
        def main():
            ctx = multiprocessing.get_context()
            for kind in (Queue, JoinableQueue, LifoQueue):
                bounded = kind(3, ctx=ctx)
                for limit in ({"block": False}, {"timeout": 0.01}, {"timeout": -1}):
                    full = raised(bounded.put_many, range(5), **limit)
                    assert type(full) is queue.Full and full.remaining == [3, 4]
                    full = raised(bounded.put_many, iter([9]), **limit)
                    assert full.remaining == [9] and bounded.qsize() == 3
                    order = [2, 1, 0] if kind is LifoQueue else [0, 1, 2]
                    assert bounded.get_many(2) + bounded.get_many(2) == order
                    empty = raised(bounded.get_many, 1, **limit)
                    assert type(empty) is queue.Empty and not hasattr(empty, "got")
                bounded.put_many([])
                for most in (0, -1):
                    assert type(raised(bounded.get_many, most)) is ValueError
                bounded.close()
                assert "is closed" in str(raised(bounded.put_many, [1]))
                assert "is closed" in str(raised(bounded.get_many, 1))
        """
    )


def test_many_keeps_what_is_good_beside_what_raises(run: Run) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.queues import LifoQueue, Queue
        """
        + RAISED
        + """
        class Unloadable:
            def __reduce__(self):
                return int, ("no number",)

        def numbers():
            yield 1
            yield 2
            raise KeyError("the iterable's")

        class Told(Queue):
            def _on_queue_feeder_error(self, error, obj):
                self.told = obj

        def main():
            ctx = multiprocessing.get_context()
            for kind in (Queue, LifoQueue):
                queue = kind(ctx=ctx)
                assert type(raised(queue.put_many, numbers())) is KeyError
                assert sorted(queue.get_many(5)) == [1, 2]
                queue.put_many([1, Unloadable(), 3])
                error = raised(queue.get_many, 5)
                assert type(error) is ValueError and sorted(error.got) == [1, 3], error
            strict, culprit = Queue(ctx=ctx, strict=True), lambda: 0
            error = raised(strict.put_many, [1, 2, culprit, 4])
            assert error.remaining == [culprit] and strict.get_many(9) == [1, 2]
            lenient = Told(ctx=ctx)
            lenient.put_many([1, culprit, 3])
            assert lenient.told is culprit and lenient.get_many(9) == [1, 3]
        """
    )


def test_an_interrupted_put_many_says_what_is_left(run: Run) -> None:
    run(
        """
        import multiprocessing
        import os
        import signal

        class Interrupted(Exception):
            pass

        def interrupt(*args):
            raise Interrupted

        def child(queue, parent):
            while not queue.full():
                pass
            os.kill(parent, signal.SIGUSR1)

        def main():
            signal.signal(signal.SIGUSR1, interrupt)
            queue = multiprocessing.Queue(3)
            process = multiprocessing.Process(target=child, args=(queue, os.getpid()))
            process.start()
            try:
                queue.put_many(range(5))
            except Interrupted as error:
                assert error.remaining == [3, 4]
            else:
                raise AssertionError("not interrupted")
            process.join()
            assert queue.get_many(9) == [0, 1, 2]
        """
    )


def test_a_shutdown_ends_all_waits_in_all_processes(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.queues import JoinableQueue, LifoQueue, Queue

        import interlock.queue

        def child(empty, full, told):
            told.put("ready")
            for call in (empty.get, lambda: empty.get_many(3), lambda: full.put(2), lambda: full.put_many([2])):
                try:
                    call()
                except interlock.queue.ShutDown:
                    told.put("shut down")

        def main():
            ctx = multiprocessing.get_context(METHOD)
            for kind in (Queue, JoinableQueue, LifoQueue):
                empty, full, told = kind(ctx=ctx), kind(1, ctx=ctx), ctx.Queue()
                full.put(1)
                process = ctx.Process(target=child, args=(empty, full, told))
                process.start()
                assert told.get(timeout=60) == "ready" and not empty.is_shutdown
                empty.shutdown()
                full.shutdown()
                for _ in range(4):
                    assert told.get(timeout=60) == "shut down"
                process.join()
                assert process.exitcode == 0 and empty.is_shutdown and full.get() == 1
                for call in (empty.get, full.get_nowait, lambda: full.put_many([1]), lambda: full.put(object())):
                    try:
                        call()
                    except interlock.queue.ShutDown:
                        pass
                    else:
                        raise AssertionError("it is open")
        """,
        method,
    )


def test_an_immediate_shutdown_drops_what_is_there(run: Run) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.connection import wait
        from multiprocessing.queues import JoinableQueue, LifoQueue

        from interlock.queue import ShutDown

        def main():
            ctx = multiprocessing.get_context()
            for kind in (JoinableQueue, LifoQueue):
                queue = kind(ctx=ctx)
                queue.put_many(range(10))
                queue.shutdown(immediate=True)
                queue.join()
                assert queue.empty()
                try:
                    queue.get()
                except ShutDown:
                    pass
                # as the end of a connection: what waits for it is told
                assert queue._reader.poll(0) and queue._reader.poll(None)
                assert wait([queue._reader], 60) == [queue._reader]
        """
    )


CULPRITS = """
        import multiprocessing
        import threading
        from functools import partial
        from multiprocessing.queues import Queue

        def check(item, path):
            strict = Queue(ctx=multiprocessing.get_context(), strict=True)
            try:
                strict.put(item)
            except Exception as error:
                *_, note = error.__notes__  # from 3.14 on, pickle adds some itself
                assert note.startswith(f"What can't be pickled is {path}, of type "), (note, path)
            else:
                raise AssertionError(f"{path} was put")
            assert strict.empty()

        class Thing:
            def __init__(self, **attributes):
                self.__dict__.update(attributes)

            def method(self):
                pass
"""


def test_a_strict_queue_names_the_culprit_among_plain_objects(run: Run) -> None:
    run(
        CULPRITS
        + """
        def main():
            local, lock = lambda: 0, threading.Lock()
            check(local, "item.<locals>")
            check({"callback": local}, "item['callback'].<locals>")
            check({"a": [1, (2, local)]}, "item['a'][1][1].<locals>")
            check({lock: 1}, f"item.<key {lock!r:.60}>")
            check({lock}, "item.<element>")
            check(Thing(fine=1, inner=Thing(lock=lock)), "item.inner.lock")
            circle = [1]
            circle += [circle, {"x": lock}]
            check(circle, "item[2]['x']")
        """
    )


def test_a_strict_queue_names_the_culprit_in_what_pickles_itself(run: Run) -> None:
    run(
        CULPRITS
        + """
        class Slotted:
            __slots__ = "lock"

        class Careful(Thing):
            def __getstate__(self):
                return {"kept": self.kept}

        class Listed(list):
            pass

        class Refuses:
            def __reduce__(self):
                raise TypeError("never")

        def main():
            local, lock = lambda: 0, threading.Lock()
            slotted = Slotted()
            slotted.lock = lock
            check(slotted, "item.lock")
            check(Careful(kept=[lock], dropped=local), "item.kept[0]")
            check(Listed([0, lock]), "item[1]")
            check(partial(print, lock), "item.<state>[1][0]")
            check(Thing(lock=lock).method, "item.__self__.lock")
            check([Refuses()], "item[0]")
        """
    )


def test_a_lifo_queue_gives_the_newest(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.queues import LifoQueue

        def child(stack, told):
            told.put([stack.get(timeout=60) for _ in range(3)])
            stack.put_many(["a", bytes(100_000)])
            for _ in range(3):
                stack.task_done()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            stack, told = LifoQueue(4, ctx=ctx), ctx.Queue()
            stack.put_many([0, {"one": 1}, 2, "three"])
            assert stack.full() and stack.qsize() == 4
            process = ctx.Process(target=child, args=(stack, told))
            process.start()
            assert told.get(timeout=60) == ["three", 2, {"one": 1}]
            process.join()
            assert process.exitcode == 0 and stack.get() == bytes(100_000)
            assert stack.get_many(9) == ["a", 0] and stack.empty()
            for _ in range(3):
                stack.task_done()
            stack.join()
            try:
                stack.task_done()
            except ValueError:
                pass
            else:
                raise AssertionError("one task too many")
        """,
        method,
    )


def test_contexts_make_lifo_queues() -> None:
    from interlock import multiprocessing
    from interlock.multiprocessing.queues import LifoQueue

    for make in (multiprocessing, *map(multiprocessing.get_context, ("fork", "spawn", "forkserver"))):
        stack = make.LifoQueue(2, strict=True)
        assert type(stack) is LifoQueue
        stack.put_many([1, 2])
        assert stack.full()
        assert stack.get_many(2) == [2, 1]


def test_one_way_reaches_all_extras(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing

        import interlock.multiprocessing as more

        def child(stack, heap, strict, lock, told):
            with lock:
                told.put([stack.get(), heap.get(), strict.get()])

        def main():
            context = multiprocessing.get_context(METHOD)
            extras = more.get_context(context.get_start_method())
            stack, heap, strict = extras.LifoQueue(), extras.PriorityQueue(), extras.Queue(strict=True)
            lock = extras.Lock(on_owner_death="raise")
            told = context.Queue()
            for queue in (stack, heap, strict):
                queue.put_many([1, 2])
            for process in (context.Process, extras.Process):
                child_process = process(target=child, args=(stack, heap, strict, lock, told))
                child_process.start()
                child_process.join()
                assert child_process.exitcode == 0
            assert [told.get(), told.get()] == [[2, 1, 1], [1, 2, 2]]
            assert type(told) is type(strict) and type(context.Lock()) is type(lock)
            try:
                strict.put(lambda: 0)
            except Exception as error:
                assert "lambda" in str(error) or "local" in str(error), error
            else:
                raise AssertionError("put")
        """,
        method,
    )
