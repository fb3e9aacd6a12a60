"""`as_completed()` yields futures as they complete; `wait()` returns which futures are done at a given moment.

Each call waits for an event of its own, and the program sets the events in a different order from
that of the submissions.
"""

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from threading import Event

NAMES = ("north", "east", "south", "west")


def main() -> None:
    gates = {name: Event() for name in NAMES}

    def travel(name: str) -> str:
        gates[name].wait()
        return f"back from the {name}"

    with ThreadPoolExecutor(max_workers=len(NAMES)) as executor:
        futures = {executor.submit(travel, name): name for name in NAMES}
        gates["south"].set()
        done, not_done = wait(futures, return_when=FIRST_COMPLETED)
        print("first:", [futures[future] for future in done], "and", len(not_done), "not done yet")

        order = ["south", "west", "north", "east"]
        for number, future in enumerate(as_completed(futures), 1):
            print(f"{number}. {future.result()}")
            if number < len(order):
                gates[order[number]].set()

    try:
        with ThreadPoolExecutor(max_workers=1) as executor:
            never = Event()
            late = executor.submit(never.wait)
            try:
                list(as_completed([late], timeout=0.01))
            finally:
                never.set()
    except TimeoutError as error:
        print("a time limit:", error)


if __name__ == "__main__":
    main()
