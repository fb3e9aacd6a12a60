"""A small web application on a threaded server: sessions, a connection pool, a request-local, a background worker."""

import contextlib
import http.client
import itertools
import json
import queue
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

current = threading.local()
counters: dict[str, int] = {}
counters_lock = threading.RLock()
jobs: "queue.Queue[tuple[str, int] | None]" = queue.Queue()
done: dict[str, int] = {}
done_changed = threading.Condition()


class Connections:
    """Two connections for any number of requests."""

    def __init__(self, size):
        self._free = queue.LifoQueue()
        self._numbers = itertools.count()
        self.most = self._out = 0
        self._lock = threading.Lock()
        for _ in range(size):
            self._free.put(next(self._numbers))

    @contextlib.contextmanager
    def connection(self):
        number = self._free.get(timeout=30)
        with self._lock:
            self._out += 1
            self.most = max(self.most, self._out)
        try:
            yield number
        finally:
            with self._lock:
                self._out -= 1
            self._free.put(number)


connections = Connections(2)


def background():
    for name, value in iter(jobs.get, None):
        with done_changed:
            done[name] = value * value
            done_changed.notify_all()
        jobs.task_done()
    jobs.task_done()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        current.path = self.path
        route, _, argument = self.path.strip("/").partition("/")
        try:
            status, body = 200, getattr(self, f"page_{route}")(argument)
        except AttributeError:
            status, body = 404, {"error": "no such page"}
        except Exception as error:
            status, body = 500, {"error": type(error).__name__}
        text = json.dumps({"path": current.path, **body}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def page_count(self, who):
        with counters_lock, connections.connection():
            with counters_lock:
                counters[who] = counters.get(who, 0) + 1
        return {"who": who}

    def page_job(self, number):
        jobs.put((number, int(number)))
        with done_changed:
            found = done_changed.wait_for(lambda: number in done, timeout=30)
        return {"found": found, "square": done[number]}

    def page_broken(self, _):
        raise ZeroDivisionError

    def log_message(self, *_):
        pass


def get(port, path):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        client.close()


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    port = server.server_address[1]
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="serve")]
    threads.append(threading.Thread(target=background, name="background"))
    for thread in threads:
        thread.start()
    paths = [f"/count/{name}" for name in "abc" for _ in range(10)] + [f"/job/{n}" for n in range(10)]
    with ThreadPoolExecutor(8, thread_name_prefix="client") as clients:
        futures = {clients.submit(get, port, path): path for path in paths}
        answers = [(futures[future], *future.result()) for future in as_completed(futures, timeout=60)]
    print(all(answer["path"] == path for path, _, answer in answers), {status for _, status, _ in answers})
    print(sorted(counters.items()), sorted(done.values()), connections.most <= 2)
    print(get(port, "/broken"), get(port, "/nowhere"))
    server.shutdown()
    server.server_close()
    jobs.put(None)
    jobs.join()
    for thread in threads:
        thread.join(30)
    print([thread.is_alive() for thread in threads], hasattr(current, "path"))


if __name__ == "__main__":
    main()
