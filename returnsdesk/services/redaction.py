"""Taking the words that name a person out of texts and out of JSON, as they are written and as they are encoded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final
from urllib.parse import quote_plus

from returnsdesk.db.message_search import search_text

ERASED: Final = "[erased]"
_SMALL: Final = str.maketrans(ascii_uppercase, ascii_lowercase)


class Redaction:
    """What to take out; `spellings` are the lower-case texts by which a database finds where that may stand."""

    def __init__(self, words: Iterable[str]) -> None:
        """Prepare for the words, the longest first, so that a part never leaves the rest of a whole."""
        ordered = sorted({word for word in words if word.strip()}, key=len, reverse=True)
        self._pattern = re.compile("|".join(_pattern(word) for word in ordered), re.IGNORECASE)
        self._is_empty = not ordered
        self.spellings = sorted({text for word in ordered for text in _spellings(word)})

    def finds(self, value: str) -> bool:
        """Whether one of the words stands in a text."""
        return not self._is_empty and self._pattern.search(value) is not None

    def text(self, value: str) -> str:
        """A text without the words."""
        return value if self._is_empty else self._pattern.sub(ERASED, value)

    def value(self, value: Any) -> Any:
        """A value of JSON without the words, in keys as well."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(part) for part in value]
        if isinstance(value, dict):
            return {self.text(str(name)): self.value(part) for name, part in value.items()}
        return value

    def raw_json(self, written: str) -> str:
        """JSON as text, without the words; text that is none is treated as a text."""
        try:
            return json.dumps(self.value(json.loads(written)))
        except ValueError:
            return self.text(written)


def _pattern(word: str) -> str:
    """The word in all its spellings, not within a longer word or number."""
    found = "|".join(re.escape(text) for text in sorted(_spellings(word), key=len, reverse=True))
    return rf"(?<![^\W_])(?:{found})(?![^\W_])"


def _spellings(word: str) -> set[str]:
    return {
        word.lower(),
        # As SQLite, which knows A to Z only, makes capitals small.
        word.upper().translate(_SMALL),
        word.translate(_SMALL),
        quote_plus(word).lower(),
        # As JSON stands in the database.
        json.dumps(word)[1:-1].lower(),
        json.dumps(word.lower())[1:-1],
        json.dumps(word.upper())[1:-1].lower(),
        search_text(word),
    } - {""}
