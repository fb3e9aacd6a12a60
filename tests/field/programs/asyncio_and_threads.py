"""asyncio with threads: to_thread, run_in_executor, call_soon_threadsafe, run_coroutine_threadsafe, default executor."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor


async def main():
    loop = asyncio.get_running_loop()
    print(await asyncio.gather(*(asyncio.to_thread(pow, n, 2) for n in range(5))))
    with ThreadPoolExecutor(2, "mine") as pool:
        name = await loop.run_in_executor(pool, lambda: threading.current_thread().name)
        print(name, await loop.run_in_executor(None, sum, [1, 2, 3]))
    arrived, results = asyncio.Event(), []

    def from_outside():
        future = asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "slept"), loop)  # sleep: it gives a value
        results.append(future.result(60))
        loop.call_soon_threadsafe(arrived.set)

    thread = threading.Thread(target=from_outside)
    thread.start()
    await asyncio.wait_for(arrived.wait(), 10)
    thread.join()
    print(results)
    try:
        await asyncio.to_thread(int, "x")
    except ValueError as error:
        print(error)
    print(await loop.run_in_executor(None, threading.Event().wait, 0.01))


asyncio.run(main())
