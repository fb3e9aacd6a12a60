"""A command starts other processes, one of them a daemon in its own session: with `kill_tree`, all of them end."""

import os
import sys
import time

from interlock import subprocess

CODE = """
import os, subprocess, sys
child = subprocess.Popen(["sleep", "600"])
daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(os.getpid(), child.pid, daemon.pid, flush=True)
child.wait()
"""


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def main() -> None:
    command = [sys.executable, "-c", CODE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, kill_tree=True) as process:
        assert process.stdout
        pids = [int(pid) for pid in process.stdout.readline().split()]
        print("alive:", [is_alive(pid) for pid in pids])
        process.kill()
        print("alive after kill():", [is_alive(pid) for pid in pids])
    print("return code:", process.returncode)

    # The program that starts the command is killed, so it can't end the command itself.
    program = f"""if True:
        from interlock import subprocess
        command = [{sys.executable!r}, "-c", {CODE!r}]
        subprocess.Popen(command, kill_tree=True).wait()
    """
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout
        pids = [int(pid) for pid in killed.stdout.readline().split()]
        print("alive:", [is_alive(pid) for pid in pids])
        os.kill(killed.pid, 9)
        while any(is_alive(pid) for pid in pids):
            time.sleep(0.01)
        print("alive after their program's death:", [is_alive(pid) for pid in pids])


if __name__ == "__main__":
    main()
