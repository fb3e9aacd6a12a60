"""Futures with callbacks: code that runs when a result arrives, without a thread that waits for it.

The thread that completes the future calls them, in the order in which they were added. If the future is already done, a
new callback is called at once. A cancelled future calls back as well.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, current_thread


def describe(future: Future[int]) -> str:
    if future.cancelled():
        return "cancelled"
    error = future.exception()
    return f"raised {type(error).__name__}" if error is not None else f"returned {future.result()}"


def main() -> None:
    gate = Event()
    heard: list[str] = []

    def divide(dividend: int, divisor: int) -> int:
        gate.wait()
        return dividend // divisor

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker") as executor:
        good = executor.submit(divide, 12, 4)
        bad = executor.submit(divide, 12, 0)
        late = executor.submit(divide, 12, 6)
        for future in (good, bad, late):
            future.add_done_callback(lambda future: heard.append(describe(future)))
        good.add_done_callback(lambda _: heard.append(f"called by {current_thread().name}"))
        print("cancelled before it began:", late.cancel())
        gate.set()
    print(*heard, sep="\n")

    good.add_done_callback(lambda _: print("already done: called at once by", current_thread().name))


if __name__ == "__main__":
    main()
