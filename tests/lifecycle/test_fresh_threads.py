"""A thread inherits no state from earlier threads, and the interpreter knows it when start() returns."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

FORMS = {
    "imported": """
from interlock import queue, threading
from interlock.concurrent import futures
from interlock.multiprocessing.pool import ThreadPool
""",
    "installed": """
import interlock
interlock.install()
import queue, threading
from concurrent import futures
from multiprocessing.pool import ThreadPool
""",
}

RUNS = {
    "a Thread": """
def run(call):
    said = []
    thread = threading.Thread(target=lambda: said.append(call()))
    thread.start(), thread.join()
    return said[0]
""",
    "a Timer": """
def run(call):
    said = []
    timer = threading.Timer(0, lambda: said.append(call()))
    timer.start(), timer.join()
    return said[0]
""",
    "an executor": """
def run(call):
    with futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()
""",
    "a ThreadPool": """
def run(call):
    with ThreadPool(1) as pool:
        return pool.apply(call)
""",
}

# State that a thread changes only for itself, and how to read it.
OWN = {
    "signal mask": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])",
        "signal.pthread_sigmask(signal.SIG_BLOCK, [])",
    ),
    "processors": (
        "os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])",
        "os.sched_getaffinity(0)",
    ),
    "nice value": (
        "os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICEST)",
        "os.getpriority(os.PRIO_PROCESS, threading.get_native_id())",
    ),
    "name": ("Path('/proc/thread-self/comm').write_text('other')", "'other' in comm()"),
    "rounding": (
        "libm.fesetround(0xC00 if os.uname().machine == 'x86_64' else 0xC00000)",
        "libm.fegetround()",
    ),
    "errno of C": ("ctypes.set_errno(7)", "ctypes.get_errno()"),
    "processor time": ("burn()", "time.thread_time() > 0.1"),
    "trace function": ("sys.settrace(trace)", "sys.gettrace()"),
    "local data": ("setattr(local, 'value', 1)", "vars(local)"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", RUNS)
def test_a_thread_has_nothing_of_the_last_one(passes: Callable[..., None], kind: str, form: str) -> None:
    passes(f"""{FORMS[form]}{RUNS[kind]}
import ctypes
from pathlib import Path
libm = ctypes.CDLL("libm.so.6")
local = threading.local()
def comm():
    return Path("/proc/thread-self/comm").read_text()
def trace(*args):
    return None
NICEST = 19
ONLY_ONE = {{"processors": len(os.sched_getaffinity(0)) == 1, "nice value": os.nice(0) == NICEST}}
def burn():
    while time.thread_time() < 0.11:
        pass
for name, (change, look) in {OWN}.items():
    change, look = (eval("lambda: " + code) for code in (change, look))
    usual = run(look)
    for _ in range(3):
        changed = run(lambda: (change(), look())[1])
        assert changed != usual or ONLY_ONE.get(name), name
        assert run(look) == usual, name
""")


@pytest.mark.parametrize("form", FORMS)
def test_a_thread_inherits_the_mask_of_its_starter(passes: Callable[..., None], form: str) -> None:
    """A signal does not kill a program that blocks it in all threads and lets one thread wait for it."""
    passes(f"""{FORMS[form]}
for _ in range(4):
    thread = threading.Thread(target=int)
    thread.start(), thread.join()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
heard = queue.Queue()
thread = threading.Thread(target=lambda: heard.put(signal.sigwait([signal.SIGTERM])))
thread.start()
os.kill(os.getpid(), signal.SIGTERM)
assert heard.get(timeout=60) == signal.SIGTERM
thread.join()
""")


@pytest.mark.parametrize("form", FORMS)
def test_a_thread_has_begun_when_start_returns(passes: Callable[..., None], form: str) -> None:
    passes(f"""{FORMS[form]}
import _thread, time
go = threading.Event()
for _ in range(50):
    before = _thread._count()
    thread = threading.Thread(target=go.wait, daemon=True)
    thread.start()
    assert _thread._count() == before + 1
    assert thread.ident in sys._current_frames()
    assert os.path.exists(f"/proc/self/task/{{thread.native_id}}")
    # The standard library enters the thread after it has said that the thread began.
    until = time.monotonic() + 60
    while threading._active.get(thread.ident) is not thread or threading._limbo:
        assert time.monotonic() < until
        time.sleep(0.001)
go.set()
""")


@pytest.mark.parametrize("form", FORMS)
def test_what_debuggers_and_profilers_patch_is_used(passes: Callable[..., None], form: str) -> None:
    passes(f"""{FORMS[form]}
import ctypes
seen = []
class Traced(threading.Thread):
    def _set_ident(self):
        seen.append("ident")
        super()._set_ident()
    def _bootstrap_inner(self):
        seen.append(os.path.basename(sys._getframe(1).f_code.co_filename))
        super()._bootstrap_inner()
if sys.version_info < (3, 14):
    thread = Traced(target=seen.append, args=("run",))
    thread.start(), thread.join()
    assert seen == ["threading.py", "ident", "run"], seen

class Stop(Exception): pass
def work(begun):
    try:
        begun.set()
        while True: time.sleep(0)
    except Stop:
        seen.append("stopped")
begun = threading.Event()
thread = threading.Thread(target=work, args=(begun,))
thread.start(), begun.wait()
assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stop)) == 1
thread.join(60)
assert seen[-1] == "stopped"
""")


@pytest.mark.parametrize("form", FORMS)
def test_a_thread_that_is_made_again_can_be_started_again(passes: Callable[..., None], form: str) -> None:
    passes(f"""{FORMS[form]}
ran = []
class Again(threading.Thread):
    _engine = _left = _enter = "the program's own"
    def run(self):
        ran.append(self._engine)
thread = Again()
for _ in range(3):
    thread.start(), thread.join()
    thread.__init__()
assert ran == ["the program's own"] * 3
""")


@pytest.mark.parametrize("form", FORMS)
def test_idle_threads_do_not_keep_a_process_from_a_namespace_of_its_own(
    passes: Callable[..., None], form: str
) -> None:
    """A process with threads can't get a user namespace, so threads that a program has joined must be gone."""
    if not os.path.exists("/proc/self/ns/user"):
        pytest.skip("no user namespaces here")
    passes(f"""{FORMS[form]}
import ctypes
for _ in range(8):
    thread = threading.Thread(target=int)
    thread.start(), thread.join()
with futures.ThreadPoolExecutor(4) as pool:
    list(pool.map(abs, range(8)))
eventually(lambda: len(os.listdir("/proc/self/task")) == 1)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x10000000) == 0 or ctypes.get_errno() != 22  # EINVAL: there are other threads
""")
