"""A pipe has two ends, and both can send and receive.

When all copies of one end are closed, the other end gets EOFError: that is how each side learns that the other one has
finished. A process that keeps a copy of an end that it does not use prevents that, so each side closes the other side's
end.
"""

import multiprocessing
from multiprocessing.connection import Connection


def square_all(ours: Connection, theirs: Connection) -> None:
    theirs.close()
    received = 0
    while True:
        try:
            number = ours.recv()
        except EOFError:
            break
        received += 1
        ours.send(number * number)
        if received == 4:
            ours.send("that is enough")
            break
    ours.close()


def talk(numbers: list[int]) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=square_all, args=(theirs, ours))
    process.start()
    theirs.close()
    for number in numbers:
        ours.send(number)
        print(number, "->", ours.recv())
    if len(numbers) == 4:
        print("the child says:", ours.recv())
        try:
            ours.recv()
        except EOFError:
            print("the parent gets EOFError: the child closed its end")
    ours.close()
    process.join()
    print("the child ended with", process.exitcode)


def main() -> None:
    print("the parent closes first:")
    talk([2, 3])
    print("the child closes first:")
    talk([4, 5, 6, 7])


if __name__ == "__main__":
    main()
