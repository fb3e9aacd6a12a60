"""Processes as tasks of event loops see them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any

__all__ = ["ended"]


async def ended(popen: Any, descriptor: int) -> None:
    """Wait until the process of this descriptor has ended; -1 if it has none, so that a thread has to wait."""
    import asyncio

    loop = asyncio.get_running_loop()
    if descriptor < 0:
        await loop.run_in_executor(None, popen.wait)
        return
    own = os.dup(descriptor)  # a loop has one reader for a descriptor, and several tasks may wait
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
