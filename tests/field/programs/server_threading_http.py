"""A threading HTTP server that gets several requests at once; another thread shuts it down."""

import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"hello {self.path[1:]}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def fetch(number):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{number}", timeout=60) as answer:
        return answer.read().decode()


with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with ThreadPoolExecutor(4) as pool:
        print(list(pool.map(fetch, range(8))))
    server.shutdown()
    thread.join()
print(thread.is_alive())
