"""The checks, a file for each kind. Importing this package registers them all."""

from tools.tidy.checks import (
    architecture,
    atomics,
    blocking,
    cycles,
    data,
    layers,
    python_code,
    style,
    unsafe_code,
)

__all__ = [
    "architecture",
    "atomics",
    "blocking",
    "cycles",
    "data",
    "layers",
    "python_code",
    "style",
    "unsafe_code",
]
