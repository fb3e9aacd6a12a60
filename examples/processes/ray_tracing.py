"""Ray tracing of a small picture, with one process and with two, written to a PNG file.

    python ray_tracing.py [picture.png]

Each pixel is computed on its own, so the rows can be distributed: process n of N computes every Nth row. The rows come
back through a queue in any order, each with its number. The picture is the same in both cases.
"""

from __future__ import annotations

import multiprocessing
import struct
import sys
import tempfile
import zlib
from math import sqrt
from multiprocessing.queues import Queue
from pathlib import Path

WIDTH, HEIGHT = 96, 64
SPHERES = (((0.0, 0.0, 3.0), 1.0, 255), ((1.3, 0.4, 2.4), 0.5, 180), ((-1.4, -0.5, 2.6), 0.6, 220))
LIGHT = (-0.5, -0.7, -0.5)


def shade(across: float, down: float) -> int:
    """Return the brightness of the first object that the ray from the origin through this point meets."""
    nearest, brightness = 1e9, int(46 + 20 * down)
    length = sqrt(across * across + down * down + 1)
    ray = (across / length, down / length, 1 / length)
    for centre, radius, colour in SPHERES:
        along = sum(a * b for a, b in zip(ray, centre, strict=True))
        inside = along * along - sum(a * a for a in centre) + radius * radius
        if inside > 0 and 0 < (distance := along - sqrt(inside)) < nearest:
            normal = [(distance * a - b) / radius for a, b in zip(ray, centre, strict=True)]
            facing = sum(a * b for a, b in zip(normal, LIGHT, strict=True))
            nearest, brightness = distance, int(colour * max(0.1, min(1.0, facing)))
    return brightness


def trace(rows: range, out: Queue[tuple[int, bytes]]) -> None:
    for row in rows:
        down = (2 * row - HEIGHT) / HEIGHT
        out.put((row, bytes(shade((2 * x - WIDTH) / HEIGHT, down) for x in range(WIDTH))))


def render(processes: int) -> list[bytes]:
    out: Queue[tuple[int, bytes]] = multiprocessing.Queue()
    children = [
        multiprocessing.Process(target=trace, args=(range(first, HEIGHT, processes), out))
        for first in range(processes)
    ]
    for child in children:
        child.start()
    rows = dict(out.get() for _ in range(HEIGHT))
    for child in children:
        child.join()
    return [rows[row] for row in range(HEIGHT)]


def png(rows: list[bytes]) -> bytes:
    """Return a PNG file of 8-bit grey."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def write(rows: list[bytes], path: Path) -> None:
    path.write_bytes(png(rows))
    start = path.read_bytes()[:24]
    print("written:", start[1:4].decode(), "of", *struct.unpack(">II", start[16:24]))


def main() -> None:
    one, two = render(1), render(2)
    print("the same picture:", one == two, f"{zlib.crc32(b''.join(two)):08x}")
    if len(sys.argv) > 1:
        write(two, Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            write(two, Path(folder) / "spheres.png")
    for row in two[::4]:
        print("".join(" .:-=+*#%@"[grey * 10 // 256] for grey in row[::2]).rstrip())


if __name__ == "__main__":
    main()
