"""Makes the sdist of a small package that contains its own build backend, so a build downloads nothing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

BUILDER = """
import hashlib
import subprocess
import sys
import zipfile

INFO = "small-1.0.dist-info"


def get_requires_for_build_wheel(config_settings=None):
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    # What a compiler would be: another process, with an output.
    made = subprocess.run(
        [sys.executable, "-S", "-c", "print('ANSWER =', 6 * 7)"], stdout=subprocess.PIPE, check=True
    ).stdout
    files = {
        "small/__init__.py": open("small.py", "rb").read(),
        "small/made.py": made,
        f"{INFO}/METADATA": b"Metadata-Version: 2.1\\nName: small\\nVersion: 1.0\\n",
        f"{INFO}/WHEEL": b"Wheel-Version: 1.0\\nGenerator: own\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = "".join(f"{name},,{len(content)}\\n" for name, content in files.items())
    files[f"{INFO}/RECORD"] = f"{record}{INFO}/RECORD,,\\n".encode()
    name = "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(zipfile.ZipInfo(path), content)
    return name
"""
FILES = {
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "builder"\nbackend-path = ["."]\n',
    "builder.py": BUILDER,
    "small.py": "def answer():\n    from small.made import ANSWER\n\n    return ANSWER\n",
    "PKG-INFO": "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n",
}


def make(path: Path) -> None:
    """Write the sdist."""
    with tarfile.open(path, "w:gz") as archive:
        for name, text in FILES.items():
            content = text.encode()
            entry = tarfile.TarInfo(f"small-1.0/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
