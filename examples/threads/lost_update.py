"""Lost update: 10000 + 2000 - 1000 is 9000 without a lock, 11000 with one.

The withdrawal reads the balance and is delayed before it writes. Without a
lock, the whole deposit happens in that gap and is then overwritten. With a
lock, the deposit begins in the same gap, but has to wait for the withdrawal.
Events force the bad moment each time; in real programs it is only rare.
"""

from threading import Event, Lock, Thread

START, PAID_IN, TAKEN_OUT = 10_000, 2_000, 1_000


class Account:
    def __init__(self) -> None:
        self.balance = START
        self.lock = Lock()
        self.has_read = Event()
        self.may_write = Event()
        self.found_locked = False

    def withdraw(self) -> None:
        seen = self.balance
        self.has_read.set()
        self.may_write.wait()
        self.balance = seen - TAKEN_OUT

    def deposit(self) -> None:
        self.has_read.wait()
        seen = self.balance
        self.balance = seen + PAID_IN
        self.may_write.set()

    def withdraw_locked(self) -> None:
        with self.lock:
            self.withdraw()

    def deposit_locked(self) -> None:
        self.has_read.wait()
        self.found_locked = not self.lock.acquire(blocking=False)
        self.may_write.set()
        if self.found_locked:
            self.lock.acquire()
        try:
            self.deposit()
        finally:
            self.lock.release()


def run(*threads: Thread) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    bare = Account()
    run(Thread(target=bare.withdraw), Thread(target=bare.deposit))
    print(f"without a lock: {bare.balance} (the deposit of {PAID_IN} is lost)")

    safe = Account()
    run(Thread(target=safe.withdraw_locked), Thread(target=safe.deposit_locked))
    print("the deposit found the account locked:", safe.found_locked)
    print(f"with a lock: {safe.balance}")


if __name__ == "__main__":
    main()
