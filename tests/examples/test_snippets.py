"""The Python snippets of the documentation run as they stand; some pages' print what their comments say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRINTING = ("docs/commands.md", "docs/futures.md", "docs/processes.md", "docs/schedulers.md")
PAGES = (*PRINTING, "docs/guide.md", "README.md")
TIMEOUT = 200


def snippets(page: str) -> list[tuple[str, str]]:
    """Return (place, code) of each block."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(f"{page}:{text[: match.start()].count(chr(10)) + 2}", match[1]) for match in found]


ALL = [snippet for page in PAGES for snippet in snippets(page)]


def run(code: str, tmp_path: Path) -> str:
    script = tmp_path / "snippet.py"
    script.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def promised(code: str) -> list[str]:
    """Return the output that the comments give: behind a print(), or on a line of their own."""
    return re.findall(r"^ *(?:print\(.*\)  )?# (.+)$", code, re.MULTILINE)


@pytest.mark.parametrize(
    "code", [pytest.param(code, id=where) for where, code in ALL if not where.startswith(PRINTING)]
)
def test_runs(code: str, tmp_path: Path) -> None:
    run(code, tmp_path)


@pytest.mark.parametrize(
    "code", [pytest.param(code, id=where) for where, code in ALL if where.startswith(PRINTING)]
)
def test_runs_and_prints_what_its_comments_say(code: str, tmp_path: Path) -> None:
    lines, comments = run(code, tmp_path).splitlines(), promised(code)
    assert len(lines) == len(comments)
    for line, comment in zip(lines, comments, strict=True):
        assert comment == line or comment.startswith(f"{line}: ")


def test_there_are_snippets() -> None:
    assert {where.partition(":")[0] for where, _ in ALL} == set(PAGES)
