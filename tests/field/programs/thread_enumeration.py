"""What tools use: enumerate(), names, idents, native ids, current_frames, active_count, daemon, main_thread."""

import sys
import threading

began, gate = threading.Barrier(4), threading.Event()


def deep_inside():
    began.wait(60)
    gate.wait(60)


before = threading.active_count()
threads = [threading.Thread(target=deep_inside, name=f"worker {n}", daemon=n == 2) for n in range(3)]
for thread in threads:
    thread.start()
began.wait(60)
print(
    threading.active_count() - before, [t.name for t in threading.enumerate() if t.name.startswith("worker")]
)
frames = sys._current_frames()


def functions(thread):
    frame, names = frames[thread.ident], set()
    while frame:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return {"deep_inside", "run", "_bootstrap_inner", "_bootstrap"} <= names


print([functions(thread) for thread in threads])
print(len({t.ident for t in threads}), len({t.native_id for t in threads}), [t.daemon for t in threads])
print(threading.main_thread() is threading.current_thread(), threading.main_thread().name)
print(all(threading._active[t.ident] is t for t in threads), len(threading._limbo))
gate.set()
for thread in threads:
    thread.join()
print(
    threading.active_count() - before,
    [t.is_alive() for t in threads],
    [t.ident in threading._active for t in threads],
)
