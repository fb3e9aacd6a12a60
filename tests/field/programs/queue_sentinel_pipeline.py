"""Three stages of threads, connected by queues and ended by sentinels."""

import queue
import threading

STOP = object()


def stage(function, source, target, workers):
    def run():
        while (item := source.get()) is not STOP:
            target.put(function(item))
            source.task_done()
        source.task_done()

    threads = [threading.Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    return threads


numbers, squares, words = queue.Queue(5), queue.Queue(5), queue.Queue()
first, second = stage(lambda n: n * n, numbers, squares, 3), stage(str, squares, words, 2)
for number in range(100):
    numbers.put(number)
for threads, source in ((first, numbers), (second, squares)):
    for _ in threads:
        source.put(STOP)
    for thread in threads:
        thread.join()
    source.join()
print(words.qsize(), sorted(map(int, words.queue)) == [n * n for n in range(100)])
try:
    numbers.task_done()
except ValueError as error:
    print(error)
