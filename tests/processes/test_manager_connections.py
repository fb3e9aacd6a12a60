"""What ends: a connection to a manager, or the manager."""

from __future__ import annotations

from tests.processes.conftest import Run


def test_the_end_of_a_connection_is_not_the_end_of_a_manager(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        import os
        import sys
        import threading
        from multiprocessing.managers import BaseManager

        class Closing:
            def close_my_connection(self):
                frame = sys._getframe()
                while "conn" not in frame.f_locals:
                    frame = frame.f_back
                frame.f_locals["conn"].close()

            def value(self):
                return 7

        class Manager(BaseManager):
            pass

        Manager.register("Closing", Closing)

        def error_of(function):
            try:
                function()
            except Exception as error:
                return error
            raise AssertionError("no error")

        def in_a_thread(function):
            found = []
            thread = threading.Thread(target=lambda: found.append(function()))
            thread.start()
            thread.join()
            return found[0]

        def main():
            manager = Manager(ctx=multiprocessing.get_context(METHOD))
            manager.start()
            closing = manager.Closing()
            assert type(error_of(closing.close_my_connection)) is EOFError
            assert type(error_of(closing.value)) is BrokenPipeError
            assert in_a_thread(closing.value) == 7
            closing._tls.connection.close()
            error = error_of(closing.value)
            assert type(error) is OSError and str(error) == "handle is closed", error
            os.rename(manager.address, manager.address + ".hidden")
            assert type(in_a_thread(lambda: error_of(closing.value))) is FileNotFoundError
            os.rename(manager.address + ".hidden", manager.address)
            assert in_a_thread(closing.value) == 7
            manager.shutdown()
        """,
        method,
    )


def test_a_child_is_told_which_manager_died_before_it_came(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing

        def ask(table, event, pipe):
            pipe.send("ready")
            event.wait()
            try:
                table["a"]
            except EOFError as error:
                pipe.send(str(error))

        def main():
            context = multiprocessing.get_context(METHOD)
            manager = context.Manager()
            table, process = manager.dict(), manager._process
            event, (ours, theirs) = context.Event(), context.Pipe()
            child = context.Process(target=ask, args=(table, event, theirs))
            child.start()
            assert ours.recv() == "ready"
            process.kill()
            process.join()
            event.set()
            expected = f"the manager {process.name} (process {process.pid}) has ended"
            said = ours.recv()
            assert said == expected, said
            child.join()
            manager.shutdown()
        """,
        method,
    )
