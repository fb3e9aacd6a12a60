"""Every small thing that a lock does: repr, context, wrong release, timeouts, obsolete names, reentrance."""

import threading


def show(call):
    try:
        print("returned", call())
    except Exception as error:
        print(type(error).__name__, error)


lock, rlock = threading.Lock(), threading.RLock()
print(repr(lock).split(" at ")[0], repr(rlock).split(" at ")[0])
show(lock.release)
show(rlock.release)
show(lambda: lock.acquire(timeout=-2))
show(lambda: lock.acquire(False, 1))
show(lambda: rlock.acquire(blocking=False, timeout=3))
with lock:
    print(lock.locked(), lock.acquire(False), lock.acquire(timeout=0.001), repr(lock).split(" ")[0])
with rlock, rlock:
    print(rlock._is_owned(), repr(rlock).split(" ")[-3])
taken = []
with rlock:
    thread = threading.Thread(target=lambda: taken.append(rlock.acquire(timeout=0.001)))
    thread.start()
    thread.join()
print(taken, rlock._is_owned(), lock == threading.Lock(), bool(lock), hash(lock) == hash(lock))
show(lambda: setattr(lock, "x", 1))
show(lambda: setattr(rlock, "x", 1))
