"""The pages of the manual as tests read them: headings, links, blocks of code."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"(?P<mark><!-- run -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://)([^)\s]*)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of code; `to_run` where it is marked so."""

    kind: str
    text: str
    to_run: bool


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(match["kind"], match["text"], match["mark"] is not None) for match in found]


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Where a page points to, outside of code."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page)))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as Markdown's table of contents makes them; a repeated one gets a number."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"[^\w\s-]", "", heading).strip().lower()
        anchor = re.sub(r"[-\s]+", "-", plain)
        n = 1
        while (name := anchor if n == 1 else f"{anchor}_{n - 1}") in found:
            n += 1
        found.add(name)
    return found


def sections(page: Path) -> list[tuple[str, str]]:
    """Heading and text of each section of the second level, those below it included."""
    parts = re.split(r"^## (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))
