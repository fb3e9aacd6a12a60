"""Internals of events, `_flag` and `_cond`, and an event that combines several events."""

import threading


class OrEvent:
    """An event that is set when one of several events is; it wraps set() and clear() of each."""

    def __init__(self, *events):
        self.any = threading.Event()
        self.events = events
        for event in events:
            event._set, event._clear = event.set, event.clear
            event.set = lambda event=event: (event._set(), self.changed())
            event.clear = lambda event=event: (event._clear(), self.changed())

    def changed(self):
        if any(event.is_set() for event in self.events):
            self.any.set()
        else:
            self.any.clear()


one, other = threading.Event(), threading.Event()
either = OrEvent(one, other)
print(one._flag, one.is_set(), either.any.wait(0))
other.set()
print(either.any.wait(60), one.wait(0), other._flag)
other.clear()
print(either.any.is_set())
with one._cond:
    one._flag = True
    one._cond.notify_all()
print(one.is_set(), one.wait(60), isinstance(one._cond, threading.Condition))
print(sorted(name for name in vars(threading.Event())))
