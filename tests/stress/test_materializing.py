"""A queue is materialized in the middle of other threads' calls, which continue undisturbed."""

from __future__ import annotations

import pytest
from interlock import queue, threading

from tests.stress.crew import LIMIT, Crew, chance, restless

ROUNDS = 60


@pytest.mark.parametrize("look", ["mutex", "queue", "not_empty", "not_full", "all_tasks_done"])
def test_waiting_getters_putters_and_joiners_survive_materializing(look: str) -> None:
    for _ in range(ROUNDS):
        q, full = queue.Queue(), queue.Queue(1)
        full.put("first")
        got: list[object] = []
        crew = Crew(threading.Thread)
        crew.add(lambda q=q, got=got: got.append(q.get()))
        crew.add(lambda q=q, got=got: got.extend(q.get_many(1, timeout=LIMIT)))
        crew.add(lambda full=full: full.put("second", timeout=LIMIT))
        crew.add(lambda full=full: full.join())
        for thing in (q, full):
            crew.add(getattr, thing, look)
        crew.add(q.put_many, [1])
        crew.add(q.put, 2)
        for _ in range(2):
            crew.add(lambda full=full: [full.get(), full.task_done()])
        with restless():
            crew.run()
        assert sorted(got) == [1, 2]  # type: ignore[type-var]
        assert (q.qsize(), q.unfinished_tasks) == (0, 2)
        assert (full.qsize(), full.unfinished_tasks) == (0, 0)


def test_many_threads_that_materialize_at_once_see_one_queue() -> None:
    for _ in range(ROUNDS):
        q = queue.Queue()
        q.put_many(range(50))
        seen: list[tuple[int, ...]] = []
        crew = Crew(threading.Thread)
        for _ in range(6):
            crew.add(lambda q=q, seen=seen: seen.append((id(q.mutex), id(q.queue), id(q.not_empty))))
        crew.add(q.put, 50)
        crew.add(q.get)
        with restless():
            crew.run()
        assert len(set(seen)) == 1
        assert list(q.queue) == list(range(1, 51))
        assert q.unfinished_tasks == 51


def test_the_counts_survive_materializing_in_the_middle_of_tasks() -> None:
    for number in range(ROUNDS):
        q, dice = queue.Queue(3), chance("counts", number)
        crew = Crew(threading.Thread)
        order = [
            lambda q=q: [q.put(1) for _ in range(30)],
            lambda q=q: [(q.get(), q.task_done()) for _ in range(30)],
            lambda q=q: [(q.get(), q.task_done()) for _ in range(30)],
            lambda q=q: q.put_many(range(30)),
            lambda q=q: q.mutex,
        ]
        dice.shuffle(order)
        for call in order:
            crew.add(call)
        with restless():
            crew.run()
        assert (q.qsize(), q.unfinished_tasks, q.maxsize) == (0, 0, 3)
        q.join()


@pytest.mark.parametrize("immediate", [False, True])
@pytest.mark.parametrize("looks", [False, True])
def test_a_shutdown_wakes_everybody_and_gives_out_each_item_at_most_once(
    immediate: bool, looks: bool
) -> None:
    for _ in range(ROUNDS):
        q: queue.Queue = queue.Queue(4)
        put: list[int] = []
        got: list[int] = []
        ends: list[str] = []

        def produce(base: int, q=q, put=put, ends=ends) -> None:
            try:
                for number in range(base, base + 1000):
                    q.put(number)
                    put.append(number)
            except queue.ShutDown:
                ends.append("producer")

        def consume(q=q, got=got, ends=ends) -> None:
            try:
                while True:
                    got.append(q.get())
                    q.task_done()
            except queue.ShutDown:
                ends.append("consumer")

        crew = Crew(threading.Thread)
        for base in (0, 1000, 2000):
            crew.add(produce, base)
            crew.add(consume)
        if looks:
            crew.add(lambda q=q: q.mutex)
        crew.add(q.shutdown, immediate)
        crew.add(q.join)
        with restless():
            crew.run()
        assert ends.count("consumer") == 3
        assert len(got) == len(set(got))
        assert set(got) <= set(put)
        assert immediate or set(got) == set(put)
        assert (q.qsize(), q.unfinished_tasks) == (0, 0)
