"""asyncio with threads and processes: executors, to_thread, a loop in a thread, calls into it, commands, context."""

import asyncio
import contextvars
import functools
import multiprocessing
import queue
import signal
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, TimeoutError as FutureTimeoutError

request = contextvars.ContextVar("request", default="none")
started = []


def begin(name):
    started.append(name)


def factorial(n):
    result = 1
    for factor in range(2, n + 1):
        result *= factor
    return result


def fails(n):
    raise ValueError(n)


async def executors(loop):
    context = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(2, initializer=begin, initargs=("thread",)) as threads:
        with ProcessPoolExecutor(2, mp_context=context) as processes:
            calls = [
                loop.run_in_executor(pool, factorial, n) for n in range(5, 8) for pool in (threads, processes)
            ]
            print(await asyncio.gather(*calls))
            for pool in (threads, processes):
                try:
                    await loop.run_in_executor(pool, fails, 7)
                except ValueError as error:
                    print(type(error.__cause__).__name__, error)
    print(sorted(set(started)))


async def context_and_cancel(loop):
    request.set("main")
    print(await asyncio.to_thread(request.get), await loop.run_in_executor(None, request.get))
    release, begun = threading.Event(), threading.Event()

    def waits():
        begun.set()
        return release.wait(30)

    call = asyncio.ensure_future(asyncio.to_thread(waits))
    await asyncio.to_thread(begun.wait, 30)
    try:
        await asyncio.wait_for(asyncio.shield(call), 0.02)
    except asyncio.TimeoutError:
        print("late", call.done())
    release.set()
    print(await call)


async def threads_talk_to_loop(loop):
    inbox, outbox = asyncio.Queue(), queue.Queue()

    def worker():
        for item in iter(functools.partial(outbox.get, timeout=30), None):
            loop.call_soon_threadsafe(inbox.put_nowait, item * 2)
            nap = asyncio.sleep(0, item + 1)  # sleep: gives the number back
            answer = asyncio.run_coroutine_threadsafe(nap, loop)
            loop.call_soon_threadsafe(inbox.put_nowait, answer.result(30))

    thread = threading.Thread(target=worker)
    thread.start()
    for item in (1, 2, 3, None):
        outbox.put(item)
    print([await asyncio.wait_for(inbox.get(), 30) for _ in range(6)])
    await asyncio.to_thread(thread.join, 30)


async def commands():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "print(sum(map(int, input().split())))",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    print(await asyncio.wait_for(process.communicate(b"1 2 3\n"), 60), process.returncode)
    process = await asyncio.create_subprocess_shell("kill -TERM $$")
    print(await process.wait())
    many = [asyncio.create_subprocess_exec("sh", "-c", f"exit {n}") for n in range(5)]
    print([await process.wait() for process in await asyncio.gather(*many)])


def loop_in_thread():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="loop")
    thread.start()
    slow = asyncio.run_coroutine_threadsafe(asyncio.sleep(60), loop)  # sleep: a task without an end
    try:
        slow.result(0.02)
    except FutureTimeoutError:
        print("not yet", slow.cancel(), slow.cancelled())
    print(asyncio.run_coroutine_threadsafe(asyncio.to_thread(factorial, 10), loop).result(30))
    asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    loop.close()


async def signals(loop):
    got = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, got.set)
    await loop.run_in_executor(None, signal.raise_signal, signal.SIGUSR1)
    await asyncio.wait_for(got.wait(), 30)
    print("signal", loop.remove_signal_handler(signal.SIGUSR1))


async def main():
    loop = asyncio.get_running_loop()
    await executors(loop)
    await context_and_cancel(loop)
    await threads_talk_to_loop(loop)
    await commands()
    await signals(loop)


if __name__ == "__main__":
    asyncio.run(main())
    loop_in_thread()
    print(threading.active_count())
