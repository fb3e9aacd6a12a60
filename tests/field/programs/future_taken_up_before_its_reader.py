"""A worker ends one call and begins the next before the thread that reads the results can cancel it."""

import sys
import threading
import time
from concurrent.futures import Future


class Mine(Future):
    """A future like those of other pool libraries."""

    def cancel(self):
        return super().cancel()


sys.setswitchinterval(20)  # a running thread keeps the interpreter until it waits
first, second = Mine(), Mine()
reading = threading.Event()


def work():
    reading.wait()
    time.sleep(0.05)  # sleep: releases the interpreter, so that the reader can wait or cancel
    first.set_result("first")
    print(first.done(), second.cancelled(), second.set_running_or_notify_cancel())
    time.sleep(0.05)  # sleep: releases the interpreter, so that the reader can wait or cancel
    second.set_result("second")


worker = threading.Thread(target=work)
worker.start()
reading.set()
print(first.result(), second.cancel(), second.result())
worker.join()
