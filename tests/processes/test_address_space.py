"""Programs that limit their addresses: those of the shared memory leave room for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.processes.programs import run

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = """
    import concurrent.futures, resource, threading

    def limit(size):
        resource.setrlimit(resource.RLIMIT_AS, (size, size))

    def length(size):
        return len(bytearray(size))

    def addresses():
        return int(open("/proc/self/statm").read().split()[0]) * 4096
"""


def test_a_process_with_a_lock_has_few_addresses(tmp_path: Path) -> None:
    program = f"""{LIMIT}
    def main():
        with multiprocessing.Lock():
            assert addresses() < 600 << 20, addresses()
        print("done")
    """
    assert run(tmp_path, program, "install", "fork") == "done\n"


def test_a_program_that_limits_its_addresses_goes_on(tmp_path: Path) -> None:
    program = f"""{LIMIT}
    def main():
        lock = multiprocessing.Lock()
        limit(1 << 30)
        assert length(3 << 20) == 3 << 20
        thread = threading.Thread(target=lock.acquire)
        thread.start()
        thread.join()
        assert not lock.acquire(False)
        print("done")
    """
    assert run(tmp_path, program, "install", "fork") == "done\n"


@pytest.mark.parametrize("pool", ["Pool", "ProcessPoolExecutor"])
def test_workers_that_limit_their_addresses_work(tmp_path: Path, pool: str) -> None:
    program = f"""{LIMIT}
    def main():
        if {pool!r} == "Pool":
            pool = context.Pool(2, limit, (2 << 30,))
            call = lambda function, *args: pool.apply_async(function, args).get(60)
        else:
            pool = concurrent.futures.ProcessPoolExecutor(2, context, limit, (2 << 30,))
            call = lambda *args: pool.submit(*args).result(60)
        with pool:
            for size in (1000, 1 << 20, 200 << 20):
                assert call(length, size) == size
            for _ in range(4):
                assert len(call(bytes, 30_000_000)) == 30_000_000
        print("done")
    """
    assert run(tmp_path, program, "install", "fork") == "done\n"


def test_what_has_no_addresses_is_an_error_of_the_one_that_asked(tmp_path: Path) -> None:
    program = f"""{LIMIT}
    def fails(call):
        try:
            call()
        except MemoryError:
            return True

    def main():
        pool = context.Pool(1)
        executor = concurrent.futures.ProcessPoolExecutor(1, context)
        assert pool.apply(abs, (-1,)) == executor.submit(abs, -1).result(60) == 1
        queue = context.SimpleQueue()
        limit(addresses() + (100 << 20))
        assert fails(lambda: pool.apply_async(bytes, (200 << 20,)).get(60))
        assert fails(lambda: executor.submit(bytes, 200 << 20).result(60))
        assert fails(lambda: queue.put(bytes(200 << 20)))
        queue.put(5)
        assert queue.get() == pool.apply(abs, (-5,)) == executor.submit(abs, -5).result(60) == 5
        pool.terminate()
        executor.shutdown()
        print("done")
    """
    assert run(tmp_path, program, "install", "fork") == "done\n"
