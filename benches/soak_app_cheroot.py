"""Serves the page with cheroot on a free port of 127.0.0.1; started by soak.py."""

from __future__ import annotations

from cheroot import wsgi
from soak_page import CONNECTIONS, THREADS, announce, application


def main() -> None:
    """Serve until SIGTERM."""
    server = wsgi.Server(("127.0.0.1", 0), application, numthreads=THREADS, request_queue_size=CONNECTIONS)
    server.keep_alive_conn_limit = CONNECTIONS
    server.prepare()
    announce(server.bind_addr[1])
    try:
        server.serve()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
