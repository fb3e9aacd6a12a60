"""map() returns a generator: the program can close it, it submits at once, and its results come in order."""

import threading
import types
from concurrent.futures import ThreadPoolExecutor

gate, submitted = threading.Event(), []


def arguments():
    for number in range(6):
        submitted.append(number)
        yield number


def work(number):
    gate.wait(60)
    return -number


with ThreadPoolExecutor(1) as pool:
    results = pool.map(work, arguments())
    print(len(submitted), isinstance(results, types.GeneratorType))
    gate.set()
    print(next(results), next(results))
    results.close()
    print(list(results))
    print(list(pool.map(pow, [2, 3, 4], [3, 2])), list(pool.map(abs, [])))
    print(list(pool.map(str, range(5), chunksize=2)))
    try:
        pool.map(None, 5)
    except TypeError as error:
        print(error)
