"""A call that takes too long is ended with its worker; `result(timeout=…)` only stops waiting."""

import time
from concurrent.futures import CancelledError, TimeoutError

import interlock
from interlock.concurrent.futures import ProcessPoolExecutor


def compute_for_ever():
    while True:
        time.sleep(0.01)


def main():
    with ProcessPoolExecutor(max_workers=1) as executor:
        endless = executor.submit(compute_for_ever)
        try:
            endless.result(timeout=0.1)
        except TimeoutError:
            print("no result yet, and the call still runs")
        while not executor.stop(endless):
            time.sleep(0.01)
        try:
            endless.result()
        except CancelledError:
            print("the call was stopped")
        limited = executor.at(timeout=0.1).submit(compute_for_ever)
        next_one = executor.submit(pow, 2, 10)
        try:
            limited.result()
        except interlock.TaskTimeoutError as error:
            print(error)
        print("the next call:", next_one.result())


if __name__ == "__main__":
    main()
