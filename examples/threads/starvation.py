"""Starvation: overlapping readers keep a writer out; a fair lock does not.

Each reader stays until the next one has asked to come in. If readers may
always join other readers, the room is never empty and the writer waits until
the end. If newcomers queue behind a waiting writer, the writer comes next.
"""

from threading import Condition, Thread

READERS = 5


class Room:
    def __init__(self, fair: bool) -> None:
        self.fair = fair
        self.changed = Condition()
        self.asked = self.inside = self.visits = self.writers_waiting = 0
        self.visits_before_writer = -1

    def read(self, number: int) -> None:
        with self.changed:
            self.asked += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: not (self.fair and self.writers_waiting))
            self.inside += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.asked >= min(number + 1, READERS))
            self.inside -= 1
            self.visits += 1
            self.changed.notify_all()

    def write(self) -> None:
        with self.changed:
            self.writers_waiting += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.inside == 0)
            self.visits_before_writer = self.visits
            self.writers_waiting -= 1
            self.changed.notify_all()

    def wait_until(self, asked: int, writers: int) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.asked >= asked and self.writers_waiting >= writers)


def visits_before_writer(fair: bool) -> int:
    room = Room(fair)
    threads = [Thread(target=room.read, args=(1,)), Thread(target=room.write)]
    threads[0].start()
    room.wait_until(asked=1, writers=0)
    threads[1].start()
    room.wait_until(asked=1, writers=1)
    for number in range(2, READERS + 1):
        threads.append(Thread(target=room.read, args=(number,)))
        threads[-1].start()
        room.wait_until(asked=number, writers=0)
    for thread in threads:
        thread.join()
    return room.visits_before_writer


def main() -> None:
    print("the writer asks while reader 1 is inside")
    print(f"unfair: {visits_before_writer(fair=False)} of {READERS} readers were served before it")
    print(f"fair: {visits_before_writer(fair=True)} of {READERS} readers were served before it")


if __name__ == "__main__":
    main()
