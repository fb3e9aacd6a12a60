"""After `install`, types that programs already have, and registrations for them, work for our objects."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Check = Callable[..., str]

ASK = """
    import _thread, functools, queue, sys, threading

    def answers():
        import _queue
        lock, rlock = threading.Lock(), threading.RLock()
        assert isinstance(lock, _thread.LockType) and isinstance(lock, type(_thread.allocate_lock()))
        assert isinstance(rlock, _thread.RLock) and isinstance(rlock, threading._CRLock)
        assert isinstance(_thread.allocate_lock(), type(lock)) and isinstance(_thread.RLock(), type(rlock))
        assert isinstance(queue.SimpleQueue(), _queue.SimpleQueue) and _queue.SimpleQueue is queue.SimpleQueue
        names = [repr(it).split(" at ")[0] for it in (lock, rlock, queue.SimpleQueue(), queue.SimpleQueue)]
        if sys.version_info < (3, 13):  # from 3.13 on pickles find it as `threading.Lock`
            names.append(repr(type(lock)))
        return names
"""


def test_the_answers_are_the_same_before_while_and_after(check: Check) -> None:
    check(
        ASK
        + """
    import interlock
    plain = answers()
    with interlock.install():
        import interlock.threading
        assert answers() == plain
        assert type(threading.Lock()) is type(interlock.threading.Lock())
    assert answers() == plain
    assert type(threading.Lock()) is _thread.LockType
    """
    )


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_registration_for_the_standard_type_serves_our_locks(check: Check, when: str) -> None:
    check(
        f"""
    import _thread, copy, copyreg, pickle
    import interlock

    def register():
        import threading
        copyreg.pickle(_thread.LockType, lambda lock: (threading.Lock, ()))
        copyreg.pickle(type(threading.RLock()), lambda lock: (threading.RLock, ()))

    if {when!r} == "before":
        register()
    interlock.install()
    if {when!r} == "after":
        register()
    import threading
    for make in threading.Lock, threading.RLock:
        copied, loaded = copy.deepcopy(make()), pickle.loads(pickle.dumps(make()))
        assert type(copied) is type(loaded) is type(make())
    """
    )


def test_a_table_of_a_pickler_that_keeps_types_finds_ours(check: Check) -> None:
    """Like dill: it imported `LockType` from `_thread` early, and looks up the exact type of an object."""
    check(
        """
    import io, pickle
    from _thread import LockType

    class Pickler(pickle._Pickler):
        dispatch = dict(pickle._Pickler.dispatch)

    Pickler.dispatch[LockType] = lambda self, lock: self.save_reduce(make, (lock.locked(),), obj=lock)

    def make(locked):
        lock = threading.Lock()
        return lock.acquire(False) == locked and lock or lock

    import interlock
    interlock.install()
    import threading
    file = io.BytesIO()
    Pickler(file).dump([threading.Lock()])
    (lock,) = pickle.loads(file.getvalue())
    assert lock.locked() and type(lock) is type(threading.Lock())
    """
    )
