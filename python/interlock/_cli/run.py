"""``interlock run``: execute a program as ``python`` would, with Interlock installed first.

The program sees the same as under ``python``: ``__main__``, ``sys.argv``, ``sys.path[0]``, exit statuses and the text
of tracebacks. It can notice Interlock only by our frames below its own (``sys._getframe``, a warning with a too large
``stacklevel``) and by the modules that Interlock has imported.
"""

import os
import sys

from interlock._cli import _main_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main"]

_USAGE = "usage: interlock run [-h] (FILE | -m MODULE | -c CODE | -) [ARGUMENT ...]"
_HELP = f"""{_USAGE}

Run a Python program on Interlock, unmodified.

  FILE       a script, or a directory or zip file that holds __main__.py
  -m MODULE  a module or package
  -c CODE    a program given as a string
  -          a program read from standard input

All arguments after that belong to the program. Pass interpreter options to python itself:
python -X dev -m interlock run FILE. With INTERLOCK=0 in the environment (or off, false, no), the
program runs on plain Python.
"""


def main(args: list[str]) -> int:
    """Run the program named by ``args``; return 0 when it ends normally.

    Blocks as long as the program runs. Raises what the program raises, including `SystemExit`; the interpreter
    then exits as it does for a plain program, with SIGINT after an uncaught `KeyboardInterrupt`.
    """
    if not args:
        _refuse("missing FILE, -m, -c or -")
    first, rest = args[0], args[1:]
    if first in ("-h", "--help"):
        print(_HELP, end="")
        return 0
    if first in ("-V", "--version"):
        import platform

        import interlock

        print(
            f"interlock {interlock.__version__} on {platform.python_implementation()} {platform.python_version()}"
        )
        return 0
    if first[:2] in ("-m", "-c"):
        operand = [first[2:]] if first[2:] else rest[:1]
        if not operand:
            _refuse(f"{first} needs an argument")
        rest = rest if first[2:] else rest[1:]
        start = _main_module.run_module if first[:2] == "-m" else _main_module.run_code
        _hand_over()
        start(operand[0], rest)
    elif first == "-":
        _hand_over()
        _main_module.run_stdin(rest)
    elif first.startswith("-"):
        _refuse(
            f"unknown option {first}; interpreter options go before -m: python {first} -m interlock run …"
        )
    else:
        hint = _hint(first)
        _hand_over()
        _main_module.run_path(first, rest, hint)
    return 0


def _hint(path: str) -> str:
    """Return a hint to print after 'no such file', if there is a module of that name. Does not import the module."""
    if path.isidentifier() and not os.path.exists(path):
        from importlib.util import find_spec

        if find_spec(path) is not None:
            return f"interlock run: {path} is a module; to run it: interlock run -m {path}"
    return ""


def _refuse(reason: str) -> "NoReturn":
    print(f"{_USAGE}\ninterlock run: {reason}", file=sys.stderr)
    sys.exit(2)


def _hand_over() -> None:
    """Prepare the process for the program: give it a ``__main__`` of its own, and install Interlock."""
    _main_module.replace_main()
    from interlock._install import install_at_start

    try:
        file = install_at_start()
    except ImportError as error:
        sys.exit(f"interlock run: cannot install: {error}")
    if file:
        _main_module.compile_with(file)
