"""Output of a command as it comes: readline loops, a thread that reads into a queue, select, not blocking."""

import fcntl, os, queue, select, subprocess, sys, threading

PY = sys.executable
p = subprocess.Popen(
    [PY, "-u", "-c", "for i in range(5): print('line', i)"], stdout=subprocess.PIPE, text=True, bufsize=1
)
for line in iter(p.stdout.readline, ""):
    print(line, end="")
p.stdout.close()
print(p.wait())


def reader(out, q):
    for line in iter(out.readline, b""):
        q.put(line)
    out.close()


p = subprocess.Popen(
    [PY, "-c", "print('a'); print('b')"], stdout=subprocess.PIPE, bufsize=1 if False else -1, close_fds=True
)
q = queue.Queue()
t = threading.Thread(target=reader, args=(p.stdout, q), daemon=True)
t.start()
t.join()
print(q.qsize(), q.get(), p.wait())

p = subprocess.Popen(
    [PY, "-c", "import sys; print('out'); print('err', file=sys.stderr)"],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
)
open_ones = {p.stdout.fileno(): p.stdout, p.stderr.fileno(): p.stderr}
got = {}
while open_ones:
    for fd in select.select(list(open_ones), [], [])[0]:
        data = os.read(fd, 100)
        if data:
            got.setdefault("out" if fd == p.stdout.fileno() else "err", b"")
            got["out" if fd == p.stdout.fileno() else "err"] += data
        else:
            open_ones.pop(fd)
print(sorted(got.items()), p.wait())

p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
fl = fcntl.fcntl(p.stdout, fcntl.F_GETFL)
fcntl.fcntl(p.stdout, fcntl.F_SETFL, fl | os.O_NONBLOCK)
print(p.stdout.read(10))
p.stdin.write(b"hello")
p.stdin.flush()
select.select([p.stdout], [], [])
print(p.stdout.read(10))
p.stdin.close()
print(p.wait(), p.returncode, p.poll())

p = subprocess.Popen(
    [PY, "-i", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
)
print(p.communicate("print(6*7)\nexit(3)\n"), p.returncode)
