"""Writes one section of a Markdown page, between its markers, and keeps the rest of the page."""

from __future__ import annotations

from pathlib import Path


def write_section(page: Path, name: str, text: str, title: str) -> None:
    """Replace the section ``name`` of ``page``, or append it; a new page begins with ``title``."""
    begin, end = f"<!-- begin {name}: generated, do not edit -->", f"<!-- end {name} -->"
    section = f"{begin}\n\n{text.strip()}\n\n{end}"
    old = page.read_text(encoding="utf-8") if page.exists() else f"# {title}\n"
    if begin in old and end in old:
        head, _, rest = old.partition(begin)
        _, _, tail = rest.partition(end)
        new = head + section + tail
    else:
        new = f"{old.rstrip()}\n\n{section}\n"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(new, encoding="utf-8")


def table(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Make a Markdown table; the first ``left`` columns are aligned left, the others right."""
    rule = ["---" if column < left else "---:" for column in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])
