"""multiprocessing: a pool, a queue, a lock, an event, a barrier, a manager and shared values, by fork and by spawn."""

import multiprocessing


def square(number):
    return number * number


def child(q, lock, event, barrier, value):
    with lock:
        value.value += 1
    barrier.wait(60)
    q.put(event.wait(60))


def main():
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        q, lock, event, barrier = context.Queue(), context.Lock(), context.Event(), context.Barrier(3)
        value = context.Value("i", 0)
        children = [context.Process(target=child, args=(q, lock, event, barrier, value)) for _ in range(2)]
        for process in children:
            process.start()
        barrier.wait(60)
        event.set()
        print(method, sorted(q.get(timeout=60) for _ in children), value.value)
        for process in children:
            process.join(60)
        print([process.exitcode for process in children])
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(square, range(5)), pool.apply_async(square, (7,)).get(60))


if __name__ == "__main__":
    main()
