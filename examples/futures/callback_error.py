"""An error in a callback: it is logged, and has no other effect.

The future still calls the other callbacks, the result stays the same, and the worker continues. The logger is
`concurrent.futures`; without a handler its messages go to standard error.
"""

import logging
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event


class Short(logging.Formatter):
    """Format the message without the address of the future, and the exception without its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        return f"log: {record.levelname}: {str(record.msg).split(' for ')[0]}: {error!r}"


def careless(future: Future[int]) -> None:
    raise LookupError(f"no place for {future.result()}")


def main() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Short())
    logging.getLogger("concurrent.futures").addHandler(handler)

    gate = Event()
    heard: list[int] = []
    with ThreadPoolExecutor(max_workers=1) as executor:
        future = executor.submit(lambda: 42 if gate.wait() else 0)
        future.add_done_callback(careless)
        future.add_done_callback(lambda future: heard.append(future.result()))
        gate.set()
        print("the next call works as usual:", executor.submit(pow, 2, 10).result())
    print("the other callback got:", heard)
    print("the future itself:", future.result(), future.exception())

    print("added to a finished future:")
    future.add_done_callback(careless)


if __name__ == "__main__":
    main()
