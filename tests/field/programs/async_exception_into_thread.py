"""ctypes raises an exception in a running thread, as time limits for functions do."""

import ctypes
import threading


class Stopped(BaseException):
    pass


began, outcome = threading.Event(), []


def spin():
    try:
        began.set()
        while True:
            pass
    except Stopped:
        outcome.append("stopped")


thread = threading.Thread(target=spin, daemon=True)
thread.start()
began.wait(60)
hit = ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stopped))
thread.join(60)
print(hit, outcome, thread.is_alive())
print(ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stopped)))
