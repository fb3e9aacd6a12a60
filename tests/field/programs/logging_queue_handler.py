"""Logging from threads: handler locks, a QueueHandler and QueueListener, configuration by a dict with a queue."""

import io
import logging
import logging.handlers
import queue
import threading

stream, q = io.StringIO(), queue.Queue(-1)
target = logging.StreamHandler(stream)
target.setFormatter(logging.Formatter("%(threadName)s %(message)s"))
listener = logging.handlers.QueueListener(q, target)
log = logging.getLogger("field")
log.propagate = False
log.addHandler(logging.handlers.QueueHandler(q))
log.setLevel(logging.INFO)
listener.start()


def work(number):
    for step in range(10):
        log.info("%d.%d", number, step)


threads = [threading.Thread(target=work, args=(n,), name=f"w{n}") for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
listener.stop()
lines = stream.getvalue().splitlines()
print(len(lines), sorted(lines)[:2], sorted(lines)[-1])
for number in range(4):
    assert [line for line in lines if line.startswith(f"w{number} ")] == [
        f"w{number} {number}.{s}" for s in range(10)
    ]
print(
    hasattr(target.lock, "acquire"), target.lock._is_owned(), type(logging._lock) is type(threading.RLock())
)
