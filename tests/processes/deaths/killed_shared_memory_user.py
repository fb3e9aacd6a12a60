"""Users of a named block are killed and end: the block stays until it is unlinked, and then nothing is left."""

import multiprocessing as mp
import os
import subprocess
import sys
import threading
from multiprocessing import shared_memory

import watching

ELSEWHERE = """
import sys
from multiprocessing import shared_memory
block = shared_memory.SharedMemory(sys.argv[1], track=False)
block.buf[1] = 2
block.close()
"""


def use(name, ready):
    block = shared_memory.SharedMemory(name)
    block.buf[0] = 1
    ready.put("used")
    threading.Event().wait()


def main():
    block, ready = shared_memory.SharedMemory(create=True, size=5_000), mp.SimpleQueue()
    user = mp.Process(target=use, args=(block.name, ready), daemon=True)
    user.start()
    print(ready.get())
    watching.kill(user)
    done = subprocess.run(
        [sys.executable, "-m", "interlock", "run", "-c", ELSEWHERE, block.name],
        capture_output=True,
        text=True,
    )
    print("elsewhere:", done.returncode, done.stdout + done.stderr)
    print(block.buf[0], block.buf[1], os.path.exists(f"/dev/shm/{block.name}"))
    block.close()
    block.unlink()
    print(os.path.exists(f"/dev/shm/{block.name}"))


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    main()
