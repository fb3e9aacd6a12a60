"""The program makes and runs futures by hand, as schedulers do."""

from concurrent.futures import Future


class Tracked(Future):
    def __init__(self, name):
        super().__init__()
        self.name = name

    def set_result(self, result):
        super().set_result((self.name, result))


future = Tracked("a")
print(future._state, future.running(), future.done())
print(future.set_running_or_notify_cancel(), future._state, future.running(), future.cancel())
heard = []
future.add_done_callback(lambda f: heard.append(f.name))
future.set_result(1)
print(future.result(), future._state, heard, future._result, future._exception)
future.add_done_callback(lambda f: heard.append("late"))
print(heard, sorted(vars(future)))
cancelled = Tracked("b")
print(cancelled.cancel(), cancelled.set_running_or_notify_cancel(), cancelled._state)
other = Future()
with other._condition:
    other._done_callbacks.append(lambda f: heard.append("inserted"))
other.set_exception(KeyError("k"))
print(heard, repr(other.exception()), other._waiters)
