"""Timers: repeated by a subclass, cancelled, restarted as a debouncer, and with arguments."""

import threading


class Repeat(threading.Timer):
    def run(self):
        while not self.finished.wait(self.interval):
            self.function(*self.args, **self.kwargs)


count, third = [], threading.Event()


def tick(word, times=1):
    count.append(word * times)
    if len(count) == 3:
        third.set()


timer = Repeat(0.001, tick, ["x"], {"times": 2})
timer.daemon = True
timer.start()
third.wait(60)
timer.cancel()
timer.join()
print(count[:3], timer.finished.is_set(), timer.interval, timer.args, timer.kwargs)
never = threading.Timer(60, print, ("never",))
never.start()
never.cancel()
never.join()
print(never.is_alive(), isinstance(never, threading.Thread), type(never).__mro__[1] is threading.Thread)
fired = []
for word in ("a", "ab", "abc"):
    if word != "a":
        debounce.cancel()
    debounce = threading.Timer(0.01 if word == "abc" else 60, fired.append, (word,))
    debounce.start()
debounce.join()
print(fired)
