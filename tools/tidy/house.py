"""The plan of the house as data: who may import whom, and the names that the rules speak of."""

from __future__ import annotations

ENGINE_EDGES: dict[str, set[str]] = {
    "os": set(),
    "wait": {"os"},
    "sync": {"wait"},
    "queue": {"wait", "sync"},
    "shm": {"os", "wait"},
    "pool": {"wait", "sync", "queue", "shm", "os"},
    "watch": {"wait"},
    "sim": {"wait"},
}
"""Which crate below the faces may depend on which."""

ALLOWED_EDGES: dict[str, set[str]] = {
    **ENGINE_EDGES,
    "interlock": set(ENGINE_EDGES),
    "python": {*ENGINE_EDGES, "interlock"},
}
"""The whole table. Dependencies for tests only are free."""

ALLOWED_EXTERNAL: dict[str, set[str]] = {
    "os": {"rustix", "libc"},
    "python": {"pyo3", "pyo3-build-config", "pyo3-ffi"},
}
"""Crates from outside that a crate may depend on; `loom` is free for `cfg(loom)`."""

BLOCK_FILE = "crates/wait/src/block.rs"
"""The one file that calls the kernel's waits."""

KERNEL_WAITS = r"interlock_os::(?:futex::(?:wait|lock|\*)|poll::|epoll::|pidfd::wait|process::wait)\w*"
"""Functions of the `os` crate that block."""

OTHER_WAITS = (
    r"std::thread::(?:sleep|park|\*)\w*"
    r"|std::sync::(?:(?:Mutex|RwLock|Condvar|Barrier|mpsc)\b|\*)"
    r"|parking_lot\b"
)
"""Ways to block that belong to others."""

PRIMITIVE_MODULE = "primitive.rs"
"""The name of the one file through which atomics come."""

DEMOS = "python/interlock/demos/"
"""Programs to show: they stand in the package and are written as its users write."""

MAX_UNSAFE_FILES_ABOVE_OS = 9
MAX_UNSAFE_LINES = 300
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_MAP_LINES = 250

INVARIANTS = tuple(f"I{number}" for number in range(1, 13))
