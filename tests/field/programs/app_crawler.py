"""A crawler: a thread pool, a set under a lock, a limit for each host, retries, results as they come."""

import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, CancelledError, ThreadPoolExecutor, wait

SITE = {
    f"http://host{host}/{page}": [f"http://host{(host + step) % 3}/{page * 2 + step}" for step in (1, 2)]
    for host in range(3)
    for page in range(15)
}
SITE["http://host0/0"].append("http://host1/missing")


class Missing(Exception):
    pass


class Crawler:
    def __init__(self, workers):
        self.seen, self.lock = set(), threading.Lock()
        self.limits = {host: threading.BoundedSemaphore(2) for host in ("host0", "host1", "host2")}
        self.at_once, self.most = Counter(), Counter()
        self.tries = Counter()
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="crawl")
        self.pending = {}
        self.stop = threading.Event()

    def fetch(self, url):
        host = url.split("/")[2]
        with self.limits[host]:
            with self.lock:
                self.at_once[host] += 1
                self.most[host] = max(self.most[host], self.at_once[host])
                self.tries[url] += 1
                tries = self.tries[url]
            try:
                time.sleep(0.001)  # sleep: the network
                if url.endswith("/7") and tries < 3:
                    raise TimeoutError(url)
                if url not in SITE:
                    raise Missing(url)
                return SITE[url]
            finally:
                with self.lock:
                    self.at_once[host] -= 1

    def add(self, url):
        with self.lock:
            if url in self.seen:
                return
            self.seen.add(url)
        self.pending[self.pool.submit(self.fetch, url)] = url

    def run(self, start):
        errors, pages = Counter(), 0
        self.add(start)
        while self.pending:
            done, _ = wait(self.pending, timeout=30, return_when=FIRST_COMPLETED)
            for future in done:
                url = self.pending.pop(future)
                try:
                    links = future.result()
                except TimeoutError:
                    self.pending[self.pool.submit(self.fetch, url)] = url
                except Missing as error:
                    errors[type(error).__name__] += 1
                else:
                    pages += 1
                    for link in links:
                        self.add(link)
        return pages, errors


def main():
    crawler = Crawler(6)
    pages, errors = crawler.run("http://host0/0")
    print(pages, dict(errors), len(crawler.seen))
    print(max(crawler.most.values()) <= 2, {url: n for url, n in sorted(crawler.tries.items()) if n > 1})

    # Shut down in the middle: what has not begun is cancelled, what runs ends.
    begun = threading.Barrier(7)
    blockers = [crawler.pool.submit(lambda: (begun.wait(30), crawler.stop.wait(30))[1]) for _ in range(6)]
    waiting = [crawler.pool.submit(crawler.fetch, "http://host0/0") for _ in range(20)]
    begun.wait(30)
    crawler.pool.shutdown(wait=False, cancel_futures=True)
    crawler.stop.set()
    print([blocker.result(30) for blocker in blockers], sum(future.cancelled() for future in waiting))
    try:
        waiting[0].result(0)
    except CancelledError as error:
        print("cancelled", error.args)
    try:
        crawler.pool.submit(print)
    except RuntimeError as error:
        print(error)
    crawler.pool.shutdown()
    print([thread.name for thread in threading.enumerate()])


if __name__ == "__main__":
    main()
