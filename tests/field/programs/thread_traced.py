"""Tracers and profilers for all threads, and an instrumentation that wraps Thread.run and Thread.start."""

import functools
import threading

events, lock = set(), threading.Lock()


def trace(frame, event, argument):
    if frame.f_code.co_name == "traced":
        with lock:
            events.add(event)
    return trace


def traced():
    return 1


threading.settrace(trace)
thread = threading.Thread(target=traced)
thread.start()
thread.join()
threading.settrace(None)
print(sorted(events), threading.gettrace())
profiled = []
threading.setprofile(lambda frame, event, argument: profiled.append((frame.f_code.co_name, event)))
thread = threading.Thread(target=traced)
thread.start()
thread.join()
threading.setprofile(None)
print(("traced", "call") in profiled, ("traced", "return") in profiled, ("run", "call") in profiled)
log = []


def wrap(name):
    original = getattr(threading.Thread, name)

    @functools.wraps(original)
    def wrapper(self, *args, **kwargs):
        log.append(name)
        return original(self, *args, **kwargs)

    setattr(threading.Thread, name, wrapper)
    return original


kept = {name: wrap(name) for name in ("start", "run", "join", "_bootstrap_inner")}
thread = threading.Thread(target=traced)
thread.start()
thread.join()
for name, original in kept.items():
    setattr(threading.Thread, name, original)
print(sorted(log))
