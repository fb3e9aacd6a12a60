"""A client of a manager is killed between and in its requests: the manager goes on serving the others."""

import multiprocessing as mp
import sys

import watching


def count(numbers, own):
    while True:
        numbers[own] = numbers.get(own, 0) + 1


def count_to(numbers, own, end):
    for number in range(1, end + 1):
        numbers[own] = number


def main():
    with mp.Manager() as manager:
        numbers = manager.dict()
        for own in range(3):
            client = mp.Process(target=count, args=(numbers, own), daemon=True)
            client.start()
            while numbers.get(own, 0) < 20:
                pass
            watching.kill(client)
        other = mp.Process(target=count_to, args=(numbers, "other", 100))
        other.start()
        other.join()
        print(sorted(map(str, numbers.keys())), numbers["other"])


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
