"""Runs the checks and prints what breaks a rule as `path:line: id what to do`."""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path

from tools.paths import ROOT
from tools.tidy import checks
from tools.tidy.registry import CHECKS
from tools.tidy.tree import Tree


def main(arguments: list[str] | None = None) -> int:
    """The exit status is 0 when no rule is broken."""
    parser = argparse.ArgumentParser(prog="python -m tools.tidy", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout; by default this one")
    parser.add_argument("--list", action="store_true", help="only print the rules and how each is checked")
    parser.add_argument("ids", nargs="*", help="checks to run, for example I1 S-files; by default all")
    options = parser.parse_args(arguments)
    assert checks.__all__
    wanted = [
        c
        for c in CHECKS.values()
        if not options.ids or c.id in options.ids or c.id.split("-")[0] in options.ids
    ]
    if options.list:
        for one in wanted:
            print(
                f"{one.id}: {one.rule}\n    {inspect.cleandoc(one.find.__doc__ or '')}".replace(
                    "\n", "\n    "
                )
            )
        return 0
    tree, count = Tree(options.root), 0
    for one in wanted:
        for finding in sorted(set(one.find(tree))):
            print(f"{finding.path}:{finding.line}: {one.id} {finding.advice}")
            count += 1
    print(f"tidy: {len(wanted)} checks, {count} findings", file=sys.stderr)
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
