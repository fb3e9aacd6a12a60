"""Ways to run commands that people use."""

import io, os, shlex, signal, subprocess, sys, tempfile
from pathlib import Path
from unittest import mock

PY = sys.executable
print(subprocess.check_output("echo $((1+2)) | tr 3 4", shell=True))
p1 = subprocess.Popen(["printf", "b\\na\\n"], stdout=subprocess.PIPE)
p2 = subprocess.Popen(["sort"], stdin=p1.stdout, stdout=subprocess.PIPE)
p1.stdout.close()
print(p2.communicate(), p1.wait(), p2.returncode)
try:
    subprocess.run(
        [PY, "-c", "import sys; sys.stderr.write('bad'); sys.exit(3)"], check=True, capture_output=True
    )
except subprocess.CalledProcessError as e:
    print(e.returncode, e.stderr, e.cmd[1:], str(e)[-30:])
p = subprocess.Popen(["sleep", "100"], preexec_fn=os.setsid)
os.killpg(os.getpgid(p.pid), signal.SIGTERM)
print(p.wait())
p = subprocess.Popen(["sleep", "100"], start_new_session=True)
try:
    p.wait(timeout=0.01)
except subprocess.TimeoutExpired as e:
    print(e, e.timeout, e.output)
p.terminate()
print(p.wait())
p = subprocess.Popen(
    "echo out; sleep 100", shell=True, stdout=subprocess.PIPE, text=True, start_new_session=True
)
try:
    p.communicate(timeout=0.3)
except subprocess.TimeoutExpired as e:
    print(type(e.output), e.cmd)
    os.killpg(p.pid, signal.SIGKILL)
    print(p.communicate(), p.returncode)
r, w = os.pipe()
subprocess.run([PY, "-c", f"import os; os.write({w}, b'through')"], pass_fds=[w])
os.close(w)
print(os.read(r, 100))
os.close(r)
try:
    subprocess.run(["/no/such/program"])
except FileNotFoundError as e:
    print(e, e.filename, e.errno)
try:
    subprocess.run(["true"], cwd="/no/such/dir")
except FileNotFoundError as e:
    print(e, e.filename)
try:
    subprocess.Popen(["true"], cwd=3.5)
except TypeError as e:
    print(type(e).__name__)
with tempfile.TemporaryDirectory() as d:
    script = Path(d) / "s.sh"
    script.write_text("#!/bin/sh\necho script $1\n")
    try:
        subprocess.run([script, "x"])
    except PermissionError as e:
        print("PermissionError", e.errno)
    script.chmod(0o755)
    print(
        subprocess.run([script, "x"], capture_output=True, text=True).stdout,
        subprocess.run([Path("true")]).returncode,
    )
    with open(Path(d) / "out", "w+") as f:
        subprocess.call(["echo", "to a file"], stdout=f, stderr=subprocess.STDOUT)
        f.seek(0)
        print(f.read())
print(subprocess.run(["cat"], input="text\r\nmore", text=True, capture_output=True).stdout.encode())
print(subprocess.run(["cat"], input="ü", encoding="latin-1", capture_output=True).stdout)
print(subprocess.getstatusoutput("exit 3"), subprocess.getoutput("echo x; echo y >&2"))
print(
    subprocess.run(
        shlex.split("env -i A=1 env"), capture_output=True, env={"B": "2", "PATH": os.environ["PATH"]}
    ).stdout
)
with mock.patch("subprocess.Popen") as popen:
    popen.return_value.__enter__.return_value.communicate.return_value = ("mocked", None)
    popen.return_value.__enter__.return_value.poll.return_value = 0
    print(subprocess.run(["ls"]).stdout, popen.call_args)
with mock.patch("subprocess.run", return_value=1):
    print(subprocess.run("x"))


class Logged(subprocess.Popen):
    made = []

    def __init__(self, *args, **kwargs):
        self.made.append(args[0])
        super().__init__(*args, **kwargs)


with mock.patch("subprocess.Popen", Logged):
    print(subprocess.check_output(["echo", "sub"]), Logged.made)
with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
    p.stdin.write(b"with")
    p.stdin.close()
    print(p.stdout.read())
print(p.returncode, p.args, p.stdin.closed, p.universal_newlines, p.pipesize)
print(subprocess.list2cmdline(["a b", "c"]), subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL)
p = subprocess.Popen(["true"])
os.waitpid(p.pid, 0)
print(p.wait())
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(subprocess.call(["false"]))
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
print(subprocess.Popen(["sh", "-c", "kill -9 $$"]).wait())
try:
    subprocess.run(["true"], input="x", stdin=subprocess.PIPE)
except ValueError as e:
    print(e)
try:
    subprocess.run([])
except (IndexError, ValueError) as e:
    print(type(e).__name__, e)
try:
    subprocess.run(["a\0b"])
except ValueError as e:
    print(e)
p = subprocess.Popen(
    ["true"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, umask=0o22, group=os.getgid()
)
print(p.communicate())
