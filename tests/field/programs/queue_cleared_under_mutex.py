"""The recipe that empties a queue: under `mutex`, it corrects the counters and notifies the waiting producer."""

import queue
import threading

q = queue.Queue(maxsize=3)
for number in range(3):
    q.put(number)
put = threading.Thread(target=q.put, args=("late",))
put.start()
with q.mutex:
    dropped = list(q.queue)
    q.queue.clear()
    q.unfinished_tasks = 0
    q.all_tasks_done.notify_all()
    q.not_full.notify_all()
put.join(60)
print(dropped, q.get(timeout=60), q.unfinished_tasks, q.full(), q.maxsize)
q.maxsize = 1
q.put("one")
print(q.full())
try:
    q.put_nowait("two")
except queue.Full as error:
    print(repr(error))
