"""A call shuts its own pool down; later submits are refused, queued calls still run."""

import threading
from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(1)
gate, order = threading.Event(), []


def end():
    gate.wait(60)
    pool.shutdown(wait=False)
    order.append("shut down")
    try:
        pool.submit(int)
    except RuntimeError as error:
        order.append(str(error))


futures = [pool.submit(end), pool.submit(order.append, "queued")]
gate.set()
for future in futures:
    future.result(60)
print(order)
pool.shutdown(wait=True, cancel_futures=True)
