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


def test_types_registered_with_the_base_class_hide_no_others(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.managers import BaseManager, SharedMemoryManager, SyncManager

        class Counter:
            count = 0

            def add(self):
                self.count += 1
                return self.count

        BaseManager.register("Counter", Counter)

        def main():
            ctx = multiprocessing.get_context(METHOD)
            with BaseManager(ctx=ctx) as manager:
                assert manager.Counter().add() == 1
            with ctx.Manager() as manager:
                assert isinstance(manager, SyncManager) and isinstance(manager, BaseManager)
                assert manager.dict(a=1).copy() == {"a": 1} and manager.list([2])[:] == [2]
            assert issubclass(SharedMemoryManager, BaseManager)
            with SharedMemoryManager(ctx=ctx) as manager:
                assert list(manager.ShareableList([1, 2])) == [1, 2]
        """,
        method,
    )


PLAIN = """
import sys
sys.modules["interlock"] = None  # as where it is not installed
import multiprocessing
from multiprocessing.managers import BaseManager, SyncManager

class Manager(SyncManager):
    pass

D = {}
Manager.register("shared", callable=lambda: D)

def serve():
    manager = Manager(("127.0.0.1", 0), b"a key")
    server = manager.get_server()
    print(server.address[1], flush=True)
    server.serve_forever()

def ask(port):
    multiprocessing.current_process().authkey = b"a key"
    manager = Manager(("127.0.0.1", port), b"a key")
    manager.connect()
    shared = manager.shared()
    nested = shared.get("list")
    nested.append(3)
    assert nested[:] == [1, 2, 3]
    shared.get("queue").put(nested)
    assert shared.get("queue").get()[1] == 2
    with shared.get("lock"):
        mine = manager.list(["mine"])
        shared.update({"mine": mine})
        assert shared.get("mine")[0] == "mine"
        assert manager.dict(x=mine)["x"][:] == ["mine"]
    print("done")

if __name__ == "__main__":
    serve() if len(sys.argv) == 1 else ask(int(sys.argv[1]))
"""
"""A program of the standard library alone: it serves, or asks the manager at the port that it is given."""


def test_a_standard_library_without_interlock_asks_a_manager(run: Run) -> None:
    printed = run(
        """
        import multiprocessing
        import subprocess
        import sys
        from multiprocessing.managers import SyncManager

        class Manager(SyncManager):
            pass

        table = {}
        Manager.register("shared", callable=lambda: table)

        def main():
            manager = Manager(("127.0.0.1", 0), b"a key", ctx=multiprocessing.get_context("fork"))
            with manager:
                manager.shared().update(
                    {"list": manager.list([1, 2]), "queue": manager.Queue(), "lock": manager.Lock()}
                )
                with open("other.py", "w") as file:
                    file.write(PLAIN)
                subprocess.run([sys.executable, "other.py", str(manager.address[1])], check=True, timeout=60)
        """.replace("PLAIN", repr(PLAIN))
    )
    assert printed == "done\n", printed


def test_a_manager_without_interlock_is_asked(run: Run) -> None:
    run(
        """
        import multiprocessing
        import subprocess
        import sys
        from multiprocessing.managers import SyncManager

        class Manager(SyncManager):
            pass

        Manager.register("shared")

        def main():
            multiprocessing.current_process().authkey = b"a key"
            with open("other.py", "w") as file:
                file.write(PLAIN)
            other = subprocess.Popen([sys.executable, "other.py"], stdout=subprocess.PIPE)
            try:
                manager = Manager(("127.0.0.1", int(other.stdout.readline())), b"a key")
                manager.connect()
                shared, items = manager.shared(), manager.list([1])
                shared.update({"items": items})
                shared.get("items").append(2)
                assert items[:] == [1, 2] and manager.dict(x=items)["x"][:] == [1, 2]
                queue = multiprocessing.Queue()
                queue.put(items)
                assert queue.get()[1] == 2
            finally:
                other.kill()
                other.communicate()
        """.replace("PLAIN", repr(PLAIN))
    )


def test_new_connections_to_a_dead_manager_say_which_one(run: Run, method: str) -> None:
    run(
        """
        import errno
        import multiprocessing
        import os
        import threading
        from multiprocessing.managers import BaseManager

        def error_of(function):
            try:
                function()
            except Exception as error:
                return error
            raise AssertionError("no error")

        def main():
            manager = multiprocessing.get_context(METHOD).Manager()
            table, process = manager.dict(), manager._process
            table["a"] = 1
            process.kill()
            process.join()
            found = []
            thread = threading.Thread(target=lambda: found.append(error_of(lambda: table["a"])))
            thread.start()
            thread.join()
            found.append(error_of(manager.dict))
            for error in found:
                assert isinstance(error, (ConnectionRefusedError, EOFError)) and error.errno == errno.ECONNREFUSED
                assert isinstance(error.__cause__, ConnectionRefusedError), error.__cause__
                assert str(error) == f"the manager {process.name} (process {process.pid}) has ended", error
            address = manager.address
            manager.shutdown()
            assert not os.path.exists(os.path.dirname(address))
            thread = threading.Thread(target=lambda: found.append(error_of(lambda: table["a"])))
            thread.start()
            thread.join()
            assert isinstance(found[-1], FileNotFoundError) and found[-1].errno == errno.ENOENT
            # Where nobody has been told of a manager, the error is the standard one.
            assert type(error_of(BaseManager(address, b"").connect)) is FileNotFoundError
        """,
        method,
    )


LEFT = """
        import multiprocessing
        import os
        import signal
        import stat
        import time
        from multiprocessing.managers import SharedMemoryManager

        def is_there(pid):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    return file.read().rpartition(")")[2].split()[0] not in "ZX"
            except FileNotFoundError:
                return False

        def wait_for(what):
            limit = time.monotonic() + 60
            while not what():
                assert time.monotonic() < limit, what
                time.sleep(0.01)  # sleep: between two looks
"""


def test_a_manager_ends_after_its_parent_and_leaves_nothing(run: Run, method: str) -> None:
    run(
        LEFT
        + """
        def main():
            read, write = os.pipe()
            parent = os.fork()
            if not parent:
                ctx = multiprocessing.get_context(METHOD)
                manager, memory = ctx.Manager(), SharedMemoryManager(ctx=ctx)
                memory.start()
                table = manager.dict(a=1)
                assert table["a"] == 1
                name = memory.SharedMemory(1000).name
                pids = manager._process.pid, memory._process.pid
                os.write(write, repr((pids, (manager.address, memory.address), name)).encode())
                signal.pause()
            pids, addresses, name = eval(os.read(read, 10_000))
            for address in addresses:
                assert stat.S_ISSOCK(os.stat(address).st_mode)
                assert os.stat(os.path.dirname(address)).st_mode & 0o777 == 0o700
            os.kill(parent, signal.SIGKILL)
            os.waitpid(parent, 0)
            wait_for(lambda: not any(map(is_there, pids)))
            assert not any(os.path.exists(os.path.dirname(address)) for address in addresses)
            assert not os.path.exists(f"/dev/shm/{name}")
        """,
        method,
    )


def test_a_manager_without_parent_stays_as_long_as_somebody_is_connected(run: Run) -> None:
    run(
        LEFT
        + """
        def main():
            read, write = os.pipe()
            go, tell = os.pipe()
            parent = os.fork()
            if not parent:
                manager = multiprocessing.get_context("fork").Manager()
                table = manager.dict(a=1)
                assert table["a"] == 1
                if not os.fork():
                    # It has the connection of its parent.
                    os.write(write, repr((manager._process.pid, manager.address)).encode())
                    os.read(go, 1)
                    os.write(write, repr(table["a"]).encode())
                    os.read(go, 1)
                    os._exit(0)
                signal.pause()
            pid, address = eval(os.read(read, 10_000))
            os.kill(parent, signal.SIGKILL)
            os.waitpid(parent, 0)
            time.sleep(1)  # sleep: that the manager goes on is the subject
            os.write(tell, b"x")
            assert os.read(read, 100) == b"1" and is_there(pid)
            os.write(tell, b"x")
            wait_for(lambda: not is_there(pid))
            assert not os.path.exists(os.path.dirname(address))
        """
    )


def test_what_a_killed_manager_leaves_is_removed_by_its_parent(run: Run, method: str) -> None:
    run(
        LEFT
        + """
        def main():
            ctx = multiprocessing.get_context(METHOD)
            manager, dropped = ctx.Manager(), ctx.Manager()
            addresses = manager.address, dropped.address
            for one in (manager, dropped):
                one._process.kill()
                one._process.join()
            manager.shutdown()
            del one, dropped
            assert not any(os.path.exists(os.path.dirname(address)) for address in addresses)
            try:
                ctx.Manager().__class__(ctx=ctx).start(fail)
            except EOFError:
                pass
            before = multiprocessing.managers.SyncManager(ctx=ctx)
            assert before.address is None

        def fail():
            raise SystemExit(3)
        """,
        method,
    )
