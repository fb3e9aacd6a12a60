"""Shared memory in the ways people use it."""

import multiprocessing as mp
from multiprocessing import shared_memory, sharedctypes
from multiprocessing.managers import SharedMemoryManager
import ctypes, array

try:
    import numpy as np
except ImportError:
    np = None


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_double)]


def change(n, x, s, A, pts):
    n.value **= 2
    x.value **= 2
    s.value = s.value.upper()
    for a in A:
        a.x **= 2
        a.y **= 2
    pts[0] = 99


def attach(name, size):
    shm = shared_memory.SharedMemory(name=name)
    shm.buf[:5] = b"child"
    shm.close()


def listed(name):
    sl = shared_memory.ShareableList(name=name)
    sl[0] = 42
    sl[2] = "changed"
    sl.shm.close()


if __name__ == "__main__":
    lock = mp.Lock()
    n = mp.Value("i", 7)
    x = mp.Value(ctypes.c_double, 1.0 / 3.0, lock=False)
    s = mp.Array("c", b"hello world", lock=lock)
    A = mp.Array(Point, [(1.875, -6.25), (-5.75, 2.0)], lock=lock)
    pts = mp.RawArray("i", 5)
    p = mp.Process(target=change, args=(n, x, s, A, pts))
    p.start()
    p.join()
    print(n.value, x.value, s.value, [(a.x, a.y) for a in A], list(pts), len(s), s[:3], s.raw)
    print(n, type(n).__name__, type(A).__name__, type(pts).__name__, A.get_lock() is lock, n.get_obj())
    with n.get_lock():
        n.value += 1
    print(n.value, sharedctypes.copy(x).value)
    if np is not None:
        arr = np.frombuffer(mp.Array("d", 10).get_obj())
        arr[:] = 3
        print(arr.sum())
    shm = shared_memory.SharedMemory(create=True, size=10)
    p = mp.Process(target=attach, args=(shm.name, 10))
    p.start()
    p.join()
    print(bytes(shm.buf[:5]), shm.size >= 10, len(shm.name) > 4)
    shm.close()
    shm.unlink()
    try:
        shared_memory.SharedMemory(name=shm.name)
    except FileNotFoundError as e:
        print(type(e).__name__)
    sl = shared_memory.ShareableList([1, 2.5, "textual", None, True, b"by"])
    p = mp.Process(target=listed, args=(sl.shm.name,))
    p.start()
    p.join()
    print(list(sl), sl.count(True), sl.index(2.5), len(sl), sl.format)
    sl.shm.close()
    sl.shm.unlink()
    with SharedMemoryManager() as smm:
        sl = smm.ShareableList(range(5))
        m = smm.SharedMemory(100)
        print(sum(sl), m.size >= 100)
