"""A barrier with an action and phases, and one that is broken, reset and aborted."""

import threading

order, lock = [], threading.Lock()
barrier = threading.Barrier(3, action=lambda: order.append("--"), timeout=60)


def phases(name):
    for phase in range(3):
        with lock:
            order.append(phase)
        barrier.wait()


threads = [threading.Thread(target=phases, args=(name,)) for name in "abc"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(order, barrier.parties, barrier.n_waiting, barrier.broken)
alone = threading.Barrier(2)
try:
    alone.wait(0.001)
except threading.BrokenBarrierError as error:
    print("broken", alone.broken, error.args)
alone.reset()
print(alone.broken, alone._state, alone._count)
failing = threading.Barrier(1, action=lambda: 1 / 0)
try:
    failing.wait()
except ZeroDivisionError as error:
    print(error, failing.broken)
print(threading.Barrier(1).wait(), repr(threading.Barrier(4)).split(":")[1].strip()[:40].split(" at ")[0])
