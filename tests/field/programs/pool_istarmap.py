"""The istarmap patch that people use for progress bars over starmap."""

import multiprocessing.pool as mpp


def istarmap(self, func, iterable, chunksize=1):
    self._check_running()
    if chunksize < 1:
        raise ValueError(f"Chunksize must be 1+, not {chunksize:n}")
    task_batches = mpp.Pool._get_tasks(func, iterable, chunksize)
    result = mpp.IMapIterator(self)
    self._taskqueue.put(
        (self._guarded_task_generation(result._job, mpp.starmapstar, task_batches), result._set_length)
    )
    return (item for chunk in result for item in chunk)


mpp.Pool.istarmap = istarmap


def add(a, b):
    return a + b


if __name__ == "__main__":
    from multiprocessing import Pool

    with Pool(2) as pool:
        print(list(pool.istarmap(add, [(i, i) for i in range(10)])))
        print(list(pool.istarmap(add, [(i, 1) for i in range(10)], chunksize=3)))
        print(pool.starmap(add, [(1, 2)]), pool.apply(add, (3, 4)))
        try:
            print(list(pool.istarmap(add, [(1, 2), (1, "x")])))
        except TypeError as error:
            print("TypeError", error)
