"""The descriptor of a queue's reader: what it costs, and when that is over."""

from __future__ import annotations

from tests.processes.conftest import Run


def test_descriptors_and_threads_end_with_their_queues(run: Run) -> None:
    run(
        """
        import multiprocessing
        import gc, os, select, threading, time

        def descriptors():
            gc.collect()
            return len(os.listdir("/proc/self/fd"))

        def eventually(is_so):
            end = time.monotonic() + 60
            while not is_so():
                assert time.monotonic() < end
                time.sleep(0.01)  # sleep: until a thread is done with what it ends

        def use(number):
            queue = multiprocessing.Queue()
            fd = queue._reader.fileno()
            assert not select.select([fd], [], [], 0)[0]
            queue.put(number)
            assert select.select([fd], [], [], 60)[0] and queue.get() == number
            assert not select.select([fd], [], [], 0)[0]
            return queue

        def main():
            use(0).close()
            eventually(lambda: threading.active_count() == 1)  # a thread reads files when it first waits
            before = descriptors()
            for close in (True, False):
                for number in range(20):
                    queue = use(number)
                    if close:
                        queue.close()
                        queue.join_thread()
                queue = None
                eventually(lambda: descriptors() == before)
                eventually(lambda: threading.active_count() <= 2)  # one waits, and goes on for a second
            held = [use(number) for number in range(200)]
            eventually(lambda: threading.active_count() <= 3)  # one for 127 queues
            held[0]._reader.close()
            eventually(lambda: descriptors() == before + 199)
        """
    )


def test_many_readers_are_told_of_what_comes(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.connection import wait

        def child(queues, back):
            for number, queue in enumerate(queues):
                queue.put(number)
            assert wait([back._reader], 60) == [back._reader] and back.get() == "back"

        def main():
            ctx = multiprocessing.get_context(METHOD)
            queues, back = [ctx.Queue() for _ in range(20)], ctx.Queue()
            readers = {queue._reader: queue for queue in queues}
            assert wait(readers, 0) == []  # also makes descriptors that the child inherits, if it is forked
            assert wait([back._reader], 0) == []
            process = ctx.Process(target=child, args=(queues, back))
            process.start()
            got = []
            while len(got) < 20:
                for reader in wait(readers, 60):
                    got.append(readers[reader].get(timeout=60))
            assert sorted(got) == list(range(20)) and wait(readers, 0) == []
            back.put("back")
            process.join()
            assert process.exitcode == 0
        """,
        method,
    )


def test_what_another_thread_took_is_not_told_of(run: Run) -> None:
    run(
        """
        import multiprocessing
        import select, threading

        def main():
            queue = multiprocessing.Queue()
            fd = queue._reader.fileno()
            for _ in range(500):
                taker = threading.Thread(target=queue.get)
                taker.start()
                queue.put(1)
                taker.join()
                assert not queue._reader.poll() and not select.select([fd], [], [], 0)[0]
            queue.put(2)
            assert select.select([fd], [], [], 60)[0] and queue.get() == 2
            queue.shutdown() if hasattr(queue, "is_shutdown") else None
            assert select.select([fd], [], [], 60)[0]
        """
    )
