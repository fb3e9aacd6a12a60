"""One event releases three waiting workers at once.

`Event.set()` wakes every waiting thread, and later threads do not wait at all.
Each worker reports that it is ready before it waits, so the main thread can
show that no worker has started before it gives the signal.
"""

import threading


def work(number: int, ready: threading.Semaphore, go: threading.Event, log: list[str]) -> None:
    ready.release()
    go.wait()
    log.append(f"worker {number} started")


def main() -> None:
    ready = threading.Semaphore(0)
    go = threading.Event()
    log: list[str] = []
    workers = [threading.Thread(target=work, args=(n, ready, go, log)) for n in (1, 2, 3)]
    for worker in workers:
        worker.start()
    for _ in workers:
        ready.acquire()

    print("started before the signal:", len(log))
    log.append("signal")
    go.set()
    for worker in workers:
        worker.join()
    print("first entry of the log:", log[0])
    for line in sorted(log[1:]):
        print(line)
    print("a late wait returns at once:", go.wait(timeout=0))


if __name__ == "__main__":
    main()
