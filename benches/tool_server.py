"""A server on this machine that answers each line at once, or after the number of milliseconds in the line.

It prints its port when it is ready, and exits when its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys


class Answering(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer with the same line."""
        answer = self.transport.write  # type: ignore[attr-defined]
        delay = int(data)
        if delay:
            asyncio.get_running_loop().call_later(delay / 1000, answer, data)
        else:
            answer(data)


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
