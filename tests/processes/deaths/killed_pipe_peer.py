"""The process at the other end of a pipe is killed: its peer is told at once, when it receives and when it sends."""

import multiprocessing as mp
import sys

import watching


def echo(connection, other):
    other.close()
    while True:
        connection.send(connection.recv())


def main():
    ours, theirs = mp.Pipe()
    child = mp.Process(target=echo, args=(theirs, ours), daemon=True)
    child.start()
    theirs.close()
    ours.send("hello")
    print(ours.recv())
    watching.until_asleep(child)
    watching.kill(child)
    print("there is something:", ours.poll(30))
    for operation in (ours.recv, lambda: ours.send("more")):
        try:
            operation()
        except Exception as error:
            print(type(error).__name__)


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
