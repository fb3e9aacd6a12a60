"""A pool or a result is materialized in the middle of other threads' calls: nothing is lost."""

from __future__ import annotations

import pytest
from interlock import threading
from interlock.multiprocessing.pool import ThreadPool

from tests.stress.crew import LIMIT, Crew, chance, restless

ROUNDS = 40
CALLS = 30


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("look", ["pool", "result", "iterator", "all"])
def test_materializing_a_pool_under_load_loses_nothing(look: str, workers: int) -> None:
    for number in range(ROUNDS):
        dice = chance(look, workers, number)
        pool = ThreadPool(workers)
        ran: list[int] = []
        called: list[int] = []
        got: list[int] = []

        def call(x: int, ran: list[int] = ran) -> int:
            ran.append(x)
            return x

        def apply(base: int, pool=pool, called=called, got=got, call=call) -> None:
            results = [pool.apply_async(call, (base + x,), callback=called.append) for x in range(CALLS)]
            if look in ("result", "all"):
                vars(results[CALLS // 2])
            got.extend(result.get(LIMIT) for result in results)

        def mapped(base: int, pool=pool, called=called, got=got, call=call) -> None:
            result = pool.map_async(call, range(base, base + CALLS), 4, callback=called.extend)
            if look in ("result", "all"):
                vars(result)
            got.extend(result.get(LIMIT))

        def imap(base: int, pool=pool, called=called, got=got, call=call) -> None:
            for method in (pool.imap, pool.imap_unordered):
                results = method(call, iter(range(base, base + CALLS)))
                for place, one in enumerate(results):
                    got.append(one)
                    called.append(one)
                    if place == CALLS // 3 and look in ("iterator", "all"):
                        vars(results)
                base += CALLS

        order = [(apply, 0), (apply, CALLS), (mapped, 2 * CALLS), (mapped, 3 * CALLS), (imap, 4 * CALLS)]
        looks = [lambda pool=pool: vars(pool)] * 2 if look in ("pool", "all") else []
        crew = Crew(threading.Thread)
        calls = [lambda call=call, base=base: call(base) for call, base in order] + looks
        dice.shuffle(calls)
        for one in calls:
            crew.add(one)
        with restless():
            crew.run()
        expected = list(range(6 * CALLS))
        pool.close()
        pool.join()
        assert sorted(ran) == expected
        assert sorted(got) == expected
        assert sorted(called) == expected
        assert not any(thread.is_alive() for thread in pool._pool)
