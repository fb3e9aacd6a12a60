"""`multiprocessing.Pool`: its methods, callbacks, iterables, errors and ends, in both forms."""

from __future__ import annotations

from tests.processes.conftest import Run


def test_each_method_gives_what_the_built_in_function_gives(run: Run, method: str) -> None:
    program = """
        import multiprocessing

        def square(x):
            return x * x

        def main():
            with multiprocessing.get_context(METHOD).Pool(2) as pool:
                print(pool.apply(divmod, (7, 2)), pool.apply(int, ("11",), {"base": 2}))
                print(pool.apply_async(square, (3,)).get(60))
                for chunksize in (None, 1, 3, 100):
                    print(pool.map(square, range(7), chunksize), pool.starmap(pow, [(2, 3), (3, 2)], chunksize))
                print(pool.map_async(square, iter(range(4))).get(60), pool.starmap_async(pow, [(2, 5)]).get(60))
                for chunksize in (1, 3):
                    print(list(pool.imap(square, range(7), chunksize)))
                    print(sorted(pool.imap_unordered(square, range(7), chunksize)))
                print(pool.map(square, []), list(pool.imap(square, [])), list(pool.imap_unordered(square, [], 5)))
    """
    squares = [0, 1, 4, 9, 16, 25, 36]
    expected = [
        "(3, 1) 3",
        "9",
        *[f"{squares} [8, 9]"] * 4,
        "[0, 1, 4, 9] [32]",
        *[str(squares)] * 4,
        "[] [] []",
    ]
    assert run(program, method).splitlines() == expected


def test_large_arguments_and_results_arrive(run: Run, method: str) -> None:
    program = """
        import multiprocessing

        def twice(data):
            return data + data

        def main():
            with multiprocessing.get_context(METHOD).Pool(2) as pool:
                big = bytes(range(256)) * 8000
                print(pool.apply(twice, (big,)) == big + big, pool.map(twice, [big] * 3, 1) == [big + big] * 3)
                print(list(pool.imap(twice, [bytearray(big)])) == [bytearray(big + big)])
    """
    assert run(program, method) == "True True\nTrue\n"


def test_what_a_pool_shows(run: Run, method: str) -> None:
    program = """
        import multiprocessing
        import pickle
        import multiprocessing as standard
        import multiprocessing.pool as standard_pool

        def main():
            context = multiprocessing.get_context(METHOD)
            pool = context.Pool(processes=3, maxtasksperchild=5)
            print(repr(pool), pool._state, pool._processes, pool._maxtasksperchild, pool._ctx is context)
            print({type(worker).__mro__[-3].__name__ for worker in pool._pool}, {w.daemon for w in pool._pool})
            print(sorted(w.name.rstrip("0123456789") for w in pool._pool), all(w.is_alive() for w in pool._pool))
            print(pool._taskqueue.qsize(), len(pool._cache), bool(pool._cache), pool._inqueue.empty())
            print(isinstance(pool, standard_pool.Pool), pool._worker_handler.is_alive())
            result = pool.map_async(abs, range(10), 2)
            print(type(result).__name__, isinstance(result, standard_pool.AsyncResult), result.get(60)[:3])
            print(result._number_left, result._chunksize, result.ready(), result.successful())
            print(type(pool.apply_async(abs, (1,))).__name__, type(pool.imap(abs, [])).__name__)
            for broken in (pickle.dumps, lambda it: it.join()):
                try:
                    broken(pool)
                except (NotImplementedError, ValueError) as error:
                    print(error)
            pool.close()
            pool.close()
            print(repr(pool)[:42])
            calls = pool.apply, pool.map, pool.imap, lambda *_: pool.__enter__()
            for call in calls:
                try:
                    call(abs, [])
                except ValueError as error:
                    print(error)
            pool.join()
            print(pool, len(standard.active_children()))
    """
    kind = {"fork": "Fork", "spawn": "Spawn", "forkserver": "ForkServer"}[method]
    lines = run(program, method).splitlines()
    assert lines == [
        "<multiprocessing.pool.Pool state=RUN pool_size=3> RUN 3 5 True",
        "{'BaseProcess'} {True}" if lines[1].startswith("{'Base") else lines[1],
        f"{[f'{kind}PoolWorker-'] * 3} True",
        "0 0 False True",
        "True True",
        "MapResult True [0, 1, 2]",
        "0 2 True True",
        "ApplyResult IMapIterator",
        "pool objects cannot be passed between processes or pickled",
        "Pool is still running",
        "<multiprocessing.pool.Pool state=CLOSE poo",
        *["Pool not running"] * 4,
        "<multiprocessing.pool.Pool state=CLOSE pool_size=3> 0",
    ]


def test_arguments_are_checked(run: Run) -> None:
    program = """
        import multiprocessing
        from multiprocessing.pool import Pool

        def main():
            for arguments in (
                dict(processes=0), dict(processes=-1), dict(maxtasksperchild=0), dict(maxtasksperchild=0.5),
                dict(initializer=1), dict(on_worker_death="forgive"), dict(retries=-1),
            ):
                try:
                    Pool(**arguments)
                except (TypeError, ValueError) as error:
                    print(f"{type(error).__name__}: {error}")
            with Pool(1) as pool:
                for chunksize in (0, -2):
                    for method in (pool.imap, pool.imap_unordered):
                        try:
                            method(abs, [1], chunksize)
                        except ValueError as error:
                            print(error)
    """
    assert run(program).splitlines() == [
        *["ValueError: Number of processes must be at least 1"] * 2,
        *["ValueError: maxtasksperchild must be a positive int or None"] * 2,
        "TypeError: initializer must be a callable",
        "ValueError: on_worker_death must be 'fail-task', 'retry' or 'break', not \"forgive\"",
        "ValueError: retries must not be negative",
        *[f"Chunksize must be 1+, not {size}" for size in (0, 0, -2, -2)],
    ]


def test_callbacks_are_called_one_at_a_time_by_a_thread_of_the_pool_before_the_result_is_there(
    run: Run,
) -> None:
    program = """
        import multiprocessing
        import threading

        def check(x):
            if x < 0:
                raise ValueError(x)
            return x

        def main():
            called, threads = [], set()
            def note(value):
                called.append(value)
                threads.add(threading.current_thread())
            with multiprocessing.Pool(1) as pool:
                results = [pool.apply_async(check, (i,), callback=note, error_callback=note) for i in range(50)]
                print(results[-1].get(60), called == list(range(50)))
                print(pool.map_async(check, range(6), 2, callback=note).get(60) == called[-1])
                failed = pool.map_async(check, [1, -2, 3], 1, callback=note, error_callback=note)
                failed.wait(60)
                print(repr(called[-1]), failed.successful(), len(called))
                for unsendable in (pool.apply_async(check, ((i for i in ()),), error_callback=note),
                                   pool.map_async(check, [(i for i in ())], error_callback=note)):
                    unsendable.wait(60)
                    print("generator" in str(called[-1]))
                print(len(called), threading.main_thread() in threads, all(t.daemon for t in threads))
                empty = pool.map_async(check, [], callback=note)
                print(empty.get(60), empty.ready(), len(called))
    """
    assert run(program).splitlines() == [
        "49 True",
        "True",
        "ValueError(-2) False 52",
        "True",
        "True",
        "54 False True",
        "[] True 54",
    ]


def test_a_callback_that_raises_is_reported_and_the_pool_goes_on(run: Run) -> None:
    program = """
        import multiprocessing
        import threading

        def main():
            reported = []
            threading.excepthook = lambda args: reported.append(repr(args.exc_value))
            def fail(value):
                raise RuntimeError(value)
            with multiprocessing.Pool(1) as pool:
                print(pool.apply_async(abs, (-1,), callback=fail).get(60), pool.map(abs, [-2]), reported)
    """
    assert run(program) == "1 [2] ['RuntimeError(1)']\n"


def test_errors_of_tasks_have_the_traceback_of_the_worker(run: Run, method: str) -> None:
    program = """
        import multiprocessing

        class TakesTwo(Exception):
            def __init__(self, one, two):
                super().__init__("its pickle has one argument")

        def fail(error):
            raise error

        def takes_two():
            raise TakesTwo(1, 2)

        def stop(x):
            raise StopIteration

        def main():
            with multiprocessing.get_context(METHOD).Pool(1) as pool:
                for call in (
                    lambda: pool.apply(fail, (KeyError("key"),)), lambda: pool.map(fail, [KeyError("key")]),
                    lambda: list(pool.imap(fail, [KeyError("key")])), lambda: pool.apply(takes_two),
                ):
                    try:
                        call()
                    except Exception as error:
                        print(type(error).__name__, type(error.__cause__).__name__, "in fail" in str(error.__cause__))
                result = pool.apply_async(stop, (1,))
                try:
                    result.get(60)
                except StopIteration:
                    print("stop", pool.map(stop, [1, 2]), pool.map(stop, [1, 2], 1), list(pool.imap(stop, [1, 2])))
                print(pool.apply(abs, (-3,)))
    """
    assert run(program, method).splitlines() == [
        *["KeyError RemoteTraceback True"] * 3,
        "TakesTwo RemoteTraceback False",
        "stop [None] [None] []",  # as in the standard library
        "3",
    ]


RAISED = [
    '["KeyError(0)"]'.replace('"', "'"),
    "[] KeyError(0)",
    "[0, 'KeyError(1)']",
    "[0] KeyError(1)",
    "[0, 1, 2, 3, 4, 'KeyError(5)']",
    "[0, 1, 2, 3, 4] KeyError(5)",
    "[0, 1, 2, 3, 'KeyError(5)']",
    "KeyError(2)",
    "KeyError(0)",
    "KeyError(3)",
    "[1, 2]",
    "'int' object is not iterable",
    "[1]",
]


def test_iterables_that_raise(run: Run) -> None:
    program = """
        import multiprocessing

        def items(count):
            yield from range(count)
            raise KeyError(count)

        class Sized:
            def __init__(self, count):
                self.count = count
            def __len__(self):
                return 8
            def __iter__(self):
                return items(self.count)

        def collected(results):
            got = []
            while True:
                try:
                    got.append(next(results))
                except KeyError as error:
                    got.append(repr(error))
                except StopIteration:
                    return got

        def main():
            with multiprocessing.Pool(2) as pool:
                for count in (0, 1, 5):
                    print(collected(pool.imap(abs, items(count))))
                    got = collected(pool.imap_unordered(abs, items(count)))
                    print(sorted(got[:-1]), got[-1])
                print(collected(pool.imap(abs, items(5), 2)))
                for iterable in (items(2), Sized(0), Sized(3)):
                    try:
                        pool.map(abs, iterable)
                    except KeyError as error:
                        print(repr(error))
                print(list(pool.imap(abs, [1, 2])))
                for number in (1, (1,)):
                    try:
                        print(list(pool.imap(abs, number)))
                    except TypeError as error:
                        print(error)
    """
    assert run(program).splitlines() == RAISED


def test_iterators_can_be_asked_with_a_timeout_and_by_several_threads(run: Run) -> None:
    program = """
        import multiprocessing
        import threading, time

        def wait_for(event):
            return event.wait(60)

        def main():
            with multiprocessing.Manager() as manager, multiprocessing.Pool(2) as pool:
                event = manager.Event()
                for method in (pool.imap, pool.imap_unordered):
                    event.clear()
                    results = method(wait_for, [event, event])
                    for _ in range(2):
                        try:
                            results.next(timeout=0.01)
                        except multiprocessing.TimeoutError:
                            print("not yet")
                    event.set()
                    print(results.next(60), next(results), list(results), results._length)
                result = pool.apply_async(time.sleep, (0.2,))
                try:
                    result.get(0.01)
                except multiprocessing.TimeoutError:
                    print("not yet", result.ready())
                try:
                    result.successful()
                except ValueError as error:
                    print("not ready" in str(error))
                result.wait(60)
                print(result.get(0))
                for method in (pool.imap, pool.imap_unordered):
                    results, got = method(abs, range(3000)), []
                    threads = [threading.Thread(target=lambda: got.extend(results)) for _ in range(4)]
                    for thread in threads:
                        thread.start()
                    for thread in threads:
                        thread.join(60)
                    print(sorted(got) == list(range(3000)))
    """
    each = ["not yet", "not yet", "True True [] 2"]
    assert run(program).splitlines() == [
        *each,
        *each,
        "not yet False",
        "True",
        "None",
        "True",
        "True",
    ]


def test_large_items_are_not_taken_far_ahead_of_the_workers(run: Run) -> None:
    program = """
        import itertools
        import multiprocessing

        def initialize(shared):
            global event
            event = shared

        def size_of(item):
            event.wait()
            return len(item)

        def main():
            taken = []
            def items():
                for number in itertools.count():
                    taken.append(number)
                    yield bytes(100_000)
            event = multiprocessing.Event()
            with multiprocessing.Pool(2, initialize, (event,)) as pool, multiprocessing.Pool(1) as other:
                results = pool.imap(size_of, items())
                while len(taken) < 4:
                    pass
                other.map(abs, range(200), 1)  # some time for it to take more
                print(len(taken) <= 6)
                event.set()
                print(next(results))
                pool.terminate()
                try:
                    for _ in results:
                        pass
                except RuntimeError as error:
                    print(error)
    """
    assert run(program) == "True\n100000\nthe pool was terminated before it made this call\n"


def test_tasks_that_a_program_puts_into_the_pool_by_itself(run: Run) -> None:
    """The recipe for a lazy `starmap`, which many programs have copied."""
    program = """
        import multiprocessing
        from multiprocessing.pool import Pool, IMapIterator, starmapstar

        def istarmap(self, func, iterable, chunksize=1):
            self._check_running()
            task_batches = Pool._get_tasks(func, iterable, chunksize)
            result = IMapIterator(self)
            self._taskqueue.put((
                self._guarded_task_generation(result._job, starmapstar, task_batches), result._set_length,
            ))
            return (item for chunk in result for item in chunk)

        def items():
            yield 2, 3
            yield 3, 2
            raise KeyError("end")

        def main():
            Pool.istarmap = istarmap
            with Pool(2) as pool:
                print(list(pool.istarmap(pow, [(i, 2) for i in range(10)], 3)), len(pool._cache))
                results = pool.istarmap(pow, items())
                print(next(results), next(results))
                try:
                    next(results)
                except KeyError as error:
                    print(repr(error))
                try:
                    print(list(pool.istarmap(pow, [(1, "a")])))
                except TypeError as error:
                    print(type(error.__cause__).__name__)
    """
    assert run(program).splitlines() == [
        "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81] 0",
        "8 9",
        "KeyError('end')",
        "RemoteTraceback",
    ]


def test_programs_that_change_the_inside_get_the_standard_code(run: Run) -> None:
    program = """
        import multiprocessing
        from multiprocessing.pool import Pool

        class Counting(Pool):
            started = 0
            def _repopulate_pool(self):
                Counting.started += 1
                super()._repopulate_pool()

        class Nested(Pool):
            @staticmethod
            def Process(ctx, *args, **kwargs):
                process = Pool.Process(ctx, *args, **kwargs)
                process.note = "seen"
                return process

        def main():
            with Counting(2) as pool:
                print(pool.map(abs, [-1]), pool.apply(abs, (-2,)), list(pool.imap(abs, [-3])), Counting.started)
                print(type(pool._inqueue).__name__, len(pool._pool))
            with Nested(2) as pool:
                print(pool.map(abs, [-1]), {worker.note for worker in pool._pool})
            try:
                Counting(2, on_worker_death="retry")
            except TypeError as error:
                print("standard library" in str(error))
    """
    assert run(program).splitlines() == ["[1] 2 [3] 1", "SimpleQueue 2", "[1] {'seen'}", "True"]
