"""Errors from result(), exception(), map(), callbacks, and a cancelled future."""

import logging
import threading
from concurrent.futures import CancelledError, Future, InvalidStateError, ThreadPoolExecutor, TimeoutError

logging.getLogger("concurrent.futures").addHandler(logging.NullHandler())
logging.getLogger("concurrent.futures").propagate = False


def fail(number):
    raise ValueError(number)


def show(call):
    try:
        print("returned", call())
    except BaseException as error:
        print(type(error).__module__, type(error).__name__, error.args, error.__cause__, error.__context__)


gate, began = threading.Event(), threading.Event()


def hold():
    began.set()
    gate.wait(60)


with ThreadPoolExecutor(1) as pool:
    show(pool.submit(fail, 1).result)
    show(pool.submit(fail, 2).exception)
    show(lambda: list(pool.map(fail, [3, 4])))
    running = pool.submit(hold)
    began.wait(60)
    waiting = pool.submit(fail, 5)
    print(running.cancel(), waiting.cancel(), waiting.cancelled(), waiting.done())
    show(waiting.result)
    show(waiting.exception)
    show(lambda: running.result(0))
    gate.set()
future = Future()
future.set_result(1)
show(lambda: future.set_result(2))
show(lambda: future.set_exception(ValueError()))
heard = []
future.add_done_callback(lambda f: 1 / 0)
future.add_done_callback(heard.append)
print(
    heard == [future],
    issubclass(TimeoutError, Exception),
    InvalidStateError.__name__,
    CancelledError.__name__,
)
