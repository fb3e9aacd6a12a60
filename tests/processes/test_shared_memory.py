"""Named blocks of shared memory: who tracks them, and what is left."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
from multiprocessing import resource_tracker
from pathlib import Path
from textwrap import dedent

import pytest
from interlock.multiprocessing.shared_memory import ShareableList, SharedMemory

BLOCKS = Path("/dev/shm")


def other(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program that is no relative of this one."""
    line = [sys.executable, "-c", dedent(program), *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("track", [None, True, False])
def test_one_life(track: bool | None) -> None:
    block = SharedMemory(create=True, size=10, track=track)
    assert (block.size, len(block.buf), block.name[:4]) == (10, 10, "psm_")
    block.buf[:3] = b"abc"
    attached = SharedMemory(block.name, track=track)
    assert bytes(attached.buf[:3]) == b"abc"
    attached.close()
    block.close()
    block.close()
    block.unlink()
    with pytest.raises(FileNotFoundError):
        block.unlink()
    with pytest.raises(FileNotFoundError):
        SharedMemory(block.name)


def test_bad_arguments() -> None:
    for arguments in ({"size": -1}, {"create": True}, {"create": False}):
        with pytest.raises(ValueError, match=r"size|name"):
            SharedMemory(**arguments)
    block = SharedMemory("interlock:odd name", create=True, size=1)
    try:
        with pytest.raises(FileExistsError):
            SharedMemory("interlock:odd name", create=True, size=1)
    finally:
        block.close()
        os.unlink(BLOCKS / "interlock:odd name")


@pytest.mark.parametrize("name", [5, b"name"])
def test_a_name_that_is_no_text_is_refused(name: object) -> None:
    with pytest.raises(TypeError, match="can only concatenate str"):
        SharedMemory(name)


def test_signature() -> None:
    assert list(inspect.signature(SharedMemory).parameters) == ["name", "create", "size", "track"]


def test_a_list_in_a_block() -> None:
    values = ShareableList([1, 2.5, "text", b"bytes", None, True])
    try:
        assert list(ShareableList(name=values.shm.name)) == [1, 2.5, "text", b"bytes", None, True]
    finally:
        values.shm.close()
        values.shm.unlink()


def test_a_stranger_that_attaches_leaves_the_block_alone() -> None:
    block = SharedMemory(create=True, size=10)
    try:
        program = """
            import sys
            from interlock.multiprocessing.shared_memory import SharedMemory
            block = SharedMemory(sys.argv[1])
            block.buf[0] = 7
            block.close()
        """
        done = other(program, block.name)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert block.buf[0] == 7
        assert (BLOCKS / block.name).exists()
    finally:
        block.close()
        block.unlink()


def test_a_stranger_that_unlinks_leaves_no_noise() -> None:
    program = """
        import subprocess, sys
        from interlock.multiprocessing.shared_memory import SharedMemory
        if len(sys.argv) > 1:
            block = SharedMemory(sys.argv[1])
            block.unlink()
        else:
            block = SharedMemory(create=True, size=10, track=False)
            subprocess.run([sys.executable, "-c", PROGRAM, block.name], check=True)
        block.close()
    """
    program = dedent(program)
    done = other(f"PROGRAM = {program!r}\n{program}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_block_goes_with_its_killed_creator() -> None:
    program = """
        import os, signal
        from interlock.multiprocessing.shared_memory import SharedMemory
        block = SharedMemory(create=True, size=10)
        print(block.name, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = other(program)  # waits for the end of the standard error stream, which the tracker has, too
    assert done.returncode == -signal.SIGKILL
    assert not (BLOCKS / done.stdout.strip()).exists()


def test_the_tracker_is_killed() -> None:
    program = """
        import os, signal, sys, warnings
        from multiprocessing import resource_tracker
        from interlock.multiprocessing.shared_memory import SharedMemory
        SharedMemory(create=True, size=10).unlink()
        os.kill(resource_tracker._resource_tracker._pid, signal.SIGKILL)
        os.waitid(os.P_PID, resource_tracker._resource_tracker._pid, os.WEXITED | os.WNOWAIT)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            SharedMemory(create=True, size=10).unlink()
        assert [str(w.message)[:39] for w in caught] == ["resource_tracker: process died unexpect"], caught
    """
    done = other(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_children_share_their_parents_tracker(tmp_path: Path) -> None:
    program = """
        import multiprocessing, sys
        from interlock.multiprocessing.shared_memory import SharedMemory

        def make(to):
            block = SharedMemory(create=True, size=10)
            block.buf[0] = 7
            to.send(block.name)
            block.close()

        if __name__ == "__main__":
            for method in multiprocessing.get_all_start_methods():
                context = multiprocessing.get_context(method)
                receiver, sender = context.Pipe(duplex=False)
                first = SharedMemory(create=True, size=1)  # now the family has its tracker
                process = context.Process(target=make, args=(sender,))
                process.start()
                block = SharedMemory(receiver.recv())
                process.join()
                assert process.exitcode == 0 and block.buf[0] == 7
                for one in (first, block):
                    one.close()
                    one.unlink()
    """
    path = tmp_path / "program.py"
    path.write_text(dedent(program), encoding="utf-8")
    line = [sys.executable, str(path)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_probe_wakes_the_tracker() -> None:
    resource_tracker.ensure_running()
    probes = []
    tracker = resource_tracker._resource_tracker
    tracker._check_alive = lambda: probes.append(1) or True  # type: ignore[method-assign]
    try:
        SharedMemory(create=True, size=10).unlink()
    finally:
        del tracker._check_alive
    assert not probes


_HEADS = {
    "import": """
        import sys
        from interlock.multiprocessing.shared_memory import SharedMemory
        from multiprocessing import resource_tracker
    """,
    "install": """
        import sys
        import interlock
        interlock.install()
        from multiprocessing.shared_memory import SharedMemory
        from multiprocessing import resource_tracker
    """,
}


@pytest.fixture(params=_HEADS)
def head(request: pytest.FixtureRequest) -> str:
    """Return the imports of a program, in each form."""
    return dedent(_HEADS[request.param])


@pytest.mark.parametrize("how", ["resource_tracker", "resource_tracker._resource_tracker"])
def test_who_has_the_tracker_forget_a_block_that_it_attached_to_sees_no_traceback(
    head: str, how: str
) -> None:
    """Programs do that, because the standard library's tracker would remove the block at their end."""
    block = SharedMemory(create=True, size=10)
    try:
        program = f"""
            block = SharedMemory(sys.argv[1])
            {how}.unregister(block._name, "shared_memory")
            block.close()
            kept = SharedMemory(create=True, size=1)
            {how}.unregister(kept._name, "shared_memory")
            print(kept.name)
        """
        done = other(head + dedent(program), block.name)
        assert (done.returncode, done.stderr) == (0, "")
        os.unlink(BLOCKS / done.stdout.strip())  # the tracker has forgotten it
        assert (BLOCKS / block.name).exists()
    finally:
        block.close()
        block.unlink()


@pytest.mark.parametrize("has_tracker", [False, True])
def test_a_program_that_keeps_its_blocks_from_the_tracker_leaves_them(head: str, has_tracker: bool) -> None:
    """By functions of its own in place of the tracker's, as many do."""
    program = f"""
        def keep(what):
            def kept(name, kind):
                if kind != "shared_memory":
                    what(name, kind)
            return kept

        resource_tracker.register = keep(resource_tracker.register)
        resource_tracker.unregister = keep(resource_tracker.unregister)
        del resource_tracker._CLEANUP_FUNCS["shared_memory"]
        if {has_tracker}:
            resource_tracker.ensure_running()
        blocks = [SharedMemory(create=True, size=1) for _ in range(2)]
        for block in blocks:
            block.close()
        blocks[0].unlink()
        print(blocks[1].name)
    """
    done = other(head + dedent(program))
    assert (done.returncode, done.stderr) == (0, "")
    os.unlink(BLOCKS / done.stdout.strip())
