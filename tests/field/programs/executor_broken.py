"""A worker that is killed breaks the executor; the program makes a new one."""

import os, signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool


def kill(n):
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


if __name__ == "__main__":
    ex = ProcessPoolExecutor(1)
    fs = [ex.submit(kill, i) for i in range(6)]
    out = []
    for f in fs:
        try:
            out.append(f.result())
        except BrokenProcessPool as e:
            out.append("broken")
    print(out[:3], out[3:])
    try:
        ex.submit(kill, 1)
    except BrokenProcessPool as e:
        print("still broken")
    ex.shutdown()
    with ProcessPoolExecutor(1) as ex:
        print(ex.submit(kill, 1).result())
