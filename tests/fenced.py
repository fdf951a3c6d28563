"""Fenced code blocks of Markdown pages, for the tests that run them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its language, the line of its first line, its text."""

    language: str
    line: int
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of `page`, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1], text.count("\n", 0, found.start()) + 2, found[2])
        for found in _FENCED.finditer(text)
    ]


def prose(page: Path) -> str:
    """Return `page` without its fenced blocks."""
    return _FENCED.sub("", page.read_text(encoding="utf-8"))


def run_python(page: Path, block: Block, names: dict[str, object]) -> None:
    """Run a block with `names`; a failure points at its line of the page."""
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
    exec(code, names)
