"""A worker is killed inside `Queue.get` while two others wait there, too."""

import multiprocessing as mp
import sys

import watching


def work(jobs, results):
    results.put("ready")
    for job in iter(jobs.get, None):
        results.put(job)


def main():
    jobs, results = mp.Queue(), mp.Queue()
    workers = [mp.Process(target=work, args=(jobs, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    print([results.get() for _ in workers])
    watching.until_asleep(*workers)
    watching.kill(workers[0])
    for number in range(100):
        jobs.put(number)
    print("all done:", sorted(results.get() for _ in range(100)) == list(range(100)))
    for _ in workers[1:]:
        jobs.put(None)
    for worker in workers[1:]:
        worker.join()
    print([worker.exitcode for worker in workers])


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
