"""What programs set on locks and semaphores, and what they find inside of them."""

from __future__ import annotations

from tests.processes.conftest import Run


def test_a_program_may_name_its_locks_as_it_likes(run: Run, method: str) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.synchronize import BoundedSemaphore, Lock, RLock, Semaphore

        NAMES = "name", "kind", "maxvalue", "handle", "lost_permits", "_count", "_semlock"

        class Named(Lock):
            def __init__(self, name, ctx):
                super().__init__(ctx=ctx)
                self.name = name

            def __setstate__(self, state):
                *state, self.name = state
                super().__setstate__(tuple(state))

            def __getstate__(self):
                return (*super().__getstate__(), self.name)

        def child(lock):
            assert lock.name == "db" and not lock.acquire(False) and lock._semlock.name is None

        def main():
            ctx = multiprocessing.get_context(METHOD)
            for make in (ctx.Lock, ctx.RLock, ctx.Semaphore, ctx.BoundedSemaphore):
                lock = make()
                assert not any(hasattr(lock, name) for name in NAMES[:4])
                for number, name in enumerate(NAMES):
                    setattr(lock, name, number)
                    assert getattr(lock, name) == number
                assert lock.acquire(timeout=60)
                lock.release()
            lock = Named("db", ctx)
            with lock:
                process = ctx.Process(target=child, args=(lock,))
                process.start()
                process.join()
                assert process.exitcode == 0
        """,
        method,
    )


def test_inside_of_a_lock_is_what_the_standard_library_has_there(run: Run) -> None:
    run(
        """
        import multiprocessing

        def main():
            for make, kind, most in (
                (multiprocessing.Lock, 1, 1),
                (multiprocessing.RLock, 0, 1),
                (multiprocessing.Semaphore, 1, 2**31 - 1),
                (lambda: multiprocessing.BoundedSemaphore(3), 1, 3),
            ):
                lock = make()
                inner = lock._semlock
                value = 3 if most == 3 else 1
                assert (inner.kind, inner.maxvalue, inner._get_value()) == (kind, most, value)
                assert isinstance(inner.handle, int) and inner.name is None
                assert inner.acquire(True, 1) and inner._is_mine() and inner._is_zero() == (value == 1)
                assert lock._semlock._get_value() == value - 1
                inner.release()
                with inner:
                    assert not lock._semlock._is_mine() or inner._get_value() == value - 1
                assert inner._get_value() == value and inner._count() == 0
        """
    )


def test_what_a_derived_class_calls_acquire_is_hidden_as_in_the_standard_library(run: Run) -> None:
    run(
        """
        import multiprocessing
        from multiprocessing.synchronize import Lock, Semaphore

        def main():
            log = []

            class Tracing(Lock):
                def acquire(self, block=True, timeout=None):
                    log.append("acquire")

                def release(self):
                    log.append("release")

            class Entered(Semaphore):
                def __enter__(self):
                    log.append("enter")
                    return super().__enter__()

            lock = Tracing(ctx=multiprocessing.get_context())
            with lock:
                assert not lock.acquire(False)
            assert lock.acquire() and not lock.acquire(timeout=0)
            lock.release()
            assert lock.acquire(False) and log == []
            with Entered(ctx=multiprocessing.get_context()):
                assert log == ["enter"]
        """
    )
