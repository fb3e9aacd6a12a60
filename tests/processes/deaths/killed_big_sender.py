"""The sender of 50 MB is killed on the way: the receiver gets the whole message or an error, and never waits."""

import contextlib
import multiprocessing as mp
import sys

import watching

SIZE = 50_000_000


def send(connection, other):
    other.close()
    connection.send_bytes(bytes(SIZE))
    connection.recv()


def main():
    for _ in range(5):
        ours, theirs = mp.Pipe()
        child = mp.Process(target=send, args=(theirs, ours), daemon=True)
        child.start()
        theirs.close()
        ours.poll(None)
        watching.kill(child)
        with contextlib.suppress(EOFError, OSError):
            assert len(ours.recv_bytes()) == SIZE
        ours.close()
    print("whole or nothing")


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
