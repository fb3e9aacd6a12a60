"""The error of a wait that would never end."""

__all__ = ["DeadlockError"]


class DeadlockError(RuntimeError):
    """A wait was refused: the thread would wait for itself, through others that wait.

    Nothing was acquired. The calling thread still holds what it held before, so it can release that and try again.

    `interlock.scheduler` raises it if every task waits and nothing can wake one. The tasks continue to wait.
    """

    __module__ = "interlock"
