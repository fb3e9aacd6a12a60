"""`with` shuts the executor down at the end of the block, and waits for the work.

To do the same by hand, call `shutdown()` in a `finally`. To cancel the calls that have not started, and not to wait,
call `shutdown(wait=False, cancel_futures=True)`.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event


def wait_for(event: Event) -> str:
    event.wait()
    return "done"


def by_with() -> None:
    event = Event()
    with ThreadPoolExecutor(max_workers=2) as executor:
        futures = [executor.submit(wait_for, event) for _ in range(4)]
        event.set()
    # Here all calls are done, and the threads have ended.
    print("after with:", [future.done() for future in futures])
    try:
        executor.submit(wait_for, event)
    except RuntimeError as error:
        print("one more:", error)


def by_hand() -> None:
    event = Event()
    executor = ThreadPoolExecutor(max_workers=2)
    try:
        futures = [executor.submit(wait_for, event) for _ in range(4)]
        event.set()
    finally:
        executor.shutdown()
    print("after shutdown():", [future.result() for future in futures])


def at_once() -> None:
    begun, event = Event(), Event()

    def begin() -> str:
        begun.set()
        return wait_for(event)

    executor = ThreadPoolExecutor(max_workers=1)
    futures: list[Future[str]] = [
        executor.submit(begin),
        *(executor.submit(wait_for, event) for _ in range(3)),
    ]
    begun.wait()
    executor.shutdown(wait=False, cancel_futures=True)
    print("shutdown() has returned; running:", futures[0].running())
    print("the others are cancelled:", [future.cancelled() for future in futures[1:]])
    event.set()
    print("the one that ran is finished:", futures[0].result())


def main() -> None:
    by_with()
    by_hand()
    at_once()


if __name__ == "__main__":
    main()
