"""Subclasses: one drops duplicates, one can peek, one puts to the front."""

import queue


class UniqueQueue(queue.Queue):
    def _init(self, maxsize):
        self.queue = {}

    def _put(self, item):
        self.queue[item] = None

    def _get(self):
        item = next(iter(self.queue))
        del self.queue[item]
        return item


class Peekable(queue.Queue):
    def peek(self):
        with self.mutex:
            return self.queue[0]

    def put_front(self, item):
        with self.not_empty:
            self.queue.appendleft(item)
            self.unfinished_tasks += 1
            self.not_empty.notify()


unique = UniqueQueue()
for letter in "mississippi":
    unique.put(letter)
print(unique.qsize(), "".join(unique.get() for _ in range(4)), unique.empty())
peekable = Peekable()
peekable.put(2)
peekable.put_front(1)
print(peekable.peek(), peekable.qsize(), peekable.get(), peekable.get(), peekable.unfinished_tasks)
peekable.task_done()
peekable.task_done()
peekable.join()
print(isinstance(unique.queue, dict), sorted(vars(peekable)) == sorted(vars(queue.Queue())))
