"""What threads refuse, they refuse with the standard library's exceptions and words, and nothing changes."""

from __future__ import annotations

import pytest

from tests.parity.judge import OURS, attempt, outcome, same

pytestmark = pytest.mark.timeout(30)

SEE = "x.is_alive(), x.daemon, x.ident is None"

FORGETS = "class S(t.Thread):\n    def __init__(self): pass\nx = t.Thread()\n"
HAS_RUN = "x = t.Thread(target=int); x.start(); x.join()\n"
RUNS = "e = std.Event(); x = t.Thread(target=e.wait, args=(5,)); x.start()\n"

REFUSALS = {
    "starting twice": "x = t.Thread(target=int); x.start(); x.join()\nx.start()",
    "starting while it runs": f"{RUNS}[x.start() for _ in [e.set()]]",
    "joining before it starts": "x = t.Thread()\nx.join()",
    "joining before it starts, with a timeout": "x = t.Thread()\nx.join(0)",
    "joining the current thread": "x = t.current_thread()\nx.join()",
    "joining the current thread, with a timeout": "x = t.current_thread()\nx.join(0.1)",
    "making a thread that has run a daemon": f"{HAS_RUN}setattr(x, 'daemon', True)",
    "making the current thread a daemon": "x = t.current_thread()\nsetattr(x, 'daemon', True)",
    "making a thread that has run a daemon, the old way": f"{HAS_RUN}x.setDaemon(True)",
    "a group": "x = t.Thread()\nt.Thread(group=1)",
    "a subclass that forgets __init__": f"{FORGETS}S().start()",
    "a subclass that forgets __init__, joined": f"{FORGETS}S().join()",
    "a subclass that forgets __init__, alive": f"{FORGETS}S().is_alive()",
    "a subclass that forgets __init__, named": f"{FORGETS}S().name",
    "a negative stack": "x = t.Thread()\nt.stack_size(-1)",
    "a small stack": "x = t.Thread()\nt.stack_size(1)",
    "a Timer without a function": "x = t.Thread()\nt.Timer(1)",
    "setting the ident": "x = t.Thread()\nsetattr(x, 'ident', 1)",
    "setting the native id": "x = t.Thread()\nsetattr(x, 'native_id', 1)",
}
NO_MESSAGE_OF_ITS_OWN = {"a Timer without a function", "setting the ident", "setting the native id"}


@pytest.mark.filterwarnings("ignore:set.*deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", [name for name in REFUSALS if name not in NO_MESSAGE_OF_ITS_OWN])
def test_a_refusal_is_the_standard_librarys_and_changes_nothing(name: str) -> None:
    same(attempt(REFUSALS[name], SEE))


@pytest.mark.parametrize("name", sorted(NO_MESSAGE_OF_ITS_OWN))
def test_a_refusal_has_the_standard_librarys_class(name: str) -> None:
    *setup, call = REFUSALS[name].splitlines()
    code = "\n".join(
        [*setup, "try:", f"    said = {call}", "except Exception as e:", "    said = type(e)", "said"]
    )
    assert issubclass(same(code)[1], (TypeError, AttributeError))


def test_a_thread_that_could_not_start_is_as_before() -> None:
    """The operating system has no room for its stack."""
    code = """usual = t.stack_size(1 << 46)
x = t.Thread(target=int)
[x.start() for _ in [0]]"""
    see = "t.stack_size(usual), x.is_alive(), x.ident is None, x in t.enumerate()"
    same(attempt(code, see))
    assert outcome(OURS, attempt(code, f"{see}, x.start(), x.join()"))[0] == "returned"


def test_a_thread_cannot_join_itself_from_inside() -> None:
    same("""
        said = []
        def run():
            try: t.current_thread().join()
            except RuntimeError as error: said.append(str(error))
        x = t.Thread(target=run)
        x.start()
        x.join()
        said
    """)
