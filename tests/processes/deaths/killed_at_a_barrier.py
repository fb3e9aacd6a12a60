"""One of three parties is killed at a barrier: the wait of the other one is broken, and says by which process."""

import multiprocessing as mp
import sys
import threading

import watching


def wait(barrier, journal, dead):
    journal.put("comes")
    try:
        barrier.wait()
        journal.put("through")
    except threading.BrokenBarrierError as error:
        journal.put(("broken, with the pid:", str(dead.value) in str(error)))


def main():
    barrier, journal, dead = mp.Barrier(3), mp.SimpleQueue(), mp.Value("i", 0)
    parties = [mp.Process(target=wait, args=(barrier, journal, dead)) for _ in range(2)]
    for party in parties:
        party.start()
    print(journal.get(), journal.get())
    watching.until_asleep(*parties)
    dead.value = parties[0].pid
    watching.kill(parties[0])
    print(*journal.get())
    parties[1].join()
    print("broken:", barrier.broken)
    barrier.reset()
    parties = [mp.Process(target=wait, args=(barrier, journal, dead)) for _ in range(3)]
    for party in parties:
        party.start()
    print(sorted(journal.get() for _ in range(6)))
    for party in parties:
        party.join()


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
