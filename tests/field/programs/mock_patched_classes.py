"""As in tests: mock.patch on names of threading, queue and concurrent.futures, with and without autospec."""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest import mock


def program():
    thread = threading.Thread(target=int)
    thread.start()
    q = queue.Queue()
    q.put(1)
    return thread, q


with mock.patch("threading.Thread") as made, mock.patch("queue.Queue") as queues:
    program()
    print(made.call_args, made.return_value.start.called, queues.return_value.put.call_args)
with mock.patch.object(threading.Thread, "start") as start:
    program()
    print(start.call_count)
with mock.patch.object(queue.Queue, "put", side_effect=queue.Full) as put:
    try:
        program()
    except queue.Full:
        print("full", put.call_args)
with mock.patch.object(threading.Event, "wait", return_value=True):
    print(threading.Event().wait())
print(threading.Event().wait(0))
lock = mock.MagicMock(spec=threading.Lock())
with lock:
    print(lock.__enter__.called, hasattr(lock, "acquire"), hasattr(lock, "nothing"))
with mock.patch.object(
    ThreadPoolExecutor, "submit", side_effect=lambda fn, *a: mock.Mock(result=lambda: fn(*a))
):
    print(ThreadPoolExecutor(1).submit(pow, 2, 3).result())
event = mock.create_autospec(threading.Event, instance=True)
event.is_set.return_value = "mocked"
print(event.is_set(), isinstance(event, threading.Event))
