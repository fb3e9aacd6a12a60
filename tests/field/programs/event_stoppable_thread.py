"""A stoppable thread: a subclass with a stop event under a private name of its own."""

import threading


class Worker(threading.Thread):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._stop_event = threading.Event()
        self._pending, self._close, self._done = [], False, threading.Event()

    def stop(self):
        self._stop_event.set()

    @property
    def stopped(self):
        return self._stop_event.is_set()

    def run(self):
        while not self._stop_event.wait(0.001):
            self._pending.append(len(self._pending))
            if len(self._pending) == 3:
                self._done.set()
        self._close = True


worker = Worker(name="worker", daemon=True)
print(worker, worker.is_alive(), worker.ident)
worker.start()
worker._done.wait(60)
worker.stop()
worker.join()
print(worker.stopped, worker._pending[:3], worker._close, worker.is_alive(), worker.daemon)
for call in (worker.start, threading.Thread().join, threading.current_thread().join):
    try:
        call()
    except RuntimeError as error:
        print(error)
