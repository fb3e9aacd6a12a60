"""Pipelines of commands: pipes between them, threads that read, time limits, environments, statuses, redirections."""

import io
import os
import queue
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

PYTHON = sys.executable


def pipeline(text, *commands):
    processes, last = [], subprocess.PIPE
    for command in commands:
        process = subprocess.Popen(command, stdin=last, stdout=subprocess.PIPE)
        if processes:
            processes[-1].stdout.close()
        processes.append(process)
        last = process.stdout
    feeder = threading.Thread(target=feed, args=(processes[0].stdin, text.encode()))
    feeder.start()
    out = processes[-1].communicate(timeout=60)[0].decode()
    feeder.join(60)
    return out, [process.wait(60) for process in processes]


def feed(stream, data):
    try:
        with stream:
            stream.write(data)
    except BrokenPipeError:
        pass


def read_both(command):
    """Lines of both streams through a queue, as programs do it that show them while the command runs."""
    lines = queue.Queue()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)

    def pump(name, stream):
        with stream:
            for line in stream:
                lines.put((name, line.rstrip()))
        lines.put((name, None))

    threads = [
        threading.Thread(target=pump, args=pair, daemon=True)
        for pair in (("out", process.stdout), ("err", process.stderr))
    ]
    for thread in threads:
        thread.start()
    found, open_ = {"out": [], "err": []}, 2
    while open_:
        name, line = lines.get(timeout=60)
        if line is None:
            open_ -= 1
        else:
            found[name].append(line)
    return found, process.wait(60)


def main():
    print(pipeline("b\na\nb\nc\n", ["sort"], ["uniq", "-c"], ["sed", "s/^ *//"]))
    print(pipeline("x\n" * 200_000, ["cat"], ["head", "-n", "1"])[0])
    print(
        read_both(
            [PYTHON, "-c", "import sys\nfor n in range(3): print(n); print(-n, file=sys.stderr)\nsys.exit(4)"]
        )
    )

    for limit, command in (
        (0.3, "import time; print('begun', flush=True); time.sleep(60)"),
        (60, "print('quick')"),
    ):
        try:
            print(
                subprocess.run(
                    [PYTHON, "-c", command], timeout=limit, capture_output=True, text=True, check=True
                )
            )
        except subprocess.TimeoutExpired as error:
            print(type(error).__name__, error.timeout, error.cmd[0] == PYTHON, error.stderr)
    for status in ("sys.exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "1/0"):
        try:
            subprocess.check_output(
                [PYTHON, "-c", f"import os, signal, sys; {status}"], stderr=subprocess.STDOUT
            )
        except subprocess.CalledProcessError as error:
            print(str(error).rpartition("]' ")[2], error.returncode, error.output.splitlines()[-1:])

    with tempfile.TemporaryFile("w+") as file:
        subprocess.check_call("echo one; echo two >&2", shell=True, stdout=file, stderr=subprocess.STDOUT)
        file.seek(0)
        print(file.read().split())
    environment = {**os.environ, "ANSWER": "42"}
    command = shlex.join([PYTHON, "-c", "import os; print(os.environ['ANSWER'], os.getcwd())"])
    print(subprocess.getstatusoutput(f"ANSWER=43 {command} | cut -d' ' -f1"))
    print(subprocess.check_output(command, shell=True, env=environment, cwd="/", text=True).split())
    try:
        subprocess.Popen(["no such command"])
    except FileNotFoundError as error:
        print(error)
    try:
        subprocess.run([PYTHON], stdout=io.BytesIO(), check=False)
    except io.UnsupportedOperation as error:
        print(error)

    with ThreadPoolExecutor(4) as pool:
        outs = pool.map(
            lambda n: subprocess.run(["expr", str(n), "*", "2"], capture_output=True, check=False).stdout,
            range(8),
        )
        print([int(out) for out in outs])
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    os.killpg(process.pid, signal.SIGINT)
    print(process.wait(60), process.poll(), process)


if __name__ == "__main__":
    main()
