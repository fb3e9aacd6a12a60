"""The code that a spawned child runs first, as text: the child does not have to find a module of ours for it.

It does what `multiprocessing.spawn.spawn_main` does, without importing modules that only few children need:
`subprocess`, `runpy` with `pkgutil`, `socket` with `selectors`, and `multiprocessing.resource_tracker` (with `json` and
`base64` on newer versions). They are imported when code asks for them. No other code of the program runs meanwhile: the
child has one thread.

Objects that exist by then stay until the exit anyway, so the garbage collector skips them (`gc.freeze`). That saves a
tenth of the child's run time: the interpreter collects three times while it ends.

Tools recognize processes by their command lines, of which this text is a part. So it does not name the module of the
resource tracker in one piece, and begins with the standard library's line as a comment.
"""

from __future__ import annotations

import sys

__all__ = ["program"]

_PROGRAM = """\
import sys
def main(data, life, tracker, parent, cached):
    import os
    if parent:
        import fcntl
        fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(life, fcntl.F_SETSIG, 15)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
        if os.getppid() != parent:
            os.kill(os.getpid(), 15)
    Module, modules = type(sys), sys.modules
    attribute = '_resource' '_tracker'
    trackers = 'multiprocessing.' + attribute[1:]
    stands_in = []
    def stand_in(name, **attributes):
        if name not in modules:
            stands_in.append(name)
            modules[name] = Module(name)
            modules[name].__dict__.update(attributes)
    def flags():
        from subprocess import _args_from_interpreter_flags
        return _args_from_interpreter_flags()
    def run_module(*args, **kwargs):
        import runpy
        spawn.runpy = runpy
        return runpy.run_module(*args, **kwargs)
    def run_path(path, run_name):
        import io
        with io.open_code(path) as file:
            source = file.read()
        if not path.endswith('.py') or b'PK\\5\\6' in source:
            import runpy
            spawn.runpy = runpy
            return runpy.run_path(path, run_name=run_name)
        code = compile(source, path, 'exec')
        module = Module(run_name)
        names = module.__dict__
        names.update(cached, __name__=run_name, __file__=path, __doc__=None, __loader__=None, __package__='',
                     __spec__=None)
        saved, script = modules.get(run_name), sys.argv[0]
        modules[run_name] = module
        sys.argv[0] = path
        try:
            exec(code, names)
        finally:
            sys.argv[0] = script
            if saved is None:
                del modules[run_name]
            else:
                modules[run_name] = saved
        return names.copy()
    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name not in later:
                return None
            complete = later.pop(name)
            if not later:
                sys.meta_path.remove(Finder)
            import importlib.util
            spec = importlib.util.find_spec(name)
            run = spec.loader.exec_module
            def exec_module(module):
                del spec.loader.exec_module
                run(module)
                complete(module)
            spec.loader.exec_module = exec_module
            return spec
    def has_come(module):
        getattr(module, attribute)._fd = tracker
    class Socket:
        sendmsg = None
    def socket_attribute(name):
        import socket
        return getattr(socket, name)
    def sockets_have_come(module):
        if reduction.socket is no_socket:
            reduction.socket = module
        reduction.register(module.socket, reduction._reduce_socket)
    later = {}
    stand_in('subprocess', _args_from_interpreter_flags=flags)
    stand_in('runpy', run_module=run_module, run_path=run_path)
    stand_in('socket', socket=Socket, CMSG_LEN=None, SCM_RIGHTS=None)
    if trackers in modules:
        has_come(modules[trackers])
    else:
        later[trackers] = has_come
    try:
        from multiprocessing import reduction, spawn
    finally:
        for name in stands_in:
            del modules[name]
    if 'socket' in stands_in:
        reduction.ForkingPickler._extra_reducers.pop(Socket, None)
        no_socket = reduction.socket
        no_socket.__dict__.clear()
        no_socket.__dict__.update(__name__='socket', __getattr__=socket_attribute)
        later['socket'] = sockets_have_come
    if later:
        sys.meta_path.insert(0, Finder)
    import gc
    gc.freeze()
    return spawn._main(data, life)
"""


def program(data: int, life: int, tracker: int, parent: int) -> str:
    """Return the program of a child that reads its work from `data`.

    `parent` is the parent's pid if the child has to end with the parent, and 0 otherwise.
    """
    cached = {} if sys.version_info >= (3, 15) else {"__cached__": None}
    return f"{_PROGRAM}sys.exit(main({data}, {life}, {tracker}, {parent}, {cached}))"
