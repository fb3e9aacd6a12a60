"""Producers and consumers in processes: one sentinel for each consumer, joinable queue, results, an error, a death."""

import multiprocessing
import os
import queue
import sys

SENTINEL = "stop"


def produce(tasks, first, count):
    for number in range(first, first + count):
        tasks.put((number, {"payload": bytes([number % 256]) * number}))


def consume(tasks, results, seen):
    handled = 0
    while True:
        item = tasks.get()
        try:
            if item == SENTINEL:
                results.put(("end", handled))
                return
            number, body = item
            if number == 13:
                raise ValueError(number)
            results.put(("ok", number, len(body["payload"])))
        except ValueError as error:
            results.put(("error", type(error).__name__, error.args))
        finally:
            handled += 1
            with seen.get_lock():
                seen.value += 1
            tasks.task_done()


def killed(ready, forever):
    ready.set()
    forever.wait()


def leaves_by_exit(status):
    sys.exit(status)


def run(context):
    tasks, results, seen = context.JoinableQueue(8), context.Queue(), context.Value("i", 0)
    producers = [
        context.Process(target=produce, args=(tasks, n * 20, 20), name=f"producer-{n}") for n in range(2)
    ]
    consumers = [context.Process(target=consume, args=(tasks, results, seen), daemon=True) for _ in range(3)]
    for process in producers + consumers:
        process.start()
    for process in producers:
        process.join(60)
    for _ in consumers:
        tasks.put(SENTINEL)
    tasks.join()
    found = [results.get(timeout=60) for _ in range(40 + len(consumers))]
    for process in consumers:
        process.join(60)
    print(sorted(item for item in found if item[0] == "ok")[:3], sum(item[0] == "ok" for item in found))
    print([item for item in found if item[0] == "error"], sum(item[1] for item in found if item[0] == "end"))
    print(seen.value, [process.exitcode for process in producers + consumers], results.empty())
    try:
        results.get(timeout=0.01)
    except queue.Empty:
        print("nothing left")


def endings(context):
    ready, forever = context.Event(), context.Event()
    victim = context.Process(target=killed, args=(ready, forever))
    victim.start()
    print(ready.wait(60), victim.is_alive(), victim.exitcode)
    victim.kill()
    victim.join(60)
    print(victim.is_alive(), victim.exitcode)
    for status in (0, 3, None, "words on standard error"):
        process = context.Process(target=leaves_by_exit, args=(status,))
        process.start()
        process.join(60)
        print(repr(status), process.exitcode)
        process.close()
    print(context.active_children(), os.getpid() == context.current_process().pid)


def main():
    for method in ("fork", "spawn", "forkserver"):
        print("==", method)
        run(multiprocessing.get_context(method))
        endings(multiprocessing.get_context(method))


if __name__ == "__main__":
    main()
