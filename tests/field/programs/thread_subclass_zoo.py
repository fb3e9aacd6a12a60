"""Thread subclasses in the wild: results from join(), properties over private names, replaced run(), state in slots."""

import threading


class WithResult(threading.Thread):
    _engine = None

    def run(self):
        try:
            self._engine = self._target(*self._args, **self._kwargs)
        finally:
            del self._target, self._args, self._kwargs

    def join(self, timeout=None):
        super().join(timeout)
        return self._engine


class Named(threading.Thread):
    @property
    def left(self):
        return self._left

    def __init__(self):
        super().__init__()
        self._left, self._workers, self._order, self._seats = 1, 2, 3, 4
        self.name = "Named-thread"

    def run(self):
        self._left -= 1


thread = WithResult(target=pow, args=(2, 5))
thread.start()
print(thread.join(), thread.join(1))
named = Named()
named.start()
named.join()
print(named.left, named._workers, named._order, named._seats, named.name, repr(named).split(" ")[0:2])
replaced = threading.Thread()
replaced.run = lambda: print("a run() of the instance", threading.current_thread() is replaced)
replaced.start()
replaced.join()
again = threading.Thread(target=print, args=("once",))
again.start()
again.join()
again.__init__(target=print, args=("made again",))
again.start()
again.join()
