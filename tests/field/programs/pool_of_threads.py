"""multiprocessing.pool.ThreadPool and multiprocessing.dummy: every way to map, errors, callbacks, close and join."""

import threading
from multiprocessing.dummy import Pool
from multiprocessing.pool import ThreadPool


def reciprocal(number):
    return 1 / number


heard, told = [], threading.Event()
with ThreadPool(3) as pool:
    print(pool.map(reciprocal, [1, 2, 4]), pool.starmap(pow, [(2, 3), (3, 2)]), pool.apply(max, (1, 5)))
    print(list(pool.imap(reciprocal, [1, 2])), sorted(pool.imap_unordered(reciprocal, [1, 2], chunksize=2)))
    try:
        pool.map(reciprocal, [1, 0])
    except ZeroDivisionError as error:
        print(error)
    pool.map_async(reciprocal, [1], callback=lambda value: (heard.append(value), told.set()))
    print(told.wait(60), heard)
    result = pool.apply_async(reciprocal, (0,), error_callback=lambda error: heard.append(str(error)))
    result.wait(60)
    print(result.ready(), result.successful(), len(pool._pool))
pool = Pool(2)
print(pool.map(len, ["a", "bb"]), type(pool).__name__)
pool.close()
pool.join()
try:
    pool.apply(len, ("x",))
except ValueError as error:
    print(error)
