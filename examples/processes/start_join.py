"""Starting processes and joining them.

Each process runs one function. `start()` returns at once; `join()` waits for the process to end.
`exitcode` then says how it ended: 0 if the function returned, otherwise the number it gave to
`sys.exit()`, or minus the number of the signal that killed the process.

Because each process runs this file or a copy of this program's memory, the start of processes has to
be under `if __name__ == "__main__"`.
"""

import os
import sys
from multiprocessing import Process, parent_process


def greet(name: str) -> None:
    print(f"hello from {name}; started by another process: {parent_process() is not None}")


def give_up(status: int) -> None:
    sys.exit(status)


def main() -> None:
    process = Process(target=greet, args=("the child",), name="greeter")
    print("before start:", process.name, process.pid, process.exitcode)
    process.start()
    process.join()
    print("it had another pid than this one:", process.pid != os.getpid())
    print("after join: alive", process.is_alive(), "exitcode", process.exitcode)

    print("this process was started by another Python process:", parent_process() is not None)

    processes = [Process(target=give_up, args=(status,)) for status in (0, 1, 2, 3)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    print("four at a time, exit codes:", [each.exitcode for each in processes])


if __name__ == "__main__":
    main()
