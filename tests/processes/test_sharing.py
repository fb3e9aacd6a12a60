"""Objects of `multiprocessing` do what they say, whichever way they came to the other process."""

from __future__ import annotations

from tests.processes.conftest import Run


def test_locks_and_semaphores_exclude_and_count(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing

        def child(lock, rlock, semaphore, bounded, go, told):
            with rlock, rlock:
                told.put((lock.acquire(False), rlock._semlock._count(), semaphore.get_value(), repr(lock)))
            go.wait()
            with lock, semaphore, bounded:
                told.put((repr(lock), repr(semaphore), repr(bounded)))

        def main():
            ctx = multiprocessing.get_context(METHOD)
            shared = ctx.Lock(), ctx.RLock(), ctx.Semaphore(3), ctx.BoundedSemaphore(2), ctx.Event(), ctx.Queue()
            lock, rlock, semaphore, bounded, go, told = shared
            lock.acquire()
            assert repr(lock) == "<Lock(owner=MainProcess)>"
            semaphore.acquire()
            process = ctx.Process(target=child, args=shared, name="the child")
            process.start()
            assert told.get(timeout=60) == (False, 2, 2, "<Lock(owner=SomeOtherProcess)>")
            lock.release()
            go.set()
            assert told.get(timeout=60) == (
                "<Lock(owner=the child)>", "<Semaphore(value=1)>", "<BoundedSemaphore(value=1, maxvalue=2)>"
            )
            process.join()
            assert process.exitcode == 0 and lock.acquire(timeout=60) and bounded.get_value() == 2
            for release, error in ((bounded.release, ValueError), (rlock.release, AssertionError)):
                try:
                    release()
                except error:
                    pass
                else:
                    raise AssertionError(f"no {error}")
        """,
        method,
    )


def test_conditions_events_and_barriers_wake_the_other_process(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing

        def child(condition, event, barrier, told):
            with condition:
                told.put("waits")
                assert condition.wait(60)
            event.set()
            told.put(barrier.wait(60))

        def main():
            ctx = multiprocessing.get_context(METHOD)
            condition, event, barrier, told = ctx.Condition(), ctx.Event(), ctx.Barrier(2), ctx.Queue()
            process = ctx.Process(target=child, args=(condition, event, barrier, told))
            process.start()
            assert told.get(timeout=60) == "waits"
            with condition:  # the child has released it: it waits
                assert repr(condition).endswith(", 1)>")
                condition.notify()
            assert event.wait(60) and event.is_set()
            event.clear()
            assert sorted([barrier.wait(60), told.get(timeout=60)]) == [0, 1]
            process.join()
            assert process.exitcode == 0 and not event.wait(0) and not barrier.broken
        """,
        method,
    )


def test_queues_carry_objects_in_order(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing

        OBJECTS = [None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, 1.5, float("inf"), "", "a",
                   "\\N{SNOWMAN}" * 1000, b"", b"bytes",
                    bytes(100_000), "x" * 100_000, "\\ud800", (), [1, [2]], {"a": {1}}, range(3), 1j,
                   bytearray(b"b")]

        class Number(int):
            pass

        def child(there, back):
            while (item := there.get(timeout=60)) != "end":
                back.put(item)
                there.task_done()
            there.task_done()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            there, back = ctx.JoinableQueue(3), ctx.Queue()
            process = ctx.Process(target=child, args=(there, back))
            process.start()
            for item in [*OBJECTS, Number(3), "end"]:
                there.put(item, timeout=60)
            there.join()
            for item in OBJECTS:
                got = back.get(timeout=60)
                assert got == item and type(got) is type(item), (got, item)
            got = back.get(timeout=60)
            assert got == 3 and type(got) is Number
            process.join()
            assert back.empty() and there.qsize() == 0 and process.exitcode == 0
        """,
        method,
    )


def test_objects_of_both_kinds_mix(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        import sys

        def child(ours, theirs, told):
            with ours, theirs:
                told.put((type(ours).__module__, type(theirs).__module__))

        def main():
            import interlock.multiprocessing

            ours = interlock.multiprocessing.get_context(METHOD)
            theirs = sys.modules["multiprocessing"].get_context(METHOD)
            for starts in (ours, theirs):
                told, first, second = ours.Queue(), ours.Lock(), theirs.Lock()
                process = starts.Process(target=child, args=(first, second, told))
                process.start()
                assert told.get(timeout=60) == (type(first).__module__, type(second).__module__)
                process.join()
        """,
        method,
    )


def test_a_child_hands_on_what_it_was_given(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing

        def grandchild(lock, told):
            with lock:
                told.put("grandchild")

        def child(lock, told):
            process = multiprocessing.get_context(METHOD).Process(target=grandchild, args=(lock, told))
            process.start()
            process.join()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            lock, told = ctx.Lock(), ctx.Queue()
            process = ctx.Process(target=child, args=(lock, told))
            process.start()
            assert told.get(timeout=60) == "grandchild"
            process.join()
        """,
        method,
    )


def test_pickling_is_refused_but_for_a_child(run: Run) -> None:
    run(
        """
        import multiprocessing
        import pickle

        def main():
            fork, spawn = multiprocessing.get_context("fork"), multiprocessing.get_context("spawn")
            for make in (spawn.Lock, spawn.RLock, spawn.Semaphore, spawn.Event, spawn.Queue, spawn.Condition):
                try:
                    pickle.dumps(make())
                except RuntimeError as error:
                    kind = type(make()).__name__
                    assert str(error) == f"{kind} objects should only be shared between processes through inheritance"
                else:
                    raise AssertionError("it was pickled")
            process = spawn.Process(target=print, args=(fork.Lock(),))
            try:
                process.start()
            except RuntimeError as error:
                assert str(error).startswith("A SemLock created in a fork context is being shared"), error
            else:
                raise AssertionError("it was shared")
        """
    )


def test_what_cannot_be_pickled_is_told_at_once(run: Run) -> None:
    printed = run(
        """
        import multiprocessing
        from multiprocessing.queues import Queue

        class Told(Queue):
            def _on_queue_feeder_error(self, error, obj):
                self.told = error, obj

        def main():
            queue = multiprocessing.Queue()
            queue.put(lambda: 0)  # prints
            queue.put(1)
            assert queue.get() == 1
            queue = Told(ctx=multiprocessing.get_context())
            unpicklable = lambda: 0
            queue.put(unpicklable)
            error, obj = queue.told
            assert obj is unpicklable and queue.empty()
            queue = Told(ctx=multiprocessing.get_context(), strict=True)
            try:
                queue.put(unpicklable)
            except Exception as raised:
                assert type(raised) is type(error)
            else:
                raise AssertionError("it was put")
        """
    )
    assert "Traceback" in printed
    assert "lambda" in printed


def test_reducers_that_are_registered_later_count(run: Run) -> None:
    run(
        """
        import copyreg
        import multiprocessing
        from multiprocessing.reduction import ForkingPickler

        class One: pass
        class Other: pass

        def reduced(thing):
            return str, ("reduced",)

        def main():
            queue = multiprocessing.Queue()
            for register, kind in ((ForkingPickler.register, One), (copyreg.pickle, Other)):
                queue.put([kind()])
                assert type(queue.get()[0]) is kind
                register(kind, reduced)
                queue.put([kind()])
                assert queue.get() == ["reduced"]
        """
    )


def test_a_closed_queue_refuses(run: Run) -> None:
    run(
        """
        import multiprocessing
        import queue

        def main():
            closed = multiprocessing.Queue(1)
            closed.put(1)
            assert closed.full()
            for call in (lambda: closed.put(2, False), lambda: closed.put(2, timeout=0.01)):
                try:
                    call()
                except queue.Full:
                    pass
                else:
                    raise AssertionError("it was put")
            assert closed.get() == 1
            try:
                closed.get_nowait()
            except queue.Empty:
                pass
            closed.close()
            closed.join_thread()
            for call in (closed.get, lambda: closed.put(1)):
                try:
                    call()
                except ValueError as error:
                    assert str(error) == f"Queue {closed!r} is closed"
                else:
                    raise AssertionError("it is open")
        """
    )


def test_the_reader_of_a_queue_can_be_waited_for(run: Run) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.connection import wait

        def child(queue, go):
            go.wait()
            queue.put("there")

        def main():
            queue, go = multiprocessing.Queue(), multiprocessing.Event()
            process = multiprocessing.Process(target=child, args=(queue, go))
            process.start()
            assert wait([queue._reader], 0) == []
            go.set()
            assert wait([queue._reader], 60) == [queue._reader]
            assert queue._reader.poll() and queue._reader.recv() == "there"
            assert wait([queue._reader], 0) == [] and not queue._reader.poll(0)
            for get in (queue.get, queue._reader.recv, queue.get_nowait):
                queue.put(1)
                queue.put(2)
                for number in (1, 2):
                    assert wait([queue._reader], 60) and get() == number
                assert wait([queue._reader], 0) == []
            process.join()
        """
    )
