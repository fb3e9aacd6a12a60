"""Tasks of asyncio wait for processes."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from typing import Any
from unittest import mock

import pytest

from tests.commands.conftest import counts

UNTIL_TOLD = [sys.executable, "-S", "-c", "import sys; sys.stdin.read(); sys.exit(7)"]


def test_a_task_waits_for_a_process(ours: Any) -> None:
    async def main() -> None:
        with ours.Popen(UNTIL_TOLD, stdin=ours.PIPE) as process:
            threads = threading.active_count()
            tasks = [asyncio.ensure_future(process.wait_async()) for _ in range(3)]
            await asyncio.sleep(0)  # sleep: the tasks begin
            assert threading.active_count() == threads
            process.stdin.close()
            assert await asyncio.gather(*tasks) == [7] * 3
            assert await process == await process.wait_async() == process.returncode == 7

    before = counts()
    asyncio.run(main())
    assert counts() == before


def test_a_cancelled_task_leaves_the_process(ours: Any) -> None:
    async def main() -> None:
        with ours.Popen(UNTIL_TOLD, stdin=ours.PIPE) as process:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(process.wait_async(), 0.01)
            assert process.poll() is None
            process.terminate()
            assert await process == -signal.SIGTERM

    before = counts()
    asyncio.run(main())
    assert counts() == before


def test_a_thread_waits_where_there_is_no_descriptor(ours: Any) -> None:
    async def main() -> None:
        process = ours.Popen(["sh", "-c", "exit 3"])
        assert await process == 3

    with mock.patch("os.waitpid", side_effect=__import__("os").waitpid):
        asyncio.run(main())


def test_many_at_once(ours: Any) -> None:
    async def main() -> None:
        processes = [ours.Popen(["sh", "-c", f"exit {code}"]) for code in range(20)]
        assert await asyncio.gather(*(one.wait_async() for one in processes)) == list(range(20))

    asyncio.run(main())
