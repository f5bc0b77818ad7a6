"""What a shopper typed, made comparable: folded letters, tokens with their places, words without marks."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# Letters that Unicode does not take apart, and fractions that would otherwise glue to the number before them.
_LETTERS = {
    "ł": "l",
    "ø": "o",
    "æ": "ae",
    "œ": "oe",
    "ß": "ss",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "ı": "i",
    "½": ".5",
    "¼": ".25",
    "¾": ".75",
    "⅓": ".33",
    "⅔": ".67",
    "×": "x",
    "’": "'",
    "‘": "'",
    "`": "'",
    "´": "'",
    "–": "-",
    "—": "-",
    "‑": "-",
}
_TRANSLITERATIONS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"}
)
_TOKEN = re.compile(r"\d+(?:[.,]\d+)?|\.\d+|[^\W\d_]+(?:'[^\W\d_]+)*|[^\w\s]|_")
# A longer message is a pasted mail; its beginning says what it is about, and the time to read stays bounded.
LONGEST_TEXT = 2000
LONGEST_WORD = 40


@dataclass(frozen=True)
class Mention:
    """A place in a text with its meaning: `text[start:end]` was read as `value` of this `kind`."""

    kind: str
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Token:
    """A word, number or mark; `word` is folded and without apostrophes, the places are those of the original text."""

    word: str
    start: int
    end: int

    @property
    def is_word(self) -> bool:
        """Whether this is letters or a number, not punctuation or an emoji."""
        return self.word[:1].isalnum() or self.is_number

    @property
    def is_number(self) -> bool:
        """Whether this is written in digits."""
        return self.word[-1:].isdigit()


@lru_cache(maxsize=4096)
def _fold_letter(letter: str) -> str:
    lowered = letter.casefold()
    mapped = _LETTERS.get(letter) or _LETTERS.get(lowered)
    if mapped is not None:
        return mapped
    parts = unicodedata.normalize("NFKD", lowered)
    folded = "".join(part for part in parts if not unicodedata.combining(part))
    return "".join(_LETTERS.get(part, part) for part in folded.casefold())


def fold(text: str) -> str:
    """The text in small letters without diacritics; ł, ø, æ and ß become l, o, ae and ss."""
    return "".join(map(_fold_letter, text))


def fold_with_places(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters (and its end) the place in the original text."""
    folded: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        for part in _fold_letter(letter):
            # Blanks in a row are one, so that patterns need to know of one only.
            if not (part.isspace() and folded and folded[-1].isspace()):
                folded.append(part)
                places.append(place)
    return "".join(folded), [*places, len(text)]


def spellings(word: str) -> frozenset[str]:
    """The folded ways to type a word of a word list: "größer" is met as "grosser" and as "groesser"."""
    return frozenset((fold(word), fold(word.translate(_TRANSLITERATIONS))))


@lru_cache(maxsize=512)
def tokens(text: str) -> tuple[Token, ...]:
    """Words, numbers and marks in their order; letters and digits are parted, so "1000ml" is two tokens.

    Reads no further than `LONGEST_TEXT` characters.
    """
    folded, places = fold_with_places(text[:LONGEST_TEXT])
    found = []
    for match in _TOKEN.finditer(folded):
        start, end = places[match.start()], places[match.end() - 1] + 1
        word = match.group().replace("'", "") or match.group()
        found.append(Token(word[:LONGEST_WORD], start, end))
    return tuple(found)


def words(text: str) -> tuple[str, ...]:
    """The folded words and numbers of a text, without its marks."""
    return tuple(token.word for token in tokens(text) if token.is_word)
