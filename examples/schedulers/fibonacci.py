"""Two Fibonacci generators, driven round robin: as an iterator of what they yield, and as tasks that print."""

from interlock.scheduler import Scheduler, round_robin


def fibonacci(limit):
    a, b = 0, 1
    while a < limit:
        yield a
        a, b = b, a + b


def shown(name, limit):
    for number in fibonacci(limit):
        print(f"{name}: {number}")
        yield  # now it is the other generator's turn


def main():
    print(*round_robin([fibonacci(10), fibonacci(30)]))

    scheduler = Scheduler()
    scheduler.spawn(shown("small", 5))
    scheduler.spawn(shown("large", 10))
    scheduler.run()


if __name__ == "__main__":
    main()
