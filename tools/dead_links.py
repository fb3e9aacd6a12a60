"""Links in the documentation of the face that lead nowhere.

`cargo doc` checks a link in the crate where it is written. The crate `interlock` shows items of other crates, but not
all items to which they link. Such a link stays as it was written: as an address `crate::Host`, or as text in brackets.

    python -m tools.dead_links target/docs/face/doc/interlock
"""

import re
import sys
from pathlib import Path

ADDRESS = re.compile(r'href="([^"#]*::[^"]*)"')
BRACKETS = re.compile(r"\[<code>([^<]*)</code>\]")
# Of another author's crate, whose trait is implemented for references.
NOT_OURS = {"Access::load"}


def dead_links(pages: Path) -> list[str]:
    """Each page with a link that leads nowhere, and where that should lead."""
    found = set()
    for page in sorted(pages.rglob("*.html")):
        text = page.read_text()
        links = set(ADDRESS.findall(text)) | set(BRACKETS.findall(text)) - NOT_OURS
        found |= {f"{page.relative_to(pages)}: {link}" for link in links}
    return sorted(found)


if __name__ == "__main__":
    pages = Path(sys.argv[1])
    dead = dead_links(pages) if (pages / "index.html").exists() else [f"no documentation in {pages}"]
    sys.exit("\n".join(dead) or None)
