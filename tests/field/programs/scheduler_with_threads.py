"""A scheduler with a heap, a condition and a daemon thread, as in cron libraries, and sched.scheduler."""

import heapq
import sched
import threading
import time


class Scheduler(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self._heap, self._changed, self._closed = [], threading.Condition(), False

    def at(self, when, function):
        with self._changed:
            heapq.heappush(self._heap, (when, id(function), function))
            self._changed.notify()

    def close(self):
        with self._changed:
            self._closed = True
            self._changed.notify()

    def run(self):
        while True:
            with self._changed:
                while not self._heap and not self._closed:
                    self._changed.wait()
                if not self._heap:
                    return
                delay = self._heap[0][0] - time.monotonic()
                if delay > 0:
                    self._changed.wait(delay)
                    continue
                _, _, function = heapq.heappop(self._heap)
            function()


order, now = [], time.monotonic()
scheduler = Scheduler()
for delay in (0.03, 0.01, 0.02):
    scheduler.at(now + delay, lambda delay=delay: order.append(delay))
scheduler.start()
scheduler.close()
scheduler.join(60)
print(order, scheduler.is_alive())
standard, ran = sched.scheduler(time.monotonic), []
for delay in (0.02, 0.01):
    standard.enterabs(now + delay, 1, ran.append, (delay,))
thread = threading.Thread(target=standard.run)
thread.start()
thread.join()
print(ran)
