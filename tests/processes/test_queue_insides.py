"""What programs find inside the queues that processes share: in both forms, as in the standard library."""

from __future__ import annotations

from tests.processes.conftest import Run

LOKY = """
        import multiprocessing
        import threading
        from multiprocessing import context
        from multiprocessing.queues import JoinableQueue, Queue

        class Pickled(Queue):
            # As joblib's queue: its own thread, its own state.
            def __init__(self, maxsize=0, mark=None, ctx=None):
                super().__init__(maxsize=maxsize, ctx=ctx)
                self._mark = mark

            def __getstate__(self):
                context.assert_spawning(self)
                return (self._ignore_epipe, self._maxsize, self._reader, self._writer, self._mark,
                        self._rlock, self._wlock, self._sem, self._opid)

            def __setstate__(self, state):
                (self._ignore_epipe, self._maxsize, self._reader, self._writer, self._mark,
                 self._rlock, self._wlock, self._sem, self._opid) = state
                self._reset()

            def _start_thread(self):
                self._buffer.clear()
                args = self._buffer, self._notempty, self._send_bytes, self._wlock, self._mark
                self._thread = threading.Thread(target=Pickled._feed, args=args, daemon=True)
                self._thread.start()

            @staticmethod
            def _feed(buffer, notempty, send_bytes, wlock, mark):
                while True:
                    with notempty:
                        while not buffer:
                            notempty.wait()
                    with wlock:
                        send_bytes(context.reduction.ForkingPickler.dumps((mark, buffer.popleft())))
"""


def test_a_queue_with_a_feeder_of_its_own(run: Run, method: str) -> None:
    run(
        LOKY
        + """
        def child(queue, back):
            back.put(queue.get())
            back.put(queue.get(timeout=60))
            assert queue.get() == ("there", "end")  # its thread is a daemon's

        def main():
            ctx = multiprocessing.get_context(METHOD)
            queue, back = Pickled(3, "there", ctx=ctx), Pickled(mark="back", ctx=ctx)
            process = ctx.Process(target=child, args=(queue, back))
            process.start()
            queue.put(1)
            queue.put({"two": 2})
            assert back.get() == ("back", ("there", 1))
            assert back.get(timeout=60) == ("back", ("there", {"two": 2}))
            queue.put("end")
            process.join()
            assert process.exitcode == 0 and queue.empty() and queue.qsize() == 0 and not queue.full()
            assert type(queue._rlock) is type(ctx.Lock())
            assert type(queue._reader) is type(ctx.Pipe()[0])
            try:
                queue.put_many([1])
            except RuntimeError:
                pass
            else:
                raise AssertionError("an extra")
            queue.close()
            try:
                queue.put(1)
            except ValueError:
                pass
            else:
                raise AssertionError("closed")
        """,
        method,
    )


def test_a_queue_whose_connections_are_wrapped(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.queues import Queue

        class Wrapper:
            # As PyTorch's.
            def __init__(self, connection):
                self.connection = connection

            def __getattr__(self, name):
                if "connection" in self.__dict__:
                    return getattr(self.connection, name)
                raise AttributeError(name)

        class Wrapped(Queue):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                self._reader = Wrapper(self._reader)
                self._writer = Wrapper(self._writer)
                self._send = self._writer.send
                self._recv = self._reader.recv

        def child(queue, back):
            while (got := queue.get()) is not None:
                back.put(got)

        def main():
            ctx = multiprocessing.get_context(METHOD)
            queue, back = Wrapped(ctx=ctx), ctx.Queue()
            process = ctx.Process(target=child, args=(queue, back))
            process.start()
            for item in (1, "two", [3], None):
                queue.put(item)
            assert [back.get() for _ in range(3)] == [1, "two", [3]]
            process.join()
            assert isinstance(queue._reader, Wrapper)
        """,
        method,
    )


def test_derived_classes_call_the_functions_of_the_standard_ones(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.queues import JoinableQueue, Queue

        class Counting(JoinableQueue):
            # It takes the locks itself, and calls functions of the classes by name.
            def put(self, obj, block=True, timeout=None):
                JoinableQueue.put(self, obj, block, timeout)

            def get_all(self):
                with self._rlock:
                    got = []
                    while self._poll():
                        got.append(self._reader.recv())
                        self._sem.release()
                return got

            def __getstate__(self):
                return JoinableQueue.__getstate__(self) + ("mine",)

            def __setstate__(self, state):
                JoinableQueue.__setstate__(self, state[:-1])
                self.mine = state[-1]

        def child(queue, told):
            told.put(getattr(queue, "mine", "forked"))
            queue.put(3)
            queue.put(4)
            queue.close()
            queue.join_thread()

        def main():
            ctx = multiprocessing.get_context(METHOD)
            queue, told = Counting(5, ctx=ctx), ctx.Queue()
            queue.put(1)
            assert queue.get() == 1
            queue.task_done()
            queue.join()
            process = ctx.Process(target=child, args=(queue, told))
            process.start()
            assert told.get() in ("mine", "forked")
            process.join()
            assert process.exitcode == 0 and queue.qsize() == 2
            assert queue.get_all() == [3, 4] and queue.qsize() == 0
            queue.task_done()
            queue.task_done()
            queue.join()
            try:
                queue.task_done()
            except ValueError:
                pass
            else:
                raise AssertionError("one task too many")
        """,
        method,
    )


def test_a_native_queue_shows_what_the_standard_one_has(run: Run) -> None:
    run(
        """
        import multiprocessing

        def child(queue, told):
            got = queue._recv_bytes()
            told.put((multiprocessing.context.reduction.ForkingPickler.loads(got), queue._poll(0), queue._opid))
            with queue._notempty:
                queue._buffer.append("appended")
                queue._notempty.notify()

        def main():
            ctx = multiprocessing.get_context("fork")
            queue, told = ctx.Queue(3), ctx.Queue()
            assert queue._sem._semlock._get_value() == 3 and not queue._sem._semlock._is_zero()
            queue.put({"one": 1})
            assert queue._maxsize == 3 and queue._sem._semlock._get_value() == 2
            assert len(queue._buffer) == 0 and queue._thread is None and not queue._closed
            queue._buffer.clear()
            queue._start_thread()
            process = ctx.Process(target=child, args=(queue, told))
            process.start()
            assert told.get() == ({"one": 1}, False, queue._opid)
            process.join()
            assert queue.get() == "appended"
            queue._send_bytes(multiprocessing.context.reduction.ForkingPickler.dumps([5]))
            assert queue._poll(60) and queue.get() == [5]
            assert not hasattr(type(queue), "_sem") and not hasattr(queue, "_nothing")
        """
    )


def test_a_queue_of_one_process_becomes_standard_with_what_is_in_it(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        import threading

        def child(queue):
            with queue._rlock:
                got = [queue._reader.recv() for _ in range(3)]
            queue.put(got)

        def main():
            ctx = multiprocessing.get_context(METHOD)
            queue = ctx.JoinableQueue(4)
            queue.put(0)
            for number in range(1, 4):
                queue.put([number])
            assert queue.get() == 0
            assert queue._rlock.acquire(timeout=1)
            queue._rlock.release()
            assert queue.qsize() == 3
            process = ctx.Process(target=child, args=(queue,))
            process.start()
            process.join()
            assert queue.get() == [[1], [2], [3]]
            for _ in range(5):
                queue.task_done()
            queue.join()
            try:
                queue.task_done()
            except ValueError:
                pass
            else:
                raise AssertionError("one task too many")
        """,
        method,
    )


def test_threads_that_wait_go_on_when_their_queue_becomes_standard(run: Run) -> None:
    run(
        """
        import multiprocessing
        import threading

        def main():
            ctx = multiprocessing.get_context("fork")
            empty, full, tasks = ctx.Queue(), ctx.Queue(1), ctx.JoinableQueue()
            full.put(1)
            tasks.put(1)
            got = []
            threads = [
                threading.Thread(target=lambda: got.append(empty.get())),
                threading.Thread(target=lambda: full.put(2)),
                threading.Thread(target=tasks.join),
            ]
            for thread in threads:
                thread.start()
            for queue in (empty, full, tasks):
                queue._rlock
            empty.put("one")
            assert full.get() == 1 and full.get() == 2
            assert tasks.get() == 1
            tasks.task_done()
            for thread in threads:
                thread.join(60)
                assert not thread.is_alive()
            assert got == ["one"]
        """
    )


def test_what_a_shared_native_queue_cannot_be_is_refused(run: Run) -> None:
    run(
        """
        import multiprocessing

        def child(queue, go):
            go.get()
            queue.put("from the child")

        def main():
            ctx = multiprocessing.get_context("fork")
            queue, go = ctx.Queue(), ctx.Queue()
            process = ctx.Process(target=child, args=(queue, go))
            process.start()
            for change in (
                lambda: queue._rlock,
                lambda: queue._wlock,
                lambda: setattr(queue, "_send_bytes", print),
                lambda: setattr(queue, "_start_thread", print),
                lambda: setattr(queue, "_reader", None),
            ):
                try:
                    change()
                except AttributeError as error:
                    assert "other processes" in str(error), error
                else:
                    raise AssertionError("a silent difference")
            go.put(1)
            process.join()
            assert queue.get() == "from the child"
            assert queue._rlock is not None  # the child is gone
            queue.put(2)
            assert queue.get() == 2
        """
    )


def test_functions_that_a_program_sets_in_the_class_are_called(run: Run) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.queues import Queue

        called = []

        def main():
            ctx = multiprocessing.get_context("fork")
            before = ctx.Queue()
            start = Queue._start_thread

            def start_thread(queue):
                called.append(queue)
                start(queue)

            Queue._start_thread = start_thread
            queue = ctx.Queue()
            queue.put(1)
            assert called == [queue] and queue.get() == 1
            own = ctx.JoinableQueue()
            del Queue._start_thread
            before.put(2)
            assert before.get() == 2 and called == [queue]
            last = ctx.Queue()
            last._start_thread = lambda: (called.append(last), start(last))
            last.put(3)
            assert last.get() == 3 and called == [queue, last]
        """
    )


def test_a_closed_queue_is_open_in_a_forked_child(run: Run) -> None:
    run(
        """
        import multiprocessing

        def child(queue, told):
            queue.put(1)
            told.put(queue.get())

        def main():
            ctx = multiprocessing.get_context("fork")
            queue, told = ctx.Queue(), ctx.Queue()
            queue.close()
            process = ctx.Process(target=child, args=(queue, told))
            process.start()
            assert told.get(timeout=60) == 1
            process.join()
        """
    )


def test_simple_queues_are_ours(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.queues import SimpleQueue

        class Derived(SimpleQueue):
            pass

        def child(there, back):
            back.put(there.get() + 1)

        def main():
            ctx = multiprocessing.get_context(METHOD)
            for make in (ctx.SimpleQueue, lambda: Derived(ctx=ctx)):
                there, back = make(), make()
                assert type(there._reader) is type(ctx.Pipe()[0]) and type(there._rlock) is type(ctx.Lock())
                process = ctx.Process(target=child, args=(there, back))
                process.start()
                there.put(1)
                assert back.get() == 2 and back.empty()
                process.join()
            assert isinstance(multiprocessing.SimpleQueue(), SimpleQueue)
        """,
        method,
    )


def test_unfinished_tasks_can_be_looked_at(run: Run) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.queues import JoinableQueue

        class Patient(JoinableQueue):
            # Waits for a limited time, as programs do.
            def join_within(self, timeout):
                with self._cond:
                    return self._unfinished_tasks._semlock._is_zero() or self._cond.wait(timeout)

        def child(queue, told):
            queue.get()
            told.put(queue._unfinished_tasks._semlock._get_value())
            queue.task_done()

        def main():
            ctx = multiprocessing.get_context("fork")
            queue, told = ctx.JoinableQueue(), ctx.Queue()
            assert queue._unfinished_tasks.get_value() == 0 and queue._unfinished_tasks._semlock._is_zero()
            queue.put(1)
            queue.put(2)
            process = ctx.Process(target=child, args=(queue, told))
            process.start()
            assert told.get() == 2
            process.join()
            assert queue._unfinished_tasks.get_value() == 1 and not queue._unfinished_tasks._semlock._is_zero()
            queue.put_many([3])  # it is native as before
            with queue._cond:
                assert not queue._unfinished_tasks._semlock._is_zero()
            assert [queue.get(), queue.get()] == [2, 3]
            queue.task_done()
            queue.task_done()
            queue.join()
            assert not hasattr(ctx.Queue(), "_unfinished_tasks") and not hasattr(ctx.Queue(), "_cond")
            patient = Patient(ctx=ctx)
            patient.put(1)
            assert not patient.join_within(0.01)
            assert patient.get() == 1
            patient.task_done()
            assert patient.join_within(60)
        """
    )
