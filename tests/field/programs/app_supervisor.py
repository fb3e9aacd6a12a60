"""A supervisor driven by signals: children are started again when they die, reloaded by SIGHUP, stopped by SIGTERM."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import wait as wait_sentinels


def child(number, ready):
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    ready.send(number)
    while not stop.wait(0.05):
        pass
    sys.exit(10 + number)


class Supervisor:
    def __init__(self, context, count):
        self.context, self.count = context, count
        self.children, self.ready = {}, {}
        self.asked = []
        self.log = []

    def start(self, number):
        # A pipe for each child: a child that is killed may hold the lock of a queue that it shares with others.
        self.ready[number], ready = self.context.Pipe(duplex=False)
        process = self.context.Process(target=child, args=(number, ready), name=f"child-{number}")
        process.start()
        ready.close()
        self.children[number] = process

    def begin(self):
        for number in range(self.count):
            self.start(number)
        self.log.append(("ready", [self.is_ready(number) for number in range(self.count)]))

    def is_ready(self, number):
        return self.ready[number].poll(60) and self.ready[number].recv()

    def on_signal(self, number, _frame):
        self.asked.append(signal.Signals(number).name)

    def reap(self):
        """Wait for one child's end and start it again."""
        sentinels = {process.sentinel: number for number, process in self.children.items()}
        for sentinel in wait_sentinels(list(sentinels), timeout=60):
            number = sentinels[sentinel]
            self.children[number].join(60)
            self.log.append(("ended", number, self.children[number].exitcode))
            self.start(number)
            self.log.append(("ready", self.is_ready(number)))

    def reload(self):
        for number, process in sorted(self.children.items()):
            os.kill(process.pid, signal.SIGTERM)
            process.join(60)
            self.log.append(("reloaded", number, process.exitcode))
            self.start(number)
            self.is_ready(number)

    def stop(self):
        for process in self.children.values():
            process.terminate()
        for number, process in sorted(self.children.items()):
            process.join(60)
            self.log.append(("stopped", number, process.exitcode))


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)  # sleep: a supervisor's loop, which a signal may interrupt


def main():
    for method in ("fork", "spawn"):
        supervisor = Supervisor(multiprocessing.get_context(method), 3)
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
            signal.signal(number, supervisor.on_signal)
        supervisor.begin()
        supervisor.children[1].kill()
        supervisor.reap()
        os.kill(os.getpid(), signal.SIGHUP)
        wait_for(lambda it=supervisor: it.asked == ["SIGHUP"])
        supervisor.reload()
        # A signal from another process, while this one waits in subprocess.
        command = f"import os, signal; os.kill({os.getpid()}, signal.SIGUSR1); print('sent')"
        sent = subprocess.run(
            [sys.executable, "-c", command], capture_output=True, text=True, timeout=60, check=True
        )
        wait_for(lambda it=supervisor: it.asked[-1] == "SIGUSR1")
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        wait_for(lambda it=supervisor: it.asked[-1] == "SIGTERM")
        supervisor.stop()
        print(method, sent.stdout.strip(), supervisor.asked)
        for entry in supervisor.log:
            print("  ", entry)


if __name__ == "__main__":
    main()
