"""`Listener` and managers refuse who can't answer, and go on."""

from __future__ import annotations

from tests.processes.conftest import Run

INTRUDERS = """
        import multiprocessing
        import os
        import socket
        import struct
        from multiprocessing.connection import Client, Listener

        def intrude(address, first):
            # Torn after some bytes, or at once; a length that nobody has memory for; nonsense; the wrong key.
            with socket.socket(socket.AF_UNIX) as intruder:
                intruder.connect(address)
                intruder.sendall(first)

        FIRSTS = (b"", b"\\0\\0", struct.pack("!i", 100) + b"x" * 50, struct.pack("!i", 2**31 - 1),
                  struct.pack("!iQ", -1, 2**62), struct.pack("!i", -5), os.urandom(64),
                  struct.pack("!i", 4) + b"nope")
"""


def test_a_listener_refuses_intruders_and_accepts_the_next(run: Run) -> None:
    run(
        INTRUDERS
        + """
        def refused(listener):
            try:
                listener.accept()
            except (EOFError, OSError, multiprocessing.AuthenticationError, ValueError):
                return
            raise AssertionError("let in")

        def main():
            with Listener(family="AF_UNIX", authkey=b"key", backlog=20) as listener:
                for first in FIRSTS:
                    intrude(listener.address, first)
                    refused(listener)
                child = os.fork()
                if not child:
                    try:
                        Client(listener.address, authkey=b"another key")
                    except multiprocessing.AuthenticationError:
                        pass
                    with Client(listener.address, authkey=b"key") as conn:
                        conn.send(conn.recv())
                    os._exit(0)
                refused(listener)
                with listener.accept() as conn:
                    conn.send("hello")
                    assert conn.recv() == "hello"
                os.waitpid(child, 0)
        """
    )


def test_a_manager_survives_intruders(run: Run) -> None:
    run(
        INTRUDERS
        + """
        def main():
            with multiprocessing.Manager() as manager:
                table = manager.dict(a=1)
                for first in FIRSTS:
                    intrude(manager.address, first)
                table["b"] = 2
                assert manager.dict(table.copy()).copy() == {"a": 1, "b": 2}
        """
    )
