"""Two writers on one page, without and with a lock.

Each writer writes its sentence word by word. Without a lock the writers can
take turns after each word (two semaphores force that here), and the page is a
jumble. If a writer holds a lock for its whole sentence, the sentence stays in
one piece. Either sentence may come first, so the program prints them sorted.
"""

from threading import Lock, Semaphore, Thread

SENTENCES = ("The cat sat on the mat.", "A dog ran to my door.")


def write_by_turns(sentence: str, page: list[str], mine: Semaphore, other: Semaphore) -> None:
    for word in sentence.split():
        mine.acquire()
        page.append(word)
        other.release()


def write_locked(sentence: str, page: list[str], lock: Lock) -> None:
    with lock:
        for word in sentence.split():
            page.append(word)  # noqa: PERF402 - one at a time, so that the other writer can come between


def run(*threads: Thread) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def without_lock() -> str:
    page: list[str] = []
    first, second = Semaphore(1), Semaphore(0)
    run(
        Thread(target=write_by_turns, args=(SENTENCES[0], page, first, second)),
        Thread(target=write_by_turns, args=(SENTENCES[1], page, second, first)),
    )
    return " ".join(page)


def with_lock() -> list[str]:
    page: list[str] = []
    lock = Lock()
    run(*(Thread(target=write_locked, args=(sentence, page, lock)) for sentence in SENTENCES))
    return [f"{part.strip()}." for part in " ".join(page).split(".") if part]


def main() -> None:
    print("without a lock:", without_lock())
    sentences = sorted(with_lock())
    for sentence in sentences:
        print("with a lock:", sentence)
    print("both sentences whole:", sentences == sorted(SENTENCES))


if __name__ == "__main__":
    main()
