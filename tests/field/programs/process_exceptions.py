"""A process that sends its exception to the parent."""

import multiprocessing as mp
import traceback


class Process(mp.Process):
    def __init__(self, *args, **kwargs):
        mp.Process.__init__(self, *args, **kwargs)
        self._pconn, self._cconn = mp.Pipe()
        self._exception = None

    def run(self):
        try:
            mp.Process.run(self)
            self._cconn.send(None)
        except Exception as e:
            tb = traceback.format_exc()
            self._cconn.send((e, tb))

    @property
    def exception(self):
        if self._pconn.poll():
            self._exception = self._pconn.recv()
        return self._exception


def target():
    raise ValueError("Something went wrong...")


def fine():
    pass


def raising():
    raise KeyError("left alone")


if __name__ == "__main__":
    p = Process(target=target)
    p.start()
    p.join()
    error, tb = p.exception
    print(repr(error), tb.splitlines()[-1], p.exitcode)
    p = Process(target=fine)
    p.start()
    p.join()
    print(p.exception, p.exitcode)
    import sys

    sys.stderr = sys.stdout
    p = mp.Process(target=raising, name="third")
    p.start()
    p.join()
    print(p.exitcode, p.name, p.is_alive())
    p = mp.Process(target=sys.exit, args=("a message",))
    p.start()
    p.join()
    print(p.exitcode)
    p = mp.Process(target=sys.exit, args=(7,))
    p.start()
    p.join()
    print(p.exitcode, p.name, p.is_alive())
