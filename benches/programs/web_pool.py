"""A Bottle application under waitress; each handler spreads its work over a ThreadPoolExecutor.

The load comes from a separate process, which always runs on plain Python.
"""

import hashlib
import http.client
import json
import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

CLIENTS, REQUESTS, CALLS = 8, 150, 20


def serve() -> None:
    """Serve until the client has ended; print the time and the client's output."""
    import bottle
    import waitress

    app = bottle.Bottle()
    pool = ThreadPoolExecutor(4)

    @app.get("/squares/<first:int>")
    def squares(first: int) -> dict[str, int]:
        futures = [pool.submit(pow, first + n, 2) for n in range(CALLS)]
        return {"total": sum(future.result() for future in futures)}

    logging.getLogger("waitress").setLevel(logging.ERROR)
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=CLIENTS)
    threading.Thread(target=server.run, daemon=True).start()
    start = time.perf_counter()
    command = [sys.executable, __file__, str(server.effective_port)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300)
    seconds = time.perf_counter() - start
    server.close()
    pool.shutdown()
    print(json.dumps({"seconds": seconds, "result": done.stdout.decode().strip()}))


def load(port: int) -> None:
    """Send all requests; print one digest of the answers."""
    answers: dict[int, bytes] = {}

    def ask(client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for number in range(REQUESTS):
            first = client * REQUESTS + number
            connection.request("GET", f"/squares/{first}")
            response = connection.getresponse()
            answers[first] = b"%d " % response.status + response.read()
        connection.close()

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(answers), hashlib.sha256(b"\n".join(answers[n] for n in sorted(answers))).hexdigest())


if __name__ == "__main__":
    load(int(sys.argv[1])) if len(sys.argv) > 1 else serve()
