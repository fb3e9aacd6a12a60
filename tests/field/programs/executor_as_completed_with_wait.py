"""as_completed() and wait() with all their options, duplicates, and futures of two pools."""

import threading
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    ThreadPoolExecutor,
    TimeoutError,
    as_completed,
    wait,
)

gate = threading.Event()
with ThreadPoolExecutor(2) as one, ThreadPoolExecutor(2) as other:
    quick = [one.submit(int, "1"), other.submit(int, "2")]
    slow = one.submit(gate.wait, 10)
    done, rest = wait([*quick, *quick], return_when=ALL_COMPLETED)
    print(len(done), len(rest), type(done).__name__)
    done, rest = wait([slow, *quick], timeout=0)
    print(len(done), rest == {slow}, done.not_done if hasattr(done, "not_done") else "a set")
    print(wait([slow, *quick], return_when=FIRST_COMPLETED).not_done == {slow})
    broken = other.submit(int, "x")
    done, rest = wait([slow, broken], return_when=FIRST_EXCEPTION)
    print(done == {broken}, rest == {slow})
    print(sorted(f.result() for f in as_completed([*quick, *quick])))
    results = []
    try:
        for future in as_completed([slow, *quick], timeout=0.05):
            results.append(future.result())
    except TimeoutError as error:
        print(error, sorted(results))
    gate.set()
try:
    wait(quick, return_when="SOME")
except ValueError as error:
    print(error)
