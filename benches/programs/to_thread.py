"""asyncio: 10,000 calls of to_thread(), first a hundred at a time, then all at once."""

import asyncio
import json
import time

CALLS = 10_000
AT_A_TIME = 100


def work(number: int) -> int:
    return number * number


async def calls() -> list[int]:
    totals = []
    total = 0
    for first in range(0, CALLS, AT_A_TIME):
        numbers = range(first, first + AT_A_TIME)
        total += sum(await asyncio.gather(*(asyncio.to_thread(work, number) for number in numbers)))
    totals.append(total)
    totals.append(sum(await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(CALLS)))))
    return totals


def main() -> None:
    start = time.perf_counter()
    result = asyncio.run(calls())
    print(json.dumps({"seconds": time.perf_counter() - start, "result": result}))


if __name__ == "__main__":
    main()
