"""A data loader as for machine learning: workers with seeds, batches in order, prefetching, errors."""

import itertools
import multiprocessing
import os
import queue
import random
import threading
import traceback

info = None
END = None


class ErrorInWorker:
    """An exception on its way to the loader."""

    def __init__(self, number, error):
        self.number, self.kind = number, type(error)
        self.text = "".join(traceback.format_exception(error)).splitlines()[-1]

    def reraise(self):
        raise self.kind(f"in worker {self.number}: {self.text}")


class Numbers:
    """A data set; item 50 is broken."""

    def __len__(self):
        return 32

    def __getitem__(self, index):
        if index == 50:
            raise IndexError("item 50 is broken")
        return index, random.random(), info


def work(dataset, number, seed, indexes, results, done):
    global info
    info = number
    random.seed(seed + number)
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            item = indexes.get(timeout=5)
        except queue.Empty:
            continue
        if item is END:
            break
        batch, wanted = item
        try:
            results.put((batch, [dataset[index] for index in wanted]))
        except Exception as error:
            results.put((batch, ErrorInWorker(number, error)))
    results.close()
    done.wait(60)


class Loader:
    def __init__(self, context, dataset, workers, batch, seed):
        self.context, self.dataset, self.batch = context, dataset, batch
        self.results, self.done = context.Queue(), context.Event()
        self.indexes = [context.Queue() for _ in range(workers)]
        self.processes = [
            context.Process(
                target=work, args=(dataset, number, seed, indexes, self.results, self.done), daemon=True
            )
            for number, indexes in enumerate(self.indexes)
        ]
        for process in self.processes:
            process.start()
        self.pinned = queue.Queue(4)
        self.pinner = threading.Thread(target=self.pin, daemon=True, name="pin")
        self.pinner.start()

    def pin(self):
        for item in iter(self.results.get, END):
            self.pinned.put(item)

    def batches(self, order):
        order = list(order)
        asked = enumerate(order[first : first + self.batch] for first in range(0, len(order), self.batch))
        turns = itertools.cycle(self.indexes)
        open_, waiting = 0, {}
        for item in itertools.islice(asked, 2 * len(self.indexes)):
            next(turns).put(item)
            open_ += 1
        for number in itertools.count():
            if not open_:
                return
            while number not in waiting:
                key, data = self.pinned.get(timeout=60)
                waiting[key] = data
            open_ -= 1
            for item in itertools.islice(asked, 1):
                next(turns).put(item)
                open_ += 1
            data = waiting.pop(number)
            if isinstance(data, ErrorInWorker):
                data.reraise()
            yield data

    def close(self):
        self.done.set()
        for indexes in self.indexes:
            indexes.put(END)
            indexes.close()
        for process in self.processes:
            process.join(60)
        self.results.put(END)
        self.pinner.join(60)
        return [process.exitcode for process in self.processes], self.pinner.is_alive()


def main():
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        for _ in range(2):  # the same seeds give the same numbers
            loader = Loader(context, Numbers(), workers=2, batch=4, seed=7)
            batches = list(loader.batches(range(32)))
            print(method, [index for batch in batches for index, _, _ in batch] == list(range(32)))
            print([f"{batch[0][1]:.6f}/{batch[0][2]}" for batch in batches])
            print(loader.close())
        loader = Loader(context, Numbers(), workers=2, batch=4, seed=7)
        try:
            list(loader.batches([1, 2, 3, 4, 50, 6]))
        except IndexError as error:
            print(error)
        print(loader.close())


if __name__ == "__main__":
    main()
