"""The error of a wait that would never end."""

__all__ = ["DeadlockError"]


class DeadlockError(RuntimeError):
    """A wait was refused: the thread would wait for itself, through others that wait.

    Nothing was acquired. The calling thread has what it had before, so it can release that and try again.

    `interlock.scheduler` raises it if every task waits, and nobody is there to wake one. The tasks wait on.
    """

    __module__ = "interlock"
