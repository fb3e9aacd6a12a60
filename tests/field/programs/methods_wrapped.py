"""Like an agent, wraps each method of each class in turn and counts its calls, in bases and derived classes, too."""

import concurrent.futures as futures
import multiprocessing.pool as pools
import queue
import threading
from contextlib import contextmanager

calls = []


@contextmanager
def wrapped(cls, name):
    found, own = getattr(cls, name), name in vars(cls)

    def wrapper(self, *args, **kwargs):
        calls.append(f"{cls.__name__}.{name}")
        return found(self, *args, **kwargs)

    setattr(cls, name, wrapper)
    try:
        yield
    finally:
        if own:
            setattr(cls, name, found)
        else:
            delattr(cls, name)


def use_queue(cls):
    q = cls(2)
    q.put_nowait(1)
    q.put(2)
    q.get_nowait()
    q.get()
    q.empty(), q.full(), q.qsize()
    q.task_done()
    q.task_done()
    q.join()


def use_semaphore(cls):
    s = cls(1)
    s.acquire()
    s.release()
    with s:
        pass


def use_event(cls):
    e = cls()
    e.set()
    e.wait(1)
    e.clear()
    e.is_set()


def use_condition(cls):
    c = cls()
    with c:
        c.notify()
        c.notify_all()
        c.wait(0.001)
        c.wait_for(lambda: True)
        c.wait_for(lambda: False, 0.001)


def use_barrier(cls):
    b = cls(1)
    b.wait()
    b.reset()
    b.abort()


def use_future(cls):
    f = cls()
    f.add_done_callback(lambda future: None)
    f.running()
    f.set_running_or_notify_cancel()
    f.set_result(1)
    f.result(), f.exception(), f.cancel(), f.done(), f.cancelled()
    f = cls()
    f.cancel()
    f.set_running_or_notify_cancel()
    futures.wait([f])
    list(futures.as_completed([f]))
    use_executor(futures.ThreadPoolExecutor)


def use_executor(cls):
    with cls(1) as executor:
        executor.submit(abs, 1).result()
        list(executor.map(abs, [1]))


def use_pool(cls):
    with cls(1) as pool:
        pool.apply(abs, (1,))
        pool.map(abs, [1])
        pool.starmap(abs, [(1,)])
        list(pool.imap(abs, [1]))
        list(pool.imap_unordered(abs, [1]))
        pool.starmap_async(abs, [(1,)]).get()
        result = pool.map_async(abs, [1])
        result.wait(), result.get(), result.ready(), result.successful()
        result = pool.apply_async(abs, (1,))
        result.wait(), result.get(), result.ready(), result.successful()
        pool.close()
        pool.join()


def try_all(base, names, use, *classes):
    for name in names.split():
        for cls in classes or (base,):
            with wrapped(base, name):
                use(cls)
            print(f"{base.__name__}.{name} of {cls.__name__}:", sorted(calls))
            calls.clear()


class Derived(queue.LifoQueue):
    """A queue with its own put() in between."""

    def put(self, item, *args, **kwargs):
        calls.append("Derived.put")
        super().put(item, *args, **kwargs)


QUEUES = queue.Queue, queue.LifoQueue, queue.PriorityQueue, Derived
IN_QUEUES = "get put get_nowait put_nowait qsize empty full task_done join"
try_all(queue.Queue, IN_QUEUES + " _get _put _qsize _init __init__", use_queue, *QUEUES)
try_all(queue.PriorityQueue, "get put _get _put _qsize", use_queue, *QUEUES)
SEMAPHORES = threading.Semaphore, threading.BoundedSemaphore
try_all(threading.Semaphore, "acquire release __enter__ __exit__", use_semaphore, *SEMAPHORES)
try_all(threading.BoundedSemaphore, "acquire release", use_semaphore, *SEMAPHORES)
try_all(threading.Event, "is_set set clear wait", use_event)
try_all(threading.Condition, "wait wait_for notify notify_all __enter__ __exit__", use_condition)
try_all(threading.Barrier, "wait reset abort _wait _release _enter _exit", use_barrier)
IN_FUTURES = "result exception cancel done running cancelled add_done_callback set_result set_exception"
try_all(futures.Future, IN_FUTURES + " set_running_or_notify_cancel _invoke_callbacks", use_future)
IN_EXECUTORS = "submit map shutdown __enter__ __exit__"
try_all(futures.Executor, IN_EXECUTORS, use_executor, futures.ThreadPoolExecutor)
try_all(futures.ThreadPoolExecutor, IN_EXECUTORS + " _adjust_thread_count", use_executor)
IN_POOLS = "apply apply_async map map_async starmap starmap_async imap imap_unordered close terminate join"
IN_POOLS += " __enter__ __exit__ _map_async _check_running _setup_queues"
BASE_OF_THREAD_POOLS = pools.ThreadPool.__mro__[-2]  # with Interlock, `pools.Pool` is another class
try_all(BASE_OF_THREAD_POOLS, IN_POOLS, use_pool, pools.ThreadPool)
try_all(pools.ThreadPool, IN_POOLS, use_pool)
try_all(pools.ApplyResult, "get wait ready successful _set", use_pool, pools.ThreadPool)
try_all(pools.MapResult, "_set", use_pool, pools.ThreadPool)
