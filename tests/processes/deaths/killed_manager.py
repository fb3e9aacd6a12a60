"""A manager's process is killed: its proxies raise one kind of error, which names it."""

import multiprocessing as mp
import sys

import watching


def main():
    manager = mp.Manager()
    numbers, names, lock = manager.list([1]), manager.dict(a=1), manager.Lock()
    print(list(numbers), dict(names), lock.acquire())
    server = manager._process
    watching.kill(server)
    kinds = set()
    for operation in (lambda: numbers.append(2), lambda: names["a"], lock.release, lambda: numbers.append(3)):
        try:
            operation()
            print("nothing raised")
        except (EOFError, OSError) as error:
            kinds.add(type(error))
            named = str(server.pid) in str(error) or server.name in str(error)
            print("an error, which names it:", named)
    print("kinds of errors:", len(kinds))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
