"""A daemon thread does not keep the program alive; an ordinary thread does.

The daemon waits for something that never happens, yet the program ends. The ordinary thread prints only after the main
thread is over: the interpreter waits for it. Threads started by a daemon are daemons, too, unless they set
`daemon=False`.
"""

import threading


def wait_forever(is_waiting: threading.Event, children: list[bool]) -> None:
    children.append(threading.Thread(target=print).daemon)
    is_waiting.set()
    threading.Event().wait()
    print("never printed")


def outlive_main() -> None:
    threading.main_thread().join()
    print("ordinary thread: printed after the end of main, then the program ends")


def main() -> None:
    is_waiting = threading.Event()
    children: list[bool] = []
    daemon = threading.Thread(target=wait_forever, args=(is_waiting, children), daemon=True)
    ordinary = threading.Thread(target=outlive_main)
    daemon.start()
    ordinary.start()
    is_waiting.wait()

    print("daemon flags:", daemon.daemon, ordinary.daemon)
    print("a thread made by the daemon is a daemon:", children[0])
    print("main: the end, daemon alive:", daemon.is_alive())


if __name__ == "__main__":
    main()
