"""Start three threads and join them.

A thread is not alive before `start()`, nor after `join()` has returned. Once
`join()` has returned, the main thread can safely read the worker's results;
until then it must not rely on anything that the worker writes.
"""

import threading


def count_letters(word: str, lengths: dict[str, int]) -> None:
    lengths[word] = len(word)


def main() -> None:
    lengths: dict[str, int] = {}
    threads = [
        threading.Thread(target=count_letters, args=(word, lengths), name=f"count-{word}")
        for word in ("lock", "queue", "barrier")
    ]
    print("alive before start:", [thread.is_alive() for thread in threads])
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("alive after join:", [thread.is_alive() for thread in threads])
    for thread in threads:
        print("joined:", thread.name)
    for word, length in sorted(lengths.items()):
        print(f"{word}: {length} letters")


if __name__ == "__main__":
    main()
