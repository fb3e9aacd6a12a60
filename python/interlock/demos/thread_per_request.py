"""A server that starts a thread for each request; handlers share a cache and a counter under locks.

Usage: thread_per_request.py [SCALE]. Prints one result line, and the seconds of work as JSON on stderr.
"""

import json
import sys
import threading
import time


class Server:
    """Answers up to `at_once` requests at the same time, each in a thread of its own."""

    def __init__(self, at_once: int) -> None:
        self.slots = threading.BoundedSemaphore(at_once)
        self.lock = threading.Lock()
        self.idle = threading.Condition(self.lock)
        self.cache: dict[int, int] = {}
        self.active = 0
        self.served = 0
        self.total = 0

    def accept(self, request: int) -> None:
        """Wait for a free slot, then start a thread for the request."""
        self.slots.acquire()
        with self.lock:
            self.active += 1
        threading.Thread(target=self.handle, args=(request,)).start()

    def handle(self, request: int) -> None:
        """Answer one request and count it."""
        try:
            answer = self.answer(request)
        finally:
            self.slots.release()
        with self.lock:
            self.served += 1
            self.total += answer
            self.active -= 1
            if not self.active:
                self.idle.notify_all()

    def answer(self, request: int) -> int:
        """Compute the answer, or find it in the cache."""
        key = request % 97
        with self.lock:
            if key not in self.cache:
                self.cache[key] = key * key
            return self.cache[key]

    def drain(self) -> None:
        """Wait until no request is being handled."""
        with self.idle:
            self.idle.wait_for(lambda: not self.active)


def main(scale: float) -> None:
    """Serve 2,500 requests times `scale`."""
    server = Server(at_once=8)
    for request in range(max(1, int(2_500 * scale))):
        server.accept(request)
    server.drain()
    print(f"{server.served} requests, total {server.total}")


if __name__ == "__main__":
    started = time.perf_counter()
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
    print(json.dumps({"work_seconds": time.perf_counter() - started}), file=sys.stderr)
