"""The exception that cancels a task of a scheduler."""

__all__ = ["TaskCancelled"]


class TaskCancelled(BaseException):
    """The task is cancelled: raised in it, at its yield or await.

    It is not an `Exception`, so that ``except Exception`` does not keep a task from ending. A task that joins the
    cancelled one, or a caller that asks for its result, gets `concurrent.futures.CancelledError`.
    """

    __module__ = "interlock.scheduler"
