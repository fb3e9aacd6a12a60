"""Picklers that a program puts in place of the standard library's: they make the pickles, and load them."""

from __future__ import annotations

from tests.processes.conftest import Run

BY_VALUE = """
        import marshal
        import multiprocessing
        import pickle
        from multiprocessing import reduction
        from types import FunctionType

        def remade(code):
            return FunctionType(marshal.loads(code), globals())

        class ByValue(reduction.ForkingPickler):
            def reducer_override(self, obj):
                if isinstance(obj, FunctionType) and obj.__name__ == "<lambda>":
                    return remade, (marshal.dumps(obj.__code__),)
                return NotImplemented

        def is_refused(function):
            try:
                function()
            except (AttributeError, pickle.PicklingError):
                return True
            return False
"""

MARKED = """
        import multiprocessing
        import pickle
        from multiprocessing import connection, queues, reduction

        class Marked(reduction.ForkingPickler):
            # Nothing but its own `loads` knows what its `dumps` makes.
            @classmethod
            def dumps(cls, obj, protocol=None):
                return b"marked" + bytes(super().dumps(obj, protocol))

            @staticmethod
            def loads(data, **kwargs):
                assert bytes(data[:6]) == b"marked", bytes(data)
                return "loaded", pickle.loads(data[6:])
"""


def test_a_reducer_pickles_messages_and_processes(run: Run, method: str) -> None:
    run(
        BY_VALUE
        + """
        class Reducer(reduction.AbstractReducer):
            ForkingPickler = ByValue
            HAVE_SEND_HANDLE = True  # asked for by the standard module of the fork server

            def dump(self, obj, file, protocol=None):
                ByValue(file, protocol).dump(obj)

        def child(conn, queue, simple):
            conn.send(conn.recv()(1))
            queue.put(queue.get()(1))
            simple.put(simple.get()(1))

        def main():
            ctx = multiprocessing.get_context(METHOD)
            early = ctx.Pipe()
            assert is_refused(lambda: early[0].send(lambda x: x)) and not early[1].poll()
            ctx.reducer = Reducer()
            (here, there), queue, simple = ctx.Pipe(), ctx.Queue(), ctx.SimpleQueue()
            for end, other in ((here, there), early):
                end.send(lambda x: x + 1)
                assert other.recv()(1) == 2
            process = ctx.Process(target=child, args=(there, queue, simple))
            process.start()
            here.send(lambda x: x + 2)
            assert here.recv() == 3
            queue.put(lambda x: x + 3)
            simple.put(lambda x: x + 4)
            process.join()
            assert process.exitcode == 0 and (queue.get(), simple.get()) == (4, 5)
            process = ctx.Process(target=lambda: None)
            process.start()
            process.join()
            assert process.exitcode == 0
            ctx.reducer = reduction
            assert is_refused(lambda: here.send(lambda x: x))
        """,
        method,
    )


def test_functions_that_a_program_sets_in_the_standard_pickler_are_called(run: Run) -> None:
    run(
        BY_VALUE
        + """
        def main():
            standard = reduction.ForkingPickler.__dict__["dumps"]
            here, there = multiprocessing.Pipe()
            queue, simple = multiprocessing.Queue(), multiprocessing.SimpleQueue()
            for way in ("dumps", "loads"):
                if way == "dumps":
                    reduction.ForkingPickler.dumps = classmethod(lambda cls, obj, protocol=None: ByValue_dumps(obj))
                    sent = lambda: 8
                else:
                    loads = reduction.ForkingPickler.loads
                    reduction.ForkingPickler.loads = staticmethod(lambda data, **kw: lambda: loads(data, **kw))
                    sent = [8]
                here.send(sent)
                queue.put(sent)
                simple.put(sent)
                for got in (there.recv(), queue.get(timeout=60), simple.get()):
                    assert got() in (8, [8]), got
                reduction.ForkingPickler.dumps = standard
            reduction.ForkingPickler.loads = loads
            here.send([1])
            queue.put([2])
            simple.put([3])
            assert (there.recv(), queue.get(), simple.get()) == ([1], [2], [3])
            assert is_refused(lambda: here.send(lambda: 1)) and is_refused(lambda: simple.put(lambda: 1))

        def ByValue_dumps(obj):
            import io

            file = io.BytesIO()
            ByValue(file).dump(obj)
            return file.getvalue()
        """
    )


def test_a_pickler_with_a_format_of_its_own_has_all_messages(run: Run, method: str) -> None:
    run(
        MARKED
        + """
        connection._ForkingPickler = queues._ForkingPickler = Marked  # in children, too

        def child(conn, queue, simple):
            assert conn.recv() == ("loaded", 1)
            conn.send(["two"])
            assert queue.get() == ("loaded", 3)
            simple.put([queue.get()])

        def main():
            ctx = multiprocessing.get_context(METHOD)
            (here, there), queue, simple = ctx.Pipe(), ctx.Queue(), ctx.SimpleQueue()
            process = ctx.Process(target=child, args=(there, queue, simple))
            process.start()
            here.send(1)
            assert here.recv() == ("loaded", ["two"])
            queue.put(3)
            queue.put({"four": 4})
            assert simple.get() == ("loaded", [("loaded", {"four": 4})])
            process.join()
            assert process.exitcode == 0
            here.send("text")
            assert there.recv_bytes()[:6] == b"marked"
            here.fileno()
            here.send(5)
            assert there.recv() == ("loaded", 5)
        """,
        method,
    )


def test_tasks_of_pools_are_pickled_by_it(run: Run, method: str) -> None:
    run(
        MARKED
        + """
        class Quiet(Marked):
            @staticmethod
            def loads(data, **kwargs):
                return Marked.loads(data)[1]

        connection._ForkingPickler = queues._ForkingPickler = Quiet  # in workers, too

        class Thing:
            def __init__(self, number):
                self.number = number

        def double(thing):
            if thing.number < 0:
                raise ValueError(thing.number)
            return Thing(2 * thing.number)

        def main():
            with multiprocessing.get_context(METHOD).Pool(1) as pool:
                assert [thing.number for thing in pool.map(double, map(Thing, (1, 2)))] == [2, 4]
                try:
                    pool.apply(double, (Thing(-1),))
                except ValueError as error:
                    assert error.args == (-1,)
                else:
                    raise AssertionError("no error")
        """,
        method,
    )


def test_a_pickler_that_comes_later_has_the_pickled_messages(run: Run) -> None:
    run(
        MARKED
        + """
        def main():
            ctx = multiprocessing.get_context("fork")
            (here, there), queue, simple = ctx.Pipe(), ctx.Queue(), ctx.SimpleQueue()
            for place in (connection, queues):
                place._ForkingPickler = Marked
            here.send([1])
            assert there.recv() == ("loaded", [1])
            queue.put([2])
            assert queue.get() == ("loaded", [2])
            simple.put(3)
            assert simple.get() == ("loaded", 3)
            for place in (connection, queues):
                place._ForkingPickler = reduction.ForkingPickler
            here.send([1])
            assert there.recv() == [1]
        """
    )


def test_a_simple_queue_uses_what_a_program_has_put_around_its_connections(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        import zlib

        class Compressed:
            def __init__(self, connection):
                self.connection = connection

            def send_bytes(self, data):
                self.connection.send_bytes(zlib.compress(bytes(data)))

            def recv_bytes(self):
                return zlib.decompress(self.connection.recv_bytes())

            def poll(self, *args):
                return self.connection.poll(*args)

        def child(queue, back):
            back.put(queue.get())

        def main():
            ctx = multiprocessing.get_context(METHOD)
            queue, back = ctx.SimpleQueue(), ctx.SimpleQueue()
            queue._reader, queue._writer = Compressed(queue._reader), Compressed(queue._writer)
            process = ctx.Process(target=child, args=(queue, back))
            process.start()
            queue.put([1, "two"])
            assert back.get() == [1, "two"]
            process.join()
            queue.put(3)
            assert not queue.empty() and queue.get() == 3 and queue.empty()
        """,
        method,
    )
