"""The interpreter's options that make it strict, or leave things out, change nothing and bring no warning of ours."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.processes.programs import FORMS, LIMIT

_PROGRAM = """
    {imports}

    def put(queue, connection, number, text, lock, event):
        with lock:
            queue.put(b"x")
            connection.send({{1: b"x"}})
            number.value += 1
            text.value = b"y"
        event.set()
        connection.close()

    def same(x):
        return x

    def main():
        context = multiprocessing.get_context({method!r})
        queue, (ours, theirs) = context.Queue(), context.Pipe()
        shared = context.Value("i", 1), context.Array("c", b"xx"), context.Lock(), context.Event()
        process = context.Process(target=put, args=(queue, theirs, *shared))
        process.start()
        assert (queue.get(timeout=60), ours.recv(), shared[-1].wait(60)) == (b"x", {{1: b"x"}}, True) or not __debug__
        process.join()
        print([shared[0].value, shared[1].value], process.exitcode)
        for each in (process, queue, ours, theirs):
            each.close()
        queue.join_thread()
        with context.Pool(2) as pool:
            print([pool.map(same, range(3)), pool.apply_async(same, (b"x",)).get(60)])
            pool.close()
            pool.join()
        with ProcessPoolExecutor(2, context) as executor:
            print(list(executor.map(same, [1, b"x", "y"])))
        with context.Manager() as manager:
            print(dict(manager.dict(x=1)))
        print([subprocess.run(["echo", b"x"], capture_output=True).stdout])

    if __name__ == "__main__":
        main()
"""

_IMPORTS = {
    "import": """
    from interlock import multiprocessing, subprocess
    from interlock.concurrent.futures import ProcessPoolExecutor
    """,
    "install": """
    import interlock
    interlock.install()
    import multiprocessing, subprocess
    from concurrent.futures import ProcessPoolExecutor
    """,
}

_PRINTED = """\
[2, b'y'] 0
[[0, 1, 2], b'x']
[1, b'x', 'y']
{'x': 1}
[b'x\\n']
"""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("options", [("-bb",), ("-X", "dev", "-W", "error"), ("-OO",)])
def test_strict_interpreters_have_nothing_to_say(
    tmp_path: Path, form: str, method: str, options: tuple[str, ...]
) -> None:
    path = tmp_path / "program.py"
    program = textwrap.dedent(_PROGRAM).format(imports=textwrap.dedent(_IMPORTS[form]), method=method)
    path.write_text(program, encoding="utf-8")
    command = [sys.executable, *options, str(path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (_PRINTED, "", 0)
