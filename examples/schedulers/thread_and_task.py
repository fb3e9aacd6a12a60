"""A thread and a task on one queue: the thread puts with `put()`, the task takes with `yield get(queue)`, and back."""

import threading

from interlock.queue import Queue
from interlock.scheduler import Scheduler, get, put, sleep


def thread(requests, answers):
    for number in range(5):
        requests.put(number)
        print(f"{number} squared is {answers.get()}")
    requests.put(None)


def square(requests, answers):
    while (number := (yield get(requests))) is not None:
        yield put(answers, number * number)


async def tick(ticks):
    for _ in range(3):
        await sleep(0.001)
        ticks.append("tick")


def main():
    requests, answers, ticks = Queue(), Queue(), []
    scheduler = Scheduler()
    scheduler.spawn(square(requests, answers))
    scheduler.spawn(tick(ticks))
    other = threading.Thread(target=thread, args=(requests, answers))
    other.start()
    scheduler.run()
    other.join()
    print(*ticks)


if __name__ == "__main__":
    main()
