"""Executes a program in ``__main__`` as the interpreter's own start-up code does (Modules/main.c).

Each ``run_*`` function sets ``sys.argv``, ``sys.path[0]`` and the attributes of ``__main__``, then executes
the program through `_as_main`. Like ``python``, it uses ``runpy`` for a module, a directory and a zip file.
"""

import _imp
import builtins
import os
import sys
from _frozen_importlib import BuiltinImporter, ModuleSpec  # always loaded, unlike `importlib`
from _frozen_importlib_external import (
    MAGIC_NUMBER,
    ExtensionFileLoader,
    SourceFileLoader,
    SourcelessFileLoader,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, ModuleType, TracebackType
    from typing import Any

__all__ = ["compile_with", "replace_main", "run_code", "run_module", "run_path", "run_stdin"]

_launcher: "list[ModuleType]" = []  # keeps the launcher's own module alive
_compilers: "list[Callable[[str | bytes, str], CodeType | None]]" = []


def compile_with(file: str) -> None:
    """Compile the program with a function of the extension module in this file.

    It does the same as `compile`, whose first call takes longer than all the rest of ``interlock run``.
    """
    name = "interlock._start"
    try:
        module = _imp.create_dynamic(ModuleSpec(name, ExtensionFileLoader(name, file), origin=file))
        _imp.exec_dynamic(module)
    except ImportError:
        return  # if the program imports it, that import will raise the error
    _compilers.append(module.compile_program)


def replace_main() -> None:
    """Replace the launcher's ``__main__`` with a new one, made as the interpreter makes it at start-up."""
    main = type(sys)("__main__")
    namespace = vars(main)
    namespace["__loader__"] = BuiltinImporter
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    namespace["__builtins__"] = builtins
    _launcher.append(sys.modules["__main__"])
    sys.modules["__main__"] = main
    if "__mp_main__" in sys.modules:  # multiprocessing's other name for ``__main__``
        sys.modules["__mp_main__"] = main


def run_path(path: str, args: list[str], hint: str = "") -> None:
    """``python PATH ARGS``: a script, or a directory or zip file with a ``__main__``.

    If the file can't be read, prints the message of ``python`` and the hint, and ends the process.
    """
    sys.argv[:] = [path, *args]
    absolute = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
    if _is_importable_from(absolute):
        if sys.flags.safe_path:
            sys.path.insert(0, absolute)
        else:
            sys.path[0] = absolute
        _as_main(lambda: _run_by_runpy("__main__", False))
        return
    _set_path0(os.path.dirname(os.path.realpath(path)))
    try:
        with open(absolute, "rb") as file:
            source = file.read()
    except OSError as error:
        print(
            f"{sys.orig_argv[0]}: can't open file {absolute!r}: [Errno {error.errno}] {error.strerror}",
            file=sys.stderr,
        )
        if hint:
            print(hint, file=sys.stderr)
        sys.exit(2)
    compiled = absolute.endswith(".pyc") or source[:2] == MAGIC_NUMBER[:2]
    loader = (SourcelessFileLoader if compiled else SourceFileLoader)("__main__", absolute)
    _set_main(**_file(absolute), __loader__=loader)
    _as_main(lambda: _execute(loader.get_code("__main__") if compiled else _compile(source, absolute)))


def run_module(name: str, args: list[str]) -> None:
    """``python -m NAME ARGS``."""
    sys.argv[:] = ["-m", *args]
    _set_path0(os.getcwd())
    _as_main(lambda: _run_by_runpy(name, True))


def run_code(source: str, args: list[str]) -> None:
    """``python -c SOURCE ARGS``."""
    sys.argv[:] = ["-c", *args]
    _set_path0("")
    if sys.version_info >= (3, 14) and all(
        line[:1] in " \t" or not line.strip() for line in source.split("\n")
    ):
        import textwrap  # for an indented program only, because it loads modules that the program may not need

        source = textwrap.dedent(source)

    def execute() -> None:
        code = _compile(source, "<string>")
        if sys.version_info >= (3, 13):
            _remember_source(code, source)
        _execute(code)

    _as_main(execute)


def run_stdin(args: list[str]) -> None:
    """``python - ARGS`` with a program on standard input."""
    sys.argv[:] = ["-", *args]
    _set_path0("")
    source = sys.stdin.buffer.read()
    _set_main(**_file("<stdin>"))
    _as_main(lambda: _execute(_compile(source, "<stdin>")))


def _run_by_runpy(name: str, alter_argv: bool) -> None:
    """Call the function that the interpreter calls for these; no other function runs code in the real ``__main__``."""
    import runpy

    runpy._run_module_as_main(name, alter_argv)  # type: ignore[attr-defined]


def _is_importable_from(path: str) -> bool:
    """Whether an import hook accepts the path as an entry of ``sys.path``: a directory, a zip file."""
    for hook in sys.path_hooks:
        try:
            hook(path)
        except ImportError:
            continue
        return True
    return False


def _set_path0(directory: str) -> None:
    # Under -P and -I, sys.path[0] is not the launcher's directory, and python does not put the program's there.
    if not sys.flags.safe_path:
        sys.path[0] = directory


def _file(name: str) -> "dict[str, Any]":
    """Return the attributes for a module's file; up to 3.14 also ``__cached__``, which is None."""
    return {"__file__": name} if sys.version_info >= (3, 15) else {"__file__": name, "__cached__": None}


def _set_main(**attributes: "Any") -> None:
    vars(sys.modules["__main__"]).update(attributes)


def _compile(source: str | bytes, filename: str) -> "CodeType":
    for quick in _compilers:
        code = quick(source, filename)
        if code is not None:
            return code
    return compile(source, filename, "exec", dont_inherit=True)


def _execute(code: "CodeType | None") -> None:
    if code is not None:
        exec(code, vars(sys.modules["__main__"]))


def _remember_source(code: "CodeType", source: str) -> None:
    """Let tracebacks show the lines of a ``-c`` program, as Python does from 3.13 on."""
    import linecache

    if hasattr(linecache, "_interactive_cache"):
        linecache._register_code(code, source, "<string>")  # type: ignore[attr-defined]
    else:  # 3.13.0
        lines = [f"{line}\n" for line in source.splitlines()]
        linecache.cache["<string>"] = (len(source), None, lines, "<string>")


# ---- exceptions that the program does not catch ---------------------------------------------------------


def _as_main(program: "Callable[[], None]") -> None:
    """Execute the program, and let the interpreter report an exception as if our frames were not there.

    The exception propagates to the interpreter, which knows how to end the process (its exit status, death by
    SIGINT). On the way, each of our frames is added to the traceback. So we remove them at the last moment, in a
    `sys.excepthook` that replaces the program's for one call.
    """
    try:
        program()
    except SystemExit:
        raise
    except BaseException:
        _report_without_us()
        raise


def _report_without_us() -> None:
    hook = sys.excepthook

    def report(kind: type[BaseException], value: BaseException, traceback: "TracebackType | None") -> None:
        sys.excepthook = hook
        traceback = _without_us(traceback)
        value.__traceback__ = sys.last_traceback = traceback
        try:
            hook(kind, value, traceback)
        except SystemExit:
            raise
        except BaseException as failure:
            # The interpreter prints the same in this case.
            if failure.__traceback__ is not None:
                failure.__traceback__ = failure.__traceback__.tb_next
            print("Error in sys.excepthook:", file=sys.stderr)
            sys.__excepthook__(type(failure), failure, failure.__traceback__)
            print("\nOriginal exception was:", file=sys.stderr)
            sys.__excepthook__(kind, value, traceback)

    sys.excepthook = report


def _without_us(traceback: "TracebackType | None") -> "TracebackType | None":
    """Return the traceback from where `_as_main` called the program: runpy's frames, if any, and the program's."""
    while traceback is not None and traceback.tb_frame.f_code is not _as_main.__code__:
        traceback = traceback.tb_next
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    return traceback
