"""threading.excepthook gets exceptions from threads, and the standard one prints a traceback to standard error."""

import io
import sys
import threading

heard = []
threading.excepthook = lambda args: heard.append(
    (args.exc_type.__name__, str(args.exc_value), args.thread.name)
)


def fail(kind):
    raise kind("on purpose")


def run(kind):
    thread = threading.Thread(target=fail, args=(kind,), name=f"t-{kind.__name__}")
    thread.start()
    thread.join()
    return thread.is_alive()


print(run(ValueError), run(SystemExit), run(KeyboardInterrupt))
print(heard)
threading.excepthook = threading.__excepthook__
sys.stderr, kept = io.StringIO(), sys.stderr
run(LookupError)
lines = sys.stderr.getvalue().splitlines()
sys.stderr = kept
print(lines[0], lines[-1], sum("in fail" in line for line in lines))
