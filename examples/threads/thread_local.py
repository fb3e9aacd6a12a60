"""Thread-local data: one name, a separate value in each thread.

All threads write `context.user`, meet at a barrier, and only then read it
back: if they shared the value, all but one would read another thread's. A
subclass of `local` runs its `__init__` again in each thread that uses it.
"""

import threading


class Context(threading.local):
    def __init__(self) -> None:
        self.visits = 0


def serve(user: str, context: Context, all_wrote: threading.Barrier, seen: dict[str, str]) -> None:
    context.user = user
    context.visits += 1
    all_wrote.wait()
    seen[user] = f"reads back {context.user!r}, visits {context.visits}"


def main() -> None:
    users = ("ada", "bob", "cleo")
    context = Context()
    context.visits = 100
    all_wrote = threading.Barrier(len(users))
    seen: dict[str, str] = {}

    threads = [threading.Thread(target=serve, args=(user, context, all_wrote, seen)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for user, line in sorted(seen.items()):
        print(f"{user}: {line}")
    print("main thread has a user:", hasattr(context, "user"))
    print("main thread's own visits:", context.visits)


if __name__ == "__main__":
    main()
