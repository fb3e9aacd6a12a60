"""An application with one main loop: timers post to a queue, workers too, only the loop touches the widgets."""

import queue
import sched
import threading
import time


class Loop:
    """The loop of a toolkit: `after`, `after_idle`, `after_cancel`, and calls from other threads."""

    def __init__(self):
        self.calls = queue.Queue()
        self.timers, self.ended = {}, False
        self.thread = threading.current_thread()

    def call(self, function, *args):
        self.calls.put((function, args))

    def after(self, seconds, function, *args):
        timer = threading.Timer(seconds, self.call, (function, *args))
        timer.daemon = True
        timer.start()
        self.timers[timer.ident] = timer
        return timer.ident

    def after_cancel(self, ident):
        timer = self.timers.pop(ident)
        timer.cancel()
        timer.join(30)
        return timer.finished.is_set()

    def quit(self):
        self.ended = True

    def main(self):
        while not self.ended:
            try:
                function, args = self.calls.get(timeout=0.02)
            except queue.Empty:
                continue
            function(*args)
            self.calls.task_done()


class Clock:
    def __init__(self, loop, ticks):
        self.loop, self.left, self.shown = loop, ticks, []

    def tick(self):
        assert threading.current_thread() is self.loop.thread
        self.left -= 1
        self.shown.append(self.left)
        if self.left:
            self.loop.after(0.002, self.tick)
        else:
            self.loop.call(self.loop.quit)


class Work(threading.Thread):
    """A long computation, with progress; it can be stopped."""

    def __init__(self, loop, report, steps):
        super().__init__(name="work", daemon=True)
        self.loop, self.report, self.steps = loop, report, steps
        self.stopped = threading.Event()

    def run(self):
        for step in range(self.steps):
            if self.stopped.wait(0.001):
                self.loop.call(self.report, "stopped")
                return
            self.loop.call(self.report, step)
        self.loop.call(self.report, "done")


def main():
    loop = Loop()
    clock, progress = Clock(loop, 5), []
    stoppable_progress = []
    first = Work(loop, progress.append, 10)
    second = Work(loop, stoppable_progress.append, 1_000_000)
    never = loop.after(60, progress.append, "never")
    loop.call(clock.tick)
    first.start()
    second.start()
    loop.call(first.join, 0)
    loop.after(0.03, second.stopped.set)
    loop.main()
    first.join(30)
    second.stopped.set()
    second.join(30)
    print(clock.shown, loop.after_cancel(never))
    while not loop.calls.empty():
        function, args = loop.calls.get_nowait()
        function(*args)
    print(
        progress, stoppable_progress[-1], stoppable_progress[:-1] == list(range(len(stoppable_progress) - 1))
    )

    order = []
    scheduler = sched.scheduler(time.monotonic, time.sleep)
    scheduler.enter(0.02, 1, order.append, ("late",))
    for priority, name in ((2, "second"), (1, "first")):
        scheduler.enterabs(0, priority, order.append, (name,))
    cancelled = scheduler.enter(0.01, 1, order.append, ("cancelled",))
    other = threading.Thread(target=scheduler.cancel, args=(cancelled,))
    other.start()
    other.join(30)
    scheduler.run()
    print(order, scheduler.empty())


if __name__ == "__main__":
    main()
