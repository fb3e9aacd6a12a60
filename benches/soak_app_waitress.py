"""Serves the page with waitress on a free port of 127.0.0.1; started by soak.py."""

from __future__ import annotations

import logging

from soak_page import CONNECTIONS, THREADS, announce, application
from waitress.server import create_server


def main() -> None:
    """Serve until SIGTERM."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns about each queued request
    server = create_server(
        application, host="127.0.0.1", port=0, threads=THREADS, connection_limit=CONNECTIONS
    )
    announce(server.effective_port)
    server.run()


if __name__ == "__main__":
    main()
