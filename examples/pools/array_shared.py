"""A big array between processes: sent to workers as an argument, or shared so that they can write into it."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing.shared_memory import SharedMemory

SIZE = 1 << 20


def total(data):
    return sum(data[:: 1 << 10])


def fill(name, first, last, value):
    memory = SharedMemory(name)
    memory.buf[first:last] = bytes([value]) * (last - first)
    memory.close()


def main():
    data = bytearray(b"\x01") * SIZE
    memory = SharedMemory(create=True, size=SIZE)
    with ProcessPoolExecutor(max_workers=2) as executor:
        print("sums of what was sent:", [*executor.map(total, [data] * 3)])
        half = SIZE // 2
        parts = [(0, half, 7), (half, SIZE, 9)]
        for future in [executor.submit(fill, memory.name, *part) for part in parts]:
            future.result()
    print("written by the workers:", memory.buf[0], memory.buf[SIZE - 1])
    memory.close()
    memory.unlink()


if __name__ == "__main__":
    main()
