"""Locks refuse calls with the standard library's exceptions and messages, and do not change then."""

from __future__ import annotations

import pytest

from tests.parity.judge import OURS, STD, attempt, outcome, same

ELSEWHERE = """
def elsewhere(f, *a):
    out = []
    def run():
        try: out.append(f(*a))
        except Exception as e: out.append((type(e), str(e)))
    th = std.Thread(target=run); th.start(); th.join()
    return out[0]
"""

# The beginning and the refused call (the last line); the state of the object afterwards.
REFUSALS: dict[str, tuple[str, str]] = {
    "releasing a Lock that nobody has": ("x = t.Lock()\nx.release()", "x.locked()"),
    "releasing a Lock twice": (
        "x = t.Lock(); x.acquire(); x.release()\nx.release()",
        "x.locked(), x.acquire(False)",
    ),
    "leaving a Lock that nobody has": ("x = t.Lock()\nx.__exit__(None, None, None)", "x.locked()"),
    "releasing an RLock that nobody has": ("x = t.RLock()\nx.release()", "x._is_owned(), x.acquire(False)"),
    "releasing an RLock too often": (
        "x = t.RLock(); x.acquire(); x.acquire(); x.release(); x.release()\nx.release()",
        "x._is_owned()",
    ),
    "releasing another thread's RLock": (
        f"{ELSEWHERE}\nx = t.RLock(); x.acquire(); x.acquire()\nelsewhere(x.release)",
        "x._is_owned(), elsewhere(x.acquire, False), x.release(), x.release(), elsewhere(x.acquire, False)",
    ),
    "releasing a Lock with an argument": ("x = t.Lock(); x.acquire()\nx.release(1)", "x.locked()"),
    "releasing a Lock with a name": ("x = t.Lock(); x.acquire()\nx.release(x=1)", "x.locked()"),
    "asking a Lock with an argument": ("x = t.Lock()\nx.locked(1)", "x.locked()"),
    "releasing an RLock with an argument": ("x = t.RLock(); x.acquire()\nx.release(1)", "x._is_owned()"),
    "saving an RLock that nobody has": ("x = t.RLock()\nx._release_save()", "x.acquire(False)"),
    "a Lock's timeout without blocking": ("x = t.Lock()\nx.acquire(False, 1)", "x.locked()"),
    "a Lock's timeout of 0 without blocking": ("x = t.Lock()\nx.acquire(False, 0)", "x.locked()"),
    "an RLock's timeout without blocking": ("x = t.RLock()\nx.acquire(False, timeout=1)", "x._is_owned()"),
    "a Lock's negative timeout": ("x = t.Lock()\nx.acquire(True, -2)", "x.locked()"),
    "a Lock's negative timeout, nearly -1": ("x = t.Lock()\nx.acquire(True, -0.5)", "x.locked()"),
    "an RLock's negative timeout": ("x = t.RLock()\nx.acquire(timeout=-2)", "x._is_owned()"),
    "a Lock's timeout of None": ("x = t.Lock()\nx.acquire(True, None)", "x.locked()"),
    "a Lock's timeout of a text": ("x = t.Lock()\nx.acquire(timeout='1')", "x.locked()"),
    "a Lock's timeout that is not a number": ("x = t.Lock()\nx.acquire(timeout=float('nan'))", "x.locked()"),
    "an RLock's timeout that is not a number": (
        "x = t.RLock()\nx.acquire(timeout=float('nan'))",
        "x._is_owned()",
    ),
    "waiting without the lock": ("x = t.Condition()\nx.wait()", "x.acquire(False)"),
    "waiting without the lock, not at all": ("x = t.Condition()\nx.wait(0)", "x.acquire(False)"),
    "waiting without another lock": ("x = t.Condition(t.Lock())\nx.wait(1)", "x.acquire(False)"),
    "waiting with the lock of another thread": (
        f"{ELSEWHERE}\nx = t.Condition(); elsewhere(x.acquire)\nx.wait(1)",
        "x.acquire(False)",
    ),
    "waiting for a predicate without the lock": (
        "x = t.Condition()\nx.wait_for(lambda: False, 1)",
        "x.acquire(False)",
    ),
    "waiting for a predicate without the lock, not at all": (
        "x = t.Condition()\nx.wait_for(lambda: False, 0)",
        "x.acquire(False)",
    ),
    "notifying without the lock": ("x = t.Condition()\nx.notify()", "x.acquire(False)"),
    "notifying all without the lock": ("x = t.Condition()\nx.notify_all()", "x.acquire(False)"),
    "notifying nobody without the lock": ("x = t.Condition()\nx.notify(0)", "x.acquire(False)"),
    "notifying without another lock": ("x = t.Condition(t.Lock())\nx.notify()", "x.acquire(False)"),
    "a Condition on what is no lock": ("x = 1\nt.Condition(object())", "x"),
    "a negative Semaphore": ("x = 1\nt.Semaphore(-1)", "x"),
    "a negative BoundedSemaphore": ("x = 1\nt.BoundedSemaphore(-1)", "x"),
    "releasing a Semaphore 0 times": ("x = t.Semaphore(1)\nx.release(0)", "x._value"),
    "releasing a Semaphore -1 times": ("x = t.Semaphore(1)\nx.release(n=-1)", "x._value"),
    "releasing a BoundedSemaphore too often": ("x = t.BoundedSemaphore(2)\nx.release()", "x._value"),
    "releasing a BoundedSemaphore too often at once": (
        "x = t.BoundedSemaphore(3); x.acquire(); x.acquire()\nx.release(3)",
        "x._value",
    ),
    "releasing a BoundedSemaphore 0 times": ("x = t.BoundedSemaphore(1)\nx.release(0)", "x._value"),
    "a Semaphore's timeout without blocking": ("x = t.Semaphore(1)\nx.acquire(False, 1)", "x._value"),
    "a Semaphore's timeout of 0 without blocking": (
        "x = t.Semaphore(0)\nx.acquire(False, timeout=0)",
        "x._value",
    ),
    "a broken Barrier": ("x = t.Barrier(2); x.abort()\nx.wait()", "x.broken, x.n_waiting"),
    "a Barrier whose time is over": ("x = t.Barrier(2)\nx.wait(0)", "x.broken, x.n_waiting"),
    "a Barrier whose own time is over": (
        "x = t.Barrier(2, timeout=0.001)\nx.wait()",
        "x.broken, x.n_waiting",
    ),
    "a Barrier whose action fails": ("x = t.Barrier(1, lambda: 1 / 0)\nx.wait()", "x.broken, x.n_waiting"),
    "entering a Lock with arguments": ("x = t.Lock()\nx.__enter__(True, 1)", "x.locked()"),
    "leaving a Lock without an exception's parts": (
        "x = t.Lock(); x.acquire()\nx.__exit__()",
        "x.locked()",
    ),
    "entering an RLock with arguments": ("x = t.RLock()\nx.__enter__(True, 1)", "x._is_owned()"),
    "leaving an RLock with too much": (
        "x = t.RLock(); x.acquire()\nx.__exit__(1, 2, 3, 4)",
        "x._is_owned()",
    ),
    "too many arguments to acquire": ("x = t.Lock()\nx.acquire(True, 1, 2) and 1", "x.locked()"),
}

NO_MESSAGE_OF_ITS_OWN = {
    name
    for name in REFUSALS
    if name.startswith(("entering", "leaving an", "leaving a Lock without", "too many"))
}


@pytest.mark.parametrize("name", [name for name in REFUSALS if name not in NO_MESSAGE_OF_ITS_OWN])
def test_a_refusal_is_the_standard_librarys_and_changes_nothing(name: str) -> None:
    code, after = REFUSALS[name]
    said = same(attempt(code, after))
    assert said[0] == "returned", said


@pytest.mark.parametrize("name", sorted(NO_MESSAGE_OF_ITS_OWN))
def test_wrong_arguments_are_refused_as_in_the_standard_library_in_other_words(name: str) -> None:
    code, after = REFUSALS[name]
    (_, (ours, ours_after)), (_, (std, std_after)) = (outcome(i, attempt(code, after)) for i in (OURS, STD))
    assert (ours[0], ours_after) == (std[0], std_after)


def test_too_many_arguments_are_a_type_error() -> None:
    for impl_outcome in (
        outcome(OURS, "t.Lock().acquire(True, 1, 2)"),
        outcome(OURS, "t.Event().wait(1, 2)"),
    ):
        assert impl_outcome[0] == "raised builtins.TypeError"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_rlock_is_restored_to_the_count_that_was_saved(count: int) -> None:
    """Also 0: the standard library's lock is then held for ever, by nobody."""
    code = f"""
    import _thread
    x = t.RLock()
    x._acquire_restore(({count}, _thread.get_ident()))
    counted = x._recursion_count()
    for _ in range({count}): x.release()
    counted, x._is_owned(), x.acquire(False)
    """
    assert outcome(OURS, code) == ("returned", (count, False, True))


@pytest.mark.parametrize("parties", ["0", "-1", "1.5", "None", "'2'", "True", "2.0"])
def test_a_barrier_for_odd_parties_is_made_and_refused_as_in_the_standard_library(parties: str) -> None:
    same(f"x = t.Barrier({parties})\nx.parties, x.n_waiting, x.broken")


@pytest.mark.parametrize("call", ["wait()", "wait(0.001)", "wait_for(bool, 0.001)", "notify()"])
def test_a_failed_call_leaves_no_waiter_behind(call: str) -> None:
    for setup in ("x = t.Condition()", "x = t.Condition(t.Lock())", "x = t.Condition(std.Lock())"):
        assert outcome(OURS, f"{setup}\nx.{call}")[0] == "raised builtins.RuntimeError"
        assert outcome(OURS, attempt(f"{setup}\nx.{call}", "len(x._waiters)"))[1][1] == 0


@pytest.mark.parametrize("predicate", ["lambda: 1 / 0", "lambda: [].pop()"])
def test_an_exception_of_a_predicate_leaves_the_lock_held(predicate: str) -> None:
    same(attempt(f"x = t.Condition(); x.acquire()\nx.wait_for({predicate}, 1)", "x._is_owned(), x.release()"))
