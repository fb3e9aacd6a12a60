"""Waiting for processes in tasks of event loops."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any

__all__ = ["ended"]


async def ended(popen: Any, descriptor: int) -> None:
    """Wait until the process of this descriptor has ended. If it is -1 (no descriptor), a thread waits."""
    import asyncio

    loop = asyncio.get_running_loop()
    if descriptor < 0:
        await loop.run_in_executor(None, popen.wait)
        return
    own = os.dup(descriptor)  # a loop allows one reader for a descriptor, and several tasks may wait
    try:
        future = loop.create_future()
        loop.add_reader(own, _tell, future)
        try:
            await future
        finally:
            loop.remove_reader(own)
    finally:
        os.close(own)


def _tell(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
