"""The command lines of children: `ps`, and libraries that tell workers and helpers apart, go by them."""

from __future__ import annotations

import pytest

from tests.processes.conftest import Run


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_a_child_looks_like_the_standard_librarys(run: Run, start: str) -> None:
    run(
        """
        import multiprocessing
        import os, pathlib

        HELPERS = "resource_tracker", "semaphore_tracker"

        def line_of(pid):
            return pathlib.Path(f"/proc/{pid}/cmdline").read_text()

        def child(end):
            end.send((line_of(os.getpid()), line_of(os.getppid())))

        def main():
            context = multiprocessing.get_context(METHOD)
            here, there = context.Pipe()
            process = context.Process(target=child, args=(there,))
            process.start()
            own, parents = here.recv()
            process.join()
            assert not any(helper in own for helper in HELPERS), own
            if METHOD == "spawn":
                assert "from multiprocessing.spawn import spawn_main; spawn_main(" in own, own
                assert "--multiprocessing-fork" in own, own
                assert "multiprocessing.forkserver" not in own, own
            else:
                assert "from multiprocessing.forkserver import main" in own, own
                assert "from multiprocessing.forkserver import main" in parents, parents
        """,
        start,
    )
