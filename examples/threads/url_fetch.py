"""Fetch 12 pages over 1, 3, 6 and 12 threads from a local HTTP server.

Threads pay off where the work is mostly waiting. To show that without timing,
the server answers no request until there are as many requests as fetchers: the
number of rounds then shows how many waits really overlapped.
"""

from http.server import BaseHTTPRequestHandler
from queue import Empty, SimpleQueue
from socketserver import ThreadingTCPServer
from threading import Barrier, Thread
from urllib.request import ProxyHandler, build_opener

PAGES = 12
OPENER = build_opener(ProxyHandler({}))  # goes straight to the server, past any proxy


class PageHandler(BaseHTTPRequestHandler):
    server: "PageServer"

    def do_GET(self) -> None:
        self.server.gate.wait()
        body = f"this is {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


class PageServer(ThreadingTCPServer):
    request_queue_size = 2 * PAGES
    gate = Barrier(1)

    def address(self) -> str:
        host, port = self.socket.getsockname()
        return f"http://{host}:{port}"


def fetch(urls: SimpleQueue[str], bodies: list[str]) -> None:
    while True:
        try:
            url = urls.get_nowait()
        except Empty:
            return
        with OPENER.open(url, timeout=30) as response:
            bodies.append(response.read().decode())


def fetch_all(server: PageServer, threads: int) -> None:
    rounds: list[int] = []
    server.gate = Barrier(threads, action=lambda: rounds.append(threads), timeout=20)
    urls: SimpleQueue[str] = SimpleQueue()
    for page in range(PAGES):
        urls.put(f"{server.address()}/page-{page}")

    bodies: list[str] = []
    fetchers = [Thread(target=fetch, args=(urls, bodies)) for _ in range(threads)]
    for fetcher in fetchers:
        fetcher.start()
    for fetcher in fetchers:
        fetcher.join()
    complete = sorted(bodies) == sorted(f"this is /page-{page}" for page in range(PAGES))
    print(f"threads {threads:2}: rounds {len(rounds):2}, all {PAGES} pages right: {complete}")


def main() -> None:
    with PageServer(("127.0.0.1", 0), PageHandler) as server:
        acceptor = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        acceptor.start()
        for threads in (1, 3, 6, 12):
            fetch_all(server, threads)
        server.shutdown()
        acceptor.join()
    print("server stopped:", not acceptor.is_alive())


if __name__ == "__main__":
    main()
