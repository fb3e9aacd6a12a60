"""An item or notification is not lost if Ctrl-C arrives when it is handed to the waiting thread."""

from __future__ import annotations

from collections.abc import Callable

Passes = Callable[..., None]

HEAR = """
hit = std.Event()
def hear(*_):
    hit.set()
    raise KeyboardInterrupt
signal.signal(signal.SIGINT, hear)
main = std.main_thread()
def interrupt():
    hit.clear()
    signal.pthread_kill(main.ident, signal.SIGINT)
    assert hit.wait(60)
"""


def test_an_item_that_comes_with_the_signal_goes_to_the_getter_or_stays(passes: Passes) -> None:
    """In many rounds of a simultaneous put and signal, the getter gets each item exactly once."""
    passes(
        HEAR
        + """
def hear(_, frame):
    hit.set()
    if frame.f_code is consume.__code__:  # elsewhere Python's own steps would lose the item that they hold
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, hear)
met = []
def consume():
    try:
        got.extend(iter(q.get, None))  # from the queue to the list without a step of the interpreter
        return True
    except KeyboardInterrupt:
        interrupted[0] += 1
def give():
    for number in range(rounds):
        hit.clear()
        signal.pthread_kill(main.ident, signal.SIGINT)
        q.put(number)
        assert hit.wait(60)
    q.put(None)
# Whether a signal meets consume() is chance: on a busy machine perhaps none of a few does.
for q in (queue.Queue(), queue.SimpleQueue()) * 20:
    if q in met:
        continue
    got, rounds, interrupted = [], 60, [0]
    giver = std.Thread(target=give)
    giver.start()
    over = False
    while not over:  # the last signal comes before None is put
        try:
            over = consume()
        except KeyboardInterrupt:
            pass
    giver.join()
    assert got == list(range(rounds)), (q, got)
    if interrupted[0]:
        met.append(q)
assert len(met) == 2
"""
    )


def test_a_notification_that_comes_with_the_signal_goes_to_the_next(passes: Passes) -> None:
    """A waiter that is interrupted and notified at once passes the notification on."""
    passes(
        HEAR
        + """
condition, semaphore, woken = threading.Condition(), threading.Semaphore(0), []
def wait():
    with condition:
        condition.wait()
        woken.append(1)
for number in range(20):
    condition.acquire()
    def notify():
        eventually(lambda: repr(condition).endswith(", 1)>"))  # this does not materialize the condition
        other.start()
        eventually(lambda: repr(condition).endswith(", 2)>"))
        with condition:
            condition.notify()  # the main thread, which came first
            interrupt()
    other, notifier = std.Thread(target=wait), std.Thread(target=notify)
    notifier.start()
    try:
        condition.wait()
    except KeyboardInterrupt:
        pass
    condition.release()
    notifier.join()
    other.join(60)
    assert len(woken) == number + 1
"""
    )
