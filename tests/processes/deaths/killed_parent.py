"""A process is killed: its daemonic children end, whatever they do; a child that is no daemon lives on."""

import multiprocessing as mp
import os
import sys
import threading
import time

import watching


def take(queue, event, pids):
    pids.put(("take", os.getpid()))
    queue.get()


def wait(queue, event, pids):
    pids.put(("wait", os.getpid()))
    event.wait()


def sleep(queue, event, pids):
    pids.put(("sleep", os.getpid()))
    time.sleep(1_000)  # sleep: to be ended in it is the subject


def compute(queue, event, pids):
    pids.put(("compute", os.getpid()))
    while True:
        pass


def live_on(queue, event, pids):
    pids.put(("live_on", os.getpid()))
    event.wait()
    pids.put("lives")


def start_all(event, pids):
    queue = mp.Queue()
    for task in (take, wait, sleep, compute):
        mp.Process(target=task, args=(queue, mp.Event(), pids), daemon=True).start()
    mp.Process(target=live_on, args=(queue, event, pids)).start()
    threading.Event().wait()


def main():
    event, pids = mp.Event(), mp.SimpleQueue()
    parent = mp.Process(target=start_all, args=(event, pids))
    parent.start()
    handles = {task: os.pidfd_open(pid) for task, pid in (pids.get() for _ in range(5))}
    other = handles.pop("live_on")
    daemons = list(handles.values())
    print("alive:", not any(watching.have_ended([fd], 0) for fd in [*daemons, other]))
    watching.kill(parent)
    print("the daemons have ended:", watching.have_ended(daemons, 15))
    print("so has the other one:", watching.have_ended([other], 0))
    event.set()
    print(pids.get())
    print("and has ended now:", watching.have_ended([other], 30))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
