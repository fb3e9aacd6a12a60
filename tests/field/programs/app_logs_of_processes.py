"""Logs of several processes: a queue and a listener thread, a file that rotates, records with what went wrong."""

import logging
import logging.handlers
import multiprocessing
import pathlib
import tempfile
import threading


def worker(records, number, lines):
    root = logging.getLogger()
    root.handlers[:] = [logging.handlers.QueueHandler(records)]
    root.setLevel(logging.DEBUG)
    log = logging.getLogger(f"worker.{number}")
    for line in range(lines):
        log.info("line %03d", line, extra={"number": number})
    try:
        raise LookupError(f"in worker {number}")
    except LookupError:
        log.exception("failed")

    def in_thread():
        log.warning("from %s", threading.current_thread().name)

    threads = [threading.Thread(target=in_thread, name=f"helper-{n}") for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def listen(records, handler):
    for record in iter(records.get, None):
        handler.handle(record)


def run(context, folder):
    path = folder / "app.log"
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=2000, backupCount=50, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(processName)s %(message)s"))
    records = context.Queue()
    listener = threading.Thread(target=listen, args=(records, handler), name="listener")
    listener.start()
    processes = [
        context.Process(target=worker, args=(records, number, 40), name=f"process-{number}")
        for number in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    records.put(None)
    listener.join(60)
    handler.close()
    files = sorted(folder.glob("app.log*"))
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    lines = text.splitlines()
    print(len(files) > 3, all(file.stat().st_size <= 3000 for file in files))
    for number in range(3):
        own = sorted(line for line in lines if f"worker.{number} " in line and "INFO" in line)
        print(len(own), own[0], own[-1])
    print(sorted(line for line in lines if line.startswith("WARNING")))
    print(sum(line.startswith("LookupError") for line in lines), [process.exitcode for process in processes])


def with_listener_class():
    """The same in one process, with the standard library's listener."""
    seen = []

    class Keep(logging.Handler):
        def emit(self, record):
            seen.append((record.levelname, record.getMessage()))

    records = multiprocessing.Queue()
    listener = logging.handlers.QueueListener(records, Keep(), respect_handler_level=True)
    log = logging.getLogger("one")
    log.propagate = False
    log.setLevel(logging.INFO)
    log.addHandler(logging.handlers.QueueHandler(records))
    listener.start()
    log.info("first")
    log.debug("not shown")
    log.error("second %s", {"a": 1})
    listener.stop()
    print(seen)


def main():
    for method in ("fork", "spawn"):
        with tempfile.TemporaryDirectory() as folder:
            run(multiprocessing.get_context(method), pathlib.Path(folder))
    with_listener_class()


if __name__ == "__main__":
    main()
