"""The command ``interlock``: run a program on Interlock, check the installation, compare with plain Python.

``run`` hands its process over to the program and must leave as little behind as possible. So each command is imported
only when it is called, and ``argparse`` only for the other commands.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run the command line ``argv`` (default: ``sys.argv[1:]``) and return the exit status.

    ``interlock run`` executes the program in this process: it does not return if the program exits, and
    raises the program's exceptions.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    if args[:1] == ["run"]:
        from interlock._cli import run

        return run.main(args[1:])
    parser = _parser()
    if not args:
        parser.print_help()
        return 0
    options = parser.parse_args(args)
    try:
        status: int = options.command(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130  # the exit status by which shells report SIGINT
    return status


def _parser() -> "argparse.ArgumentParser":
    import argparse

    import interlock
    from interlock._cli import demo, doctor

    parser = argparse.ArgumentParser(
        prog="interlock",
        description="Python's threading, queue and thread pools (concurrent.futures, multiprocessing.pool), "
        "rebuilt in Rust.",
        epilog="With INTERLOCK=0 in the environment (or off, false, no), `interlock run` runs the program on plain "
        "Python.",
    )
    parser.add_argument("--version", action="version", version=f"interlock {interlock.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    # Only for --help; main() never passes its arguments to argparse.
    commands.add_parser("run", help="run an unmodified program on Interlock (interlock run --help)")
    doctor.add_parser(commands)
    demo.add_parser(commands)
    return parser
