"""Synchronization of processes, after the old examples of the documentation."""

import multiprocessing as mp, random, sys, time, queue


def value_func(running, mutex):
    with mutex:
        running.value -= 1


def sema_func(sema, mutex, running, seen):
    sema.acquire()
    with mutex:
        running.value += 1
        seen.value = max(seen.value, running.value)
    time.sleep(0.01)  # sleep: the semaphore is held meanwhile
    with mutex:
        running.value -= 1
    sema.release()


def cond_func(cond, out):
    with cond:
        cond.notify()
        out.put("child notifies")
        cond.wait()
        out.put("child woken")


def event_func(event, out):
    event.wait()
    out.put("event seen")


def consumer(q, out):
    while True:
        item = q.get()
        if item is None:
            q.task_done()
            break
        out.put(item * 10)
        q.task_done()


def conn_func(c, other):
    other.close()
    while True:
        try:
            x = c.recv()
        except EOFError:
            break
        c.send(x if not isinstance(x, str) else x.upper())
    c.close()


def barrier(b, out):
    i = b.wait()
    out.put(i)
    try:
        b.wait(0.05)
    except mp.context.ProcessError as e:
        out.put(repr(e))
    except Exception as e:
        out.put(type(e).__name__)


if __name__ == "__main__":
    out = mp.Queue()
    sema, mutex, running, seen = mp.Semaphore(3), mp.RLock(), mp.Value("i", 0), mp.Value("i", 0)
    ps = [mp.Process(target=sema_func, args=(sema, mutex, running, seen)) for _ in range(8)]
    [p.start() for p in ps]
    [p.join() for p in ps]
    print(running.value, seen.value <= 3, sema.get_value(), sema, mutex, mp.Lock(), mp.BoundedSemaphore(2))
    cond = mp.Condition()
    cond.acquire()
    p = mp.Process(target=cond_func, args=(cond, out))
    p.start()
    cond.wait()
    print(out.get())
    cond.notify()
    cond.release()
    p.join()
    print(out.get(), cond)
    e = mp.Event()
    ps = [mp.Process(target=event_func, args=(e, out)) for _ in range(3)]
    [p.start() for p in ps]
    print(e.wait(0.01), e.is_set())
    e.set()
    [p.join() for p in ps]
    print([out.get() for _ in range(3)], str(e)[:6], str(e)[-4:])
    jq = mp.JoinableQueue()
    ps = [mp.Process(target=consumer, args=(jq, out)) for _ in range(2)]
    [p.start() for p in ps]
    [jq.put(i) for i in range(10)]
    [jq.put(None) for _ in ps]
    jq.join()
    print(sorted(out.get() for _ in range(10)))
    [p.join() for p in ps]
    try:
        jq.task_done()
    except ValueError as err:
        print(err)
    a, b = mp.Pipe()
    p = mp.Process(target=conn_func, args=(b, a))
    p.start()
    b.close()
    a.send("up")
    print(a.recv())
    a.send([1, {2: 3}])
    print(a.recv(), a.poll(), a.poll(0.01), a.closed, a.readable, a.writable)
    a.close()
    p.join()
    print(p.exitcode)
    try:
        a.send(1)
    except OSError as err:
        print(err)
    r, w = mp.Pipe(duplex=False)
    try:
        r.send(1)
    except OSError as err:
        print(err)
    w.send_bytes(b"abcdef", 2, 3)
    print(r.recv_bytes())
    w.send_bytes(b"12345678")
    buf = bytearray(4)
    try:
        r.recv_bytes_into(buf)
    except mp.BufferTooShort as err:
        print(err.args)
    w.send_bytes(b"x" * 100)
    try:
        r.recv_bytes(10)
    except OSError as err:
        print(err)
    print(len(mp.connection.wait([mp.Pipe()[0]], 0.01)))
    bar = mp.Barrier(2)
    ps = [mp.Process(target=barrier, args=(bar, out)) for _ in range(2)]
    [p.start() for p in ps]
    [p.join() for p in ps]
    print(sorted(map(str, [out.get() for _ in range(2)])), bar.broken)
    q = mp.Queue(2)
    q.put(1)
    q.put(2)
    for f in (
        lambda: q.put(3, False),
        lambda: q.put(3, timeout=0.01),
        lambda: mp.Queue().get(False),
        lambda: mp.Queue().get(timeout=0.01),
    ):
        try:
            f()
        except (queue.Full, queue.Empty) as err:
            print(type(err).__name__, err.args)
    print(q.full(), q.empty(), q.qsize(), q.get(), q.get(), q.get_nowait if False else "")
    q.close()
    for f in (lambda: q.put(1), lambda: q.get()):
        try:
            f()
        except ValueError as err:
            print("closed" in str(err))
    q.join_thread()
    l = mp.Lock()
    try:
        l.release()
    except ValueError as err:
        print(err)
    s = mp.BoundedSemaphore(1)
    try:
        s.release()
    except ValueError as err:
        print(err)
    r = mp.RLock()
    try:
        r.release()
    except AssertionError as err:
        print(err)
    print(l.acquire(), l.acquire(False), l.acquire(True, 0.01), l.acquire(block=False))
    try:
        mp.Condition(mp.Lock()).wait(0.01)
    except AssertionError as err:
        print(err)
