"""Producer and consumer tasks on one queue with room for two items: each waits for the other, without a thread."""

from interlock.queue import Queue
from interlock.scheduler import Scheduler, get, join, put


def produce(queue, name, count):
    for number in range(count):
        yield put(queue, f"{name}{number}")
    return count


def consume(queue, taken):
    while (item := (yield get(queue))) is not None:
        taken.append(item)
    return len(taken)


def lead(scheduler, queue, taken):
    producers = [scheduler.spawn(produce(queue, name, 4), name=f"producer {name}") for name in "ab"]
    consumer = scheduler.spawn(consume(queue, taken), name="consumer")
    produced = 0
    for producer in producers:
        produced += yield join(producer)
    yield put(queue, None)
    print(f"{produced} produced, {(yield join(consumer))} consumed")


def main():
    scheduler, queue, taken = Scheduler(), Queue(maxsize=2), []
    scheduler.spawn(lead(scheduler, queue, taken))
    scheduler.run()
    print(*taken)


if __name__ == "__main__":
    main()
