"""An already-seen set under a lock: each page is handled once.

"If it is not in the set, add it" is two steps, and between them another thread
may ask the same question. The lock makes them one step, so exactly one of the
threads that find the same link gets the answer "new".
"""

import threading

THREADS = 4
LINKS = ("/", "/about", "/", "/news", "/about", "/news/1", "/news/2", "/")


class SeenSet:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[str] = set()

    def is_new(self, link: str) -> bool:
        """Return True to the first caller with this link, False to all other callers."""
        with self._lock:
            if link in self._seen:
                return False
            self._seen.add(link)
            return True


def crawl(seen: SeenSet, together: threading.Barrier, answers: list[tuple[str, bool]]) -> None:
    for link in LINKS:
        together.wait()  # all threads ask about the same link at the same time
        answers.append((link, seen.is_new(link)))


def main() -> None:
    seen = SeenSet()
    together = threading.Barrier(THREADS)
    answers: list[tuple[str, bool]] = []
    threads = [threading.Thread(target=crawl, args=(seen, together, answers)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    handled = sorted(link for link, new in answers if new)
    print("questions:", len(answers))
    print("handled:", ", ".join(handled))
    print("each page once:", handled == sorted(set(LINKS)))


if __name__ == "__main__":
    main()
