"""Calls that submit more calls to the same pool, as crawlers do, until nothing is left."""

import threading
from concurrent.futures import ThreadPoolExecutor

links = {0: [1, 2, 3], 1: [2, 4], 2: [5, 6, 0], 3: [], 4: [7], 5: [7, 8], 6: [0], 7: [], 8: [9], 9: []}
seen, left, lock, done = {0}, 1, threading.Lock(), threading.Event()


def crawl(page):
    global left
    with lock:
        new = [link for link in links[page] if link not in seen]
        seen.update(new)
        left += len(new) - 1
        ended = left == 0
    for link in new:
        pool.submit(crawl, link)
    if ended:
        done.set()


with ThreadPoolExecutor(3) as pool:
    pool.submit(crawl, 0)
    print(done.wait(60))
print(sorted(seen))
