"""Texts cut to the length that Telegram takes, which counts in UTF-16 units, at ends of paragraphs and sentences."""

from __future__ import annotations

import re
from typing import Final

LONGEST_TEXT: Final = 4096
LONGEST_CAPTION: Final = 1024

# The best places first: after a paragraph, a line, a sentence, a word.
_BREAKS: Final = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?…])[\"'”’)]*\s"),
    re.compile(r"\s"),
)


def units(text: str) -> int:
    """Length of a text as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, limit: int = LONGEST_TEXT) -> list[str]:
    """The text in pieces of at most `limit` units, none of them empty."""
    pieces = []
    rest = text.strip()
    while units(rest) > limit:
        cut = _place(rest, _prefix_length(rest, limit))
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [piece for piece in [*pieces, rest] if piece]


def shortened(text: str, limit: int) -> str:
    """The beginning of a text that fits, with an ellipsis where something is missing."""
    if units(text) <= limit:
        return text
    return f"{text[: _prefix_length(text, limit - 1)].rstrip()}…"


def _prefix_length(text: str, limit: int) -> int:
    """How many characters from the start fit into a number of units."""
    length = used = 0
    for char in text:
        used += 2 if ord(char) > 0xFFFF else 1
        if used > limit:
            break
        length += 1
    return length


def _place(text: str, longest: int) -> int:
    """Where to cut: at the best kind of break in the second half of what fits, otherwise where it is full."""
    for kind in _BREAKS:
        ends = [found.end() for found in kind.finditer(text, longest // 2, longest + 1)]
        if ends:
            return ends[-1]
    return longest
