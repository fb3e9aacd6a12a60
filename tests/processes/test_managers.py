"""Managers: their objects are reached from every process, over the fast way or the standard one; deaths."""

from __future__ import annotations

from tests.processes.conftest import Run


def test_objects_of_a_manager_are_one_for_all_processes(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing

        def child(shared, proxies):
            table, items, queue, lock, namespace = proxies
            for i in range(50):
                with lock:
                    table["count"] = table["count"] + 1
            items.append(["from the child"])
            namespace.x = shared
            queue.put(items[0].copy())

        def main():
            ctx = multiprocessing.get_context(METHOD)
            with ctx.Manager() as manager:
                proxies = table, items, queue, lock, namespace = (
                    manager.dict(count=0), manager.list(), manager.Queue(), manager.Lock(), manager.Namespace()
                )
                items.append(manager.dict(nested=1))
                children = [ctx.Process(target=child, args=(i, proxies)) for i in range(3)]
                for process in children:
                    process.start()
                assert [queue.get(timeout=60) for _ in children] == [{"nested": 1}] * 3
                for process in children:
                    process.join()
                    assert process.exitcode == 0
                assert table["count"] == 150 and len(items) == 4 and namespace.x in (0, 1, 2)
                assert table._tls.connection._pipe is not None, "the connection goes on as it was"
                for wrong, error in ((lambda: table["no"], KeyError), (lambda: items.index(3), ValueError),
                                     (lambda: items.append(lambda: None), Exception)):
                    try:
                        wrong()
                    except error:
                        pass
                    else:
                        raise AssertionError(error)
                items[:] = [b"x" * 1_000_000]
                assert items.pop() == b"x" * 1_000_000
        """,
        method,
    )


def test_registered_types_and_a_manager_that_is_connected_to(run: Run, method: str) -> None:
    run(
        """
        import importlib
        import multiprocessing
        from multiprocessing.managers import BaseManager

        class Counter:
            def __init__(self, start):
                self.count = start

            def add(self, number=1, *, twice=False):
                self.count += number * (1 + twice)
                return self.count

        class Manager(BaseManager):
            pass

        Manager.register("Counter", Counter)
        shared = Counter(100)
        Manager.register("shared", callable=lambda: shared) if METHOD == "fork" else None

        def main():
            manager = Manager(("127.0.0.1", 0), b"a key", ctx=multiprocessing.get_context(METHOD))
            with manager:
                counter = manager.Counter(3)
                assert (counter.add(), counter.add(4), counter.add(2, twice=True)) == (4, 8, 12)
                if METHOD == "fork":
                    for Standard in (Manager, importlib.import_module("multiprocessing.managers").BaseManager):
                        class Client(Standard):
                            pass

                        Client.register("shared")
                        client = Client(manager.address, b"a key")
                        client.connect()
                        before = client.shared().add(0)
                        assert client.shared().add() == before + 1
                    intruder = Client(manager.address, b"another key")
                    try:
                        intruder.connect()
                    except importlib.import_module("multiprocessing").AuthenticationError:
                        pass
                    else:
                        raise AssertionError("let in")
                    assert counter.add() == 13
        """,
        method,
    )


def test_proxies_of_a_dead_manager_say_which_one(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        import threading

        def main():
            manager = multiprocessing.get_context(METHOD).Manager()
            table, queue = manager.dict(), manager.Queue()
            table["a"] = 1
            errors = []

            def wait():
                try:
                    queue.get()
                except Exception as error:
                    errors.append(error)

            thread = threading.Thread(target=wait)
            thread.start()
            process = manager._process
            process.kill()
            thread.join(60)
            for _ in range(2):
                try:
                    table["a"]
                except Exception as error:
                    errors.append(error)
            assert len(errors) == 3, errors
            for error in errors[1:]:
                assert isinstance(error, (EOFError, BrokenPipeError))
                assert str(error) == f"the manager {process.name} (process {process.pid}) has ended", error
            manager.shutdown()
        """,
        method,
    )
