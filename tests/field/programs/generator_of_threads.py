"""A generator that runs ahead in its own thread, passes an error on, and can be abandoned."""

import queue
import threading

END = object()


class Prefetch:
    def __init__(self, source, ahead=2):
        self._queue, self._stop = queue.Queue(ahead), threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(iter(source),), daemon=True)
        self._thread.start()

    def _fill(self, source):
        try:
            for item in source:
                while not self._stop.is_set():
                    try:
                        self._queue.put((item, None), timeout=0.01)
                        break
                    except queue.Full:
                        continue
                else:
                    return
            last = (END, None)
        except Exception as error:
            last = (END, error)
        self._queue.put(last)

    def __iter__(self):
        while True:
            item, error = self._queue.get()
            if item is END:
                if error is not None:
                    raise error
                return
            yield item

    def close(self):
        self._stop.set()
        self._thread.join(60)
        return self._thread.is_alive()


def failing():
    yield 1
    yield 2
    raise ValueError("the source failed")


print(sum(Prefetch(range(100))))
seen = []
try:
    seen.extend(item for item in Prefetch(failing()))
except ValueError as error:
    print(seen, error)
endless = Prefetch(iter(int, 1))
print(next(iter(endless)), endless.close())
