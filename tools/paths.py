"""Where things are in the checkout."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout's top folder."""

ON_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
"""Whether a machine without an audience runs this."""


def target_dir() -> Path:
    """The one folder for everything that is built; `CARGO_TARGET_DIR` moves it."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").absolute()
