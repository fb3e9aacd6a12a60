"""How processes start and end, with every start method."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.programs import FORMS, METHODS, run

each = pytest.mark.parametrize(("form", "method"), [(form, method) for form in FORMS for method in METHODS])


@each
def test_exit_codes(tmp_path: Path, form: str, method: str) -> None:
    program = """
        def leave(how):
            how == "raise" and 1 / 0
            how == "signal" and os.kill(os.getpid(), signal.SIGKILL)
            how == "at once" and os._exit(9)
            how == "nothing" or sys.exit(how)

        def main():
            sys.stderr.flush()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            for how in ("nothing", 0, 3, 255, 256 + 7, "text", "raise", "at once", "signal"):
                process = Process(target=leave, args=(how,))
                process.start()
                process.join()
                print(how, process.exitcode, process.is_alive())
    """
    lines = [f"{how} {code} False" for how, code in _EXITS]
    assert run(tmp_path, program, form, method).splitlines() == lines


_EXITS = (
    ("nothing", 0),
    (0, 0),
    (3, 3),
    (255, 255),
    (256 + 7, 7),
    ("text", 1),
    ("raise", 1),
    ("at once", 9),
    ("signal", -9),
)


@each
def test_what_a_child_sees(tmp_path: Path, form: str, method: str) -> None:
    program = """
        class Named(Process):
            def run(self):
                self.to.send({
                    "argv": sys.argv,
                    "parent": parent_process().pid,
                    "parent lives": parent_process().is_alive(),
                    "key": bytes(current_process().authkey),
                    "name": current_process().name,
                    "self": current_process() is self,
                    "daemon": self.daemon,
                    "folder": os.getcwd(),
                    "method": multiprocessing.get_start_method(),
                    "input": sys.stdin.read(),
                    "path": sys.path,
                    "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
                    "signals": {str(n): str(signal.getsignal(n)) for n in (signal.SIGCHLD, signal.SIGTERM)},
                    "main": sys.modules["__main__"].__name__,
                    "file": sys.modules["__main__"].__file__,
                    "children": len(multiprocessing.active_children()),
                })

        def main():
            os.mkdir("elsewhere")
            os.chdir("elsewhere")
            current_process().authkey = b"key"
            sys.argv.append("more" * 50_000)
            for daemon in (False, True):
                receiver, sender = context.Pipe(duplex=False)
                process = Named(name="some name", daemon=daemon)
                process.to = sender
                process.start()
                seen = receiver.recv()
                process.join()
                assert seen.pop("signals") == {
                    str(n): str(signal.getsignal(n)) for n in (signal.SIGCHLD, signal.SIGTERM)
                }
                path = seen.pop("path")
                assert path == sys.path, (path, sys.path)
                assert seen == {
                    "argv": sys.argv,
                    "parent": os.getpid(),
                    "parent lives": True,
                    "key": b"key",
                    "name": "some name",
                    "self": True,
                    "daemon": daemon,
                    "folder": os.getcwd(),
                    "method": context.get_start_method(),
                    "input": "",
                    "interrupt": True,
                    "main": "__main__" if context.get_start_method() == "fork" else "__mp_main__",
                    "file": __file__,
                    "children": 0,
                }, seen
    """
    assert run(tmp_path, program, form, method) == ""


@each
def test_a_child_that_waits_is_not_joined_in_time(tmp_path: Path, form: str, method: str) -> None:
    program = """
        def wait(connection):
            connection.recv()

        def main():
            ours, theirs = context.Pipe()
            process = Process(target=wait, args=(theirs,))
            process.start()
            process.join(0)
            process.join(-1)
            process.join(0.01)
            assert process.exitcode is None and process.is_alive() and not ended(process.sentinel, 0)
            assert connection.wait([process.sentinel], 0) == []
            ours.send("end")
            assert connection.wait([process.sentinel], 60) == [process.sentinel]
            process.join(60)
            assert process.exitcode == 0
            process.kill()
            process.terminate()
            assert process.exitcode == 0
            process.close()
    """
    assert run(tmp_path, program, form, method) == ""


@each
def test_signals(tmp_path: Path, form: str, method: str) -> None:
    program = """
        def wait(ready):
            ready.send(None)
            signal.pause()

        def main():
            for name in ("terminate", "kill"):
                receiver, sender = context.Pipe(duplex=False)
                process = Process(target=wait, args=(sender,))
                process.start()
                receiver.recv()
                getattr(process, name)()
                process.join()
                print(process.exitcode)
    """
    assert run(tmp_path, program, form, method) == "-15\n-9\n"


@each
def test_a_grandchild_does_not_hold_the_sentinel(tmp_path: Path, form: str, method: str) -> None:
    program = """
        def split(to, stay):
            pid = os.fork()
            if pid == 0:
                to.send(os.getpid())
                stay.recv()
                os._exit(0)

        def main():
            receiver, sender = context.Pipe(duplex=False)
            stay, end = context.Pipe(duplex=False)
            process = Process(target=split, args=(sender, stay))
            process.start()
            grandchild = os.pidfd_open(receiver.recv())
            process.join(60)
            assert process.exitcode == 0
            assert not ended(grandchild, 0)
            end.send("end")
            assert ended(grandchild)
    """
    assert run(tmp_path, program, form, method) == ""


@each
def test_descriptors_and_zombies_go(tmp_path: Path, form: str, method: str) -> None:
    program = """
        def nothing():
            pass

        def main():
            def start_and_join(count):
                for _ in range(count):
                    process = Process(target=nothing)
                    process.start()
                    process.join()
                    assert process.exitcode == 0
                process.close()
                return len(os.listdir("/proc/self/fd"))

            before = start_and_join(3)
            assert start_and_join(10) == before
            assert multiprocessing.active_children() == []
    """
    assert run(tmp_path, program, form, method) == ""


@each
def test_many_children_at_once(tmp_path: Path, form: str, method: str) -> None:
    program = """
        def echo(connection):
            connection.send(connection.recv())

        def main():
            ends = []
            for number in range(12):
                ours, theirs = context.Pipe()
                process = Process(target=echo, args=(theirs,))
                process.start()
                theirs.close()
                ends.append((number, process, ours))
            for number, process, ours in ends:
                ours.send(number)
            for number, process, ours in ends:
                assert ours.recv() == number
                process.join()
                assert process.exitcode == 0
    """
    assert run(tmp_path, program, form, method) == ""


@each
def test_arguments_longer_than_any_buffer(tmp_path: Path, form: str, method: str) -> None:
    program = """
        def measure(data):
            sys.exit(len(data) % 251)

        def main():
            process = Process(target=measure, args=(bytes(10_000_000),))
            process.start()
            process.join()
            assert process.exitcode == 10_000_000 % 251
    """
    assert run(tmp_path, program, form, method) == ""


@each
def test_sockets_arrive_and_go_on(tmp_path: Path, form: str, method: str) -> None:
    """A spawned child imports `socket` when it needs it: to unpickle one, to pickle one, to send a descriptor."""
    program = """
        def pass_on(mine, connection):
            mine.sendall(b"hello")
            connection.send(mine)
            pickle_another(connection)

        def pickle_another(connection):
            import socket
            left, right = socket.socketpair()
            left.sendall(b"again")
            connection.send(right)
            connection.recv()

        def name_a_family(connection):
            from multiprocessing import reduction
            connection.send(reduction.socket.AF_UNIX.name)
            import socket
            connection.send(reduction.socket is socket)

        def patch(connection):
            from multiprocessing import reduction
            reduction.socket = "the program's own"
            import socket
            connection.send(reduction.socket)

        def received(connection):
            connection.poll(60) or sys.exit("nothing came")
            return connection.recv()

        def main():
            import socket
            left, right = socket.socketpair()
            mine, theirs = context.Pipe()
            passing = Process(target=pass_on, args=(right, theirs))
            passing.start()
            print(left.recv(5), received(mine).family.name, received(mine).recv(5))
            mine.send(None)
            passing.join()
            other = Process(target=pickle_another, args=(theirs,))
            other.start()
            print(received(mine).recv(5))
            mine.send(None)
            other.join()
            naming = Process(target=name_a_family, args=(theirs,))
            naming.start()
            print(received(mine), received(mine))
            naming.join()
            patching = Process(target=patch, args=(theirs,))
            patching.start()
            print(received(mine))
            patching.join()
            print(passing.exitcode, other.exitcode, naming.exitcode)
    """
    lines = ["b'hello' AF_UNIX b'again'", "b'again'", "AF_UNIX True", "the program's own", "0 0 0"]
    assert run(tmp_path, program, form, method).splitlines() == lines


@each
def test_an_object_that_cannot_be_pickled(tmp_path: Path, form: str, method: str) -> None:
    program = """
        def main():
            before = None
            for _ in range(3):
                process = Process(target=lambda: None)
                try:
                    process.start()
                except Exception as error:
                    assert context.get_start_method() != "fork", error
                else:
                    process.join()
                    assert process.exitcode == 0
                del process
                count = len(os.listdir("/proc/self/fd"))
                assert before is None or count <= before, (count, before)
                before = count
    """
    assert run(tmp_path, program, form, method) == ""


@each
def test_processes_start_processes(tmp_path: Path, form: str, method: str) -> None:
    program = """
        def inner(to):
            to.send((parent_process().pid, os.getppid()))

        def outer(to):
            process = Process(target=inner, args=(to,))
            process.start()
            process.join()
            assert process.exitcode == 0
            to.send((os.getpid(), os.getppid()))

        def main():
            receiver, sender = context.Pipe(duplex=False)
            process = Process(target=outer, args=(sender,))
            process.start()
            inner_parent, inner_starter = receiver.recv()
            outer_pid, outer_starter = receiver.recv()
            process.join()
            assert process.exitcode == 0 and inner_parent == outer_pid
            # A child of the fork server uses the server that has started it.
            assert (inner_starter == outer_starter) is (context.get_start_method() == "forkserver")
    """
    assert run(tmp_path, program, form, method) == ""


@each
def test_without_pidfds(tmp_path: Path, form: str, method: str) -> None:
    program = """
        from interlock.multiprocessing import _life
        _life.has_pidfd = lambda: False

        def wait(connection):
            sys.exit(connection.recv())

        def main():
            ours, theirs = context.Pipe()
            process = Process(target=wait, args=(theirs,))
            process.start()
            process.join(0.01)
            assert process.exitcode is None
            ours.send(7)
            process.join(60)
            assert process.exitcode == 7
            process = Process(target=wait, args=(theirs,))
            process.start()
            process.kill()
            process.join()
            assert process.exitcode == -9
    """
    assert run(tmp_path, program, form, method) == ""


def test_a_command_line_of_the_programs_own(tmp_path: Path) -> None:
    program = """
        from multiprocessing import spawn
        standard = spawn.get_command_line

        def own(**keywords):
            line = standard(**keywords)
            at = line.index("-c") + 1
            line[at] = "import os; os.environ['OWN'] = '1'; " + line[at]
            return line

        def leave():
            assert parent_process().is_alive()
            sys.exit(int(os.environ["OWN"]))

        def main():
            spawn.get_command_line = own
            process = Process(target=leave)
            process.start()
            process.join()
            print(process.exitcode)
    """
    assert run(tmp_path, program, "install", "spawn") == "1\n"
