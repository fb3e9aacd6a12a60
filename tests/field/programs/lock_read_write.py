"""A lock for many readers or one writer, built from a condition, and its fairness to the writer."""

import threading


class ReadWriteLock:
    def __init__(self):
        self._changed = threading.Condition(threading.RLock())
        self._readers, self._writer = 0, False

    def read(self):
        with self._changed:
            while self._writer:
                self._changed.wait()
            self._readers += 1

    def read_done(self):
        with self._changed:
            self._readers -= 1
            self._changed.notify_all()

    def write(self):
        with self._changed:
            while self._writer or self._readers:
                self._changed.wait()
            self._writer = True

    def write_done(self):
        with self._changed:
            self._writer = False
            self._changed.notify_all()


guard, value, seen = ReadWriteLock(), [0, 0], []


def reader():
    for _ in range(50):
        guard.read()
        seen.append(value[0] == value[1])
        guard.read_done()


def writer():
    for _ in range(50):
        guard.write()
        value[0] += 1
        value[1] += 1
        guard.write_done()


threads = [threading.Thread(target=f) for f in (reader, reader, writer, writer)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(value, all(seen), len(seen))
