"""Snippets that materialize objects while threads wait, and snippets about executors: see `materializings.py`."""

from __future__ import annotations

LOOK_BY = {
    "Event": "x._cond",
    "Semaphore": "x._cond",
    "BoundedSemaphore": "x._cond",
    "Condition": "x._waiters",
    "Barrier": "x._cond",
    "Queue": "x.mutex",
    "Future": "x._condition",
}

WAITING = {
    "Event": {
        "set": "crew = waits('x.wait(60)', 3); LOOK; x.set(); [crew.end(), x.is_set(), x.wait(0)]",
        "a pulse": "crew = waits('x.wait(60)', 3); LOOK; x.set(); x.clear(); [crew.end(), x.is_set()]",
        "a pulse before": "crew = waits('x.wait(60)', 3); x.set(); x.clear(); LOOK; [crew.end(), x.is_set()]",
        "more come": "crew = waits('x.wait(60)', 2); LOOK; waits('x.wait(60)', 2, crew); x.set(); crew.end()",
        "set by its inside": """
            crew = waits('x.wait(60)', 2)
            with x._cond:
                x._flag = True
                x._cond.notify_all()
            [crew.end(), x.is_set()]
        """,
        "one is let through": """
            crew = waits('x.wait(60)', 2)
            with x._cond:
                x._cond.notify()
            said = [crew.until(1), x.is_set()]
            x.set()
            [*said, crew.end()]
        """,
        "a timeout": "crew = waits('x.wait(0.05)', 2); LOOK; [crew.end(), x.is_set()]",
        "a timeout, and set": """
            crew = waits('x.wait(0.05)'); waits('x.wait(60)', 1, crew); LOOK
            said = [crew.until(1)]
            x.set()
            [*said, crew.end(), x.set(), len(x._cond._waiters)]
        """,
    },
    "Semaphore": {
        "release": "x.acquire(); crew = waits('x.acquire()', 3); LOOK; x.release(2); said = crew.until(2)[:]; "
        "x.release(); [said, crew.end(), x._value]",
        "a timeout": "x.acquire(); crew = waits('x.acquire(timeout=0.05)', 2); LOOK; [crew.end(), x._value]",
        "timeouts left": "x.acquire(); crew = waits('x.acquire(True, 60)', 2); LOOK; x.release(2); "
        "[crew.end(), x._value]",
        "with": """
            x.acquire()
            crew = waits('x.__enter__()', 2)
            x._value = 0
            x.release(2)
            [crew.end(), x._value]
        """,
        "the value is set": "x.acquire(); crew = waits('x.acquire()'); x._value = 1; "
        "said = x.acquire(False); x.release(); [said, crew.end(), x._value]",
    },
    "BoundedSemaphore": {
        "release": """
            x.acquire()
            crew = waits('x.acquire()')
            LOOK
            x.release()
            said = [crew.end(), x._value, x._initial_value]
            x.release()
            try:
                x.release()
            except ValueError as error:
                said.append(str(error))
            said
        """,
    },
    "Condition": {
        "the order": """
            import functools
            def wait(me):
                with x:
                    return x.wait(60) and me
            crew = Crew()
            for me in range(4):
                crew.start(functools.partial(wait, me))
            said = [len(x._waiters)]
            for number in (1, 2, 3, 4):
                with x:
                    x.notify()
                crew.until(number)
            [said, crew.end(), len(x._waiters)]
        """,
        "those who come later": """
            import functools
            def wait(me):
                with x:
                    return x.wait(60) and me
            crew = Crew()
            for me in range(4):
                crew.start(functools.partial(wait, me))
                if me == 1: LOOK
            for number in (1, 2):
                with x:
                    x.notify()
                crew.until(number)
            with x:
                x.notify(2)
            [crew.said[:2], sorted(crew.end()), len(x._waiters)]
        """,
        "notify_all": """
            def wait():
                with x:
                    return x.wait(60)
            crew = waits('wait()', 3)
            LOOK
            with x:
                x.notify_all()
            [crew.end(), len(x._waiters)]
        """,
        "wait_for": """
            done = []
            def wait():
                with x:
                    return x.wait_for(lambda: done, 60) is done
            crew = waits('wait()', 3)
            LOOK
            with x:
                x.notify_all()
            with x:
                done.append(1)
                x.notify_all()
            crew.end()
        """,
        "a timeout": """
            def wait(timeout):
                with x:
                    return x.wait(timeout)
            crew = waits('wait(0.05)')
            waits('wait(60)', 1, crew)
            LOOK
            crew.until(1)
            with x:
                x.notify()
            crew.end()
        """,
        "an own lock": """
            lock = t.Lock()
            x = t.Condition(lock)
            def wait():
                with lock:
                    return x.wait(60)
            crew = waits('wait()', 2)
            LOOK
            for number in (1, 2):
                with lock:
                    x.notify()
                crew.until(number)
            [crew.end(), lock.locked()]
        """,
        "held again and again": """
            def wait():
                with x, x, x:
                    said = x.wait(60)
                    x.release()
                    x.acquire()
                    return said
            crew = waits('wait()', 2)
            LOOK
            with x:
                x.notify_all()
            [crew.end(), x.acquire(False)]
        """,
    },
    "Barrier": {
        "the last comes": "crew = waits('x.wait()', 2); LOOK; crew.start(x.wait); "
        "[sorted(crew.end()), x.n_waiting, x.broken]",
        "again": """
            crew = waits('x.wait(60)', 2)
            LOOK
            crew.start(x.wait)
            crew.end()
            for _ in range(3):
                crew.start(x.wait)
            [sorted(crew.end()), x.n_waiting, x.broken, x._count, x._state]
        """,
        "abort": "crew = waits('x.wait()', 2); LOOK; x.abort(); [crew.end(), x.broken, x.n_waiting]",
        "reset": "crew = waits('x.wait()', 2); LOOK; x.reset(); [crew.end(), x.broken, x.n_waiting]",
        "abort, reset, and again": """
            crew = waits('x.wait()', 2)
            LOOK
            x.abort()
            said = [crew.end(), x.broken, x.reset(), x.broken]
            crew = waits('x.wait()', 3)
            [said, sorted(crew.end()), x.broken]
        """,
        "a timeout": "crew = waits('x.wait(0.05)'); waits('x.wait()', 1, crew); LOOK; "
        "[crew.end(), x.broken, x.n_waiting]",
        "its own timeout": "x = t.Barrier(3, timeout=0.05); crew = waits('x.wait()', 2); LOOK; "
        "[crew.end(), x.broken, x.n_waiting]",
        "an action": """
            crew, calls = waits('x.wait()', 2), []
            x._action = lambda: calls.append(x._count)
            crew.start(x.wait)
            [sorted(crew.end()), calls]
        """,
        "an action that raises": """
            crew = waits('x.wait()', 2)
            x._action = lambda: 1 / 0
            crew.start(x.wait)
            [sorted(crew.end()), x.broken]
        """,
        "fewer parties": "crew = waits('x.wait()', 2); x._parties = 2; "
        "said = [x.parties, x.n_waiting]; x.abort(); [said, crew.end()]",
    },
    "Queue": {
        "get": "crew = waits('x.get()', 2); LOOK; x.put(1); x.put(2); "
        "[sorted(crew.end()), x.qsize(), x.unfinished_tasks]",
        "put": "x.put(0); crew = waits('x.put(1)', 2); LOOK; said = [x.get(), x.get(), x.get()]; "
        "[said, crew.end(), x.unfinished_tasks]",
        "join": "x.put(0); crew = waits('x.join()', 2); LOOK; said = [x.get(), x.task_done()]; [said, crew.end()]",
        "get, timeout": "crew = waits('x.get(timeout=0.05)', 2); LOOK; crew.end()",
        "put, timeout": "x.put(0); crew = waits('x.put(1, True, 0.05)', 2); LOOK; [crew.end(), x.get(), x.empty()]",
        "get by the inside": """
            crew = waits('x.get()', 2)
            with x.mutex:
                x.queue.extend([1, 2])
                x.not_empty.notify(2)
            sorted(crew.end())
        """,
        "join by the inside": """
            x.put(0)
            crew = waits('x.join()', 2)
            with x.mutex:
                x.queue.clear()
                x.unfinished_tasks = 0
                x.all_tasks_done.notify_all()
            [crew.end(), x.empty()]
        """,
        "a hook": """
            crew, calls = waits('x.get()', 2), []
            whole = x._get
            x._get = lambda: calls.append(1) or whole()
            x.put(1)
            crew.until(1)
            x.put(2)
            [sorted(crew.end()), len(calls)]
        """,
        "shutdown": """
            if not hasattr(std.Condition(), "locked") and not hasattr(q.Queue, "shutdown"): said = ["ShutDown"] * 2
            else:
                crew = waits('x.get()', 2)
                LOOK
                x.shutdown()
                said = crew.end()
            said
        """,
    },
    "Future": {
        "result": "crew = waits('x.result(60)', 2); LOOK; x.set_result(5); crew.end()",
        "exception": "crew = waits('type(x.exception()).__name__'); waits('x.result()', 1, crew); LOOK; "
        "x.set_exception(KeyError(1)); sorted(crew.end())",
        "cancel": "crew = waits('x.result(60)', 2); LOOK; said = [x.cancel(), x.cancelled()]; [said, crew.end()]",
        "a timeout": "crew = waits('x.result(0.05)', 2); LOOK; [crew.end(), x.done()]",
        "wait": "crew = waits('f.wait([x], 60).done == {x}'); LOOK; x.set_result(5); [crew.end(), x._waiters]",
        "as_completed": "crew = waits('list(f.as_completed([x, x])) == [x]'); LOOK; x.set_result(5); crew.end()",
        "callbacks": """
            calls = []
            x.add_done_callback(lambda future: calls.append(1))
            crew = waits('x.result()')
            LOOK
            x.add_done_callback(lambda future: calls.append(2))
            x.set_result(5)
            [crew.end(), calls]
        """,
        "set by its inside": """
            crew = waits('x.result()', 2)
            with x._condition:
                x._state, x._result = "FINISHED", 7
                x._condition.notify_all()
            crew.end()
        """,
    },
}

MADE = {"Barrier": "t.Barrier(3)", "Queue": "q.Queue(1)", "Semaphore": "t.Semaphore(1)"}
MADE |= {"BoundedSemaphore": "t.BoundedSemaphore(1)"}

WAITS = """
from tests.parity.crew import Crew
def waits(code, number=1, crew=None):
    crew = crew or Crew()
    for _ in range(number):
        crew.start(lambda: eval(code, globals()))
    return crew
"""

EXECUTORS = {
    "its calls wait": """
        gate = t.Event()
        with f.ThreadPoolExecutor(1) as x:
            futures = [x.submit(gate.wait, 20), *(x.submit(pow, n, 2) for n in range(5))]
            cancelled = futures[3].cancel()
            x._idle_semaphore
            futures.append(x.submit(int))
            gate.set()
            said = [future.cancelled() or future.result(60) for future in futures]
        [cancelled, said, len(x._threads), x._work_queue.qsize() >= 0]
    """,
    "its queue is read": """
        x = f.ThreadPoolExecutor(2)
        x._idle_semaphore
        value = x._work_queue
        [vars(x)["_work_queue"] is value, type(value).__name__, x.submit(int).result(60), x.shutdown()]
    """,
    "another work queue": """
        with f.ThreadPoolExecutor(2) as x:
            x._work_queue = q.Queue(8)  # at exit each worker gets two messages, and nobody takes them
            futures = [x.submit(pow, n, 2) for n in range(20)]
            said = [future.result(60) for future in futures]
        said
    """,
    "shutdown() waits": """
        gate = t.Event()
        x = f.ThreadPoolExecutor(1)
        futures = [x.submit(gate.wait, 20), x.submit(int)]
        crew = waits('x.shutdown()')
        x._idle_semaphore
        gate.set()
        [crew.end(), [future.result(60) for future in futures], x._shutdown]
    """,
    "marked as shut down": """
        x = f.ThreadPoolExecutor(1)
        x._shutdown = True
        try:
            said = x.submit(int)
        except RuntimeError as error:
            said = str(error)
        [said, x.shutdown()]
    """,
    "marked as broken": """
        x = f.ThreadPoolExecutor(1)
        x._broken = "for a reason"
        try:
            said = x.submit(int)
        except Exception as error:
            said = type(error).__name__, str(error)
        [said, x.shutdown()]
    """,
    "watchdog's wait on an instance": """
        x, calls = q.Queue(1), []
        whole = x.not_full.wait
        x.not_full.wait = lambda *args: calls.append(len(args)) or whole(*args)
        x.put(1)
        try:
            x.put(2, timeout=0.01)
        except q.Full:
            calls.append("full")
        calls
    """,
}
