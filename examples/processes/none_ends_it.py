"""Message passing that ends with None.

The producer sends words through a pipe with one direction, and None after the last one. A loop over
`iter(receive, None)` ends there. Three processes make a chain: words, capitals, and this program.
"""

import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection


def produce(words: Sequence[str], out: Connection) -> None:
    for word in words:
        out.send(word)
    out.send(None)


def capitalize(source: Connection, out: Connection) -> None:
    for word in iter(source.recv, None):
        out.send(word.upper())
    out.send(None)


def main() -> None:
    words_reader, words_writer = multiprocessing.Pipe(duplex=False)
    capitals_reader, capitals_writer = multiprocessing.Pipe(duplex=False)
    words = ("nothing", "is", "shared", "", "everything", "is", "sent")
    producer = multiprocessing.Process(target=produce, args=(words, words_writer))
    capitalizer = multiprocessing.Process(target=capitalize, args=(words_reader, capitals_writer))
    producer.start()
    capitalizer.start()
    for word in iter(capitals_reader.recv, None):
        print(repr(word))
    producer.join()
    capitalizer.join()
    print("all have ended:", [producer.exitcode, capitalizer.exitcode])


if __name__ == "__main__":
    main()
