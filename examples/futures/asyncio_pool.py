"""asyncio together with a pool: threads make blocking calls, and tasks await them.

`loop.run_in_executor()` uses your own pool, `asyncio.to_thread()` the loop's. `asyncio.wrap_future()` makes
a pool's future awaitable.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, current_thread

PARTIES = 3


def meet(barrier: Barrier, name: str) -> str:
    """Return when all threads have arrived, so they must run at the same time."""
    barrier.wait(timeout=30)
    return f"{name} in {current_thread().name.rpartition('_')[0]}"


async def count_until(done: "asyncio.Future[list[str]]") -> bool:
    """Show that the loop keeps running while the threads are blocked."""
    turns = 0
    while not done.done():
        turns += 1
        await asyncio.sleep(0.001)
    return turns > 0


async def tell() -> None:
    with ThreadPoolExecutor(max_workers=PARTIES, thread_name_prefix="own") as pool:
        loop = asyncio.get_running_loop()
        barrier = Barrier(PARTIES)
        calls = [loop.run_in_executor(pool, meet, barrier, f"guest {n}") for n in range(PARTIES)]
        meeting = asyncio.gather(*calls)
        print("the loop kept running meanwhile:", await count_until(meeting))
        print(sorted(await meeting))

        print("to_thread:", await asyncio.to_thread(pow, 3, 4))

        future = pool.submit("from a thread".upper)
        text = await asyncio.wrap_future(future)
        print("wrap_future:", text)

        gate = Event()
        blocked = [asyncio.wrap_future(pool.submit(gate.wait)) for _ in range(PARTIES)]
        waiting = pool.submit(print, "never printed")
        task = asyncio.ensure_future(asyncio.wrap_future(waiting))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        print("a cancelled task cancels the call that waits:", waiting.cancelled())
        gate.set()
        print("and not the others:", await asyncio.gather(*blocked))


def main() -> None:
    asyncio.run(tell())


if __name__ == "__main__":
    main()
