"""Removes what the other tasks made: environments, built modules, caches and the target folder."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from tools.paths import ROOT, target_dir

CACHES = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis")


def rubbish(root: Path, target: Path) -> list[Path]:
    """What is to go, below `root` and at `target`."""
    found = [target, *(path.parent for path in root.glob(".venv*/pyvenv.cfg"))]
    found += [path for path in (root / "python" / "interlock").glob("_interlock*.so") if path.is_file()]
    for folder in (
        root,
        *(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")),
    ):
        if folder != target:
            pattern = "*" if folder == root else "**/*"
            found += [path for path in folder.glob(pattern) if path.name in CACHES and path.is_dir()]
    return [path for path in found if path.exists()]


def main() -> int:
    """Removes it, or says what would go."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="only print the paths")
    options = parser.parse_args()
    for path in rubbish(ROOT, target_dir()):
        if options.dry_run:
            print(path)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
