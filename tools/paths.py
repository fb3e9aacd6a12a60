"""Where things are in the checkout."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout's top folder."""


def target_dir() -> Path:
    """The one folder for everything that is built; `CARGO_TARGET_DIR` moves it."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").absolute()
