"""Personal data in what a shopper wrote, and what stands in its place when the words are kept as an example."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from returnsdesk.domain.mentions import find_mentions
from returnsdesk.domain.text import fold
from returnsdesk.domain.words import is_everyday


@dataclass(frozen=True)
class StandIn:
    """`text[start:end]` is personal data of a kind, and `words` say something of the same form about nobody."""

    kind: str
    start: int
    end: int
    words: str


_NAME: Final = "Kim"
_EMAIL: Final = "kim@example.com"
_ADDRESS: Final = "https://example.com"
_DIGITS: Final = "1234567890"
_LETTERS: Final = "AB"
_PERSONAL: Final = ("email", "rma_number", "order_number", "postcode", "code")

_WEB_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w.])@\w{3,}")
# Telephone, account and card numbers: many digits, with the marks that people put between them.
_DATE = r"\d{4}-\d\d-\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?!\d)"
_LONG_NUMBER = re.compile(
    rf"(?<!\w)(?!{_DATE})(?:\+|[A-Z]{{2}}(?=\d{{2}}))?\d(?:[\s()/.-]{{0,2}}(?:[A-Z]{{4}}\s?)?\d){{6,}}"
)
_MANY_DIGITS = re.compile(r"\d{5,}")
_CAPITAL = r"[A-ZÀ-ÖØ-ÞĄĆĘŁŃÓŚŹŻ][\w'’-]+"
_NAME_WORDS = rf"{_CAPITAL}(?:\s+(?:(?:van|von|de|der|den|ten|ter)\s+)*{_CAPITAL}){{0,2}}"
_INTRODUCED = re.compile(
    r"\b(?:my name is|mein name ist|ich hei(?:ß|ss)e|mijn naam is|ik heet|jeg heter|(?:mitt navn|navnet mitt) er|"
    r"nazywam si[ęe]|mam na imi[ęe])\s+"
    rf"(?P<name>{_NAME_WORDS}|[^\W\d_]+)"
    .replace(_CAPITAL, f"(?-i:{_CAPITAL})"),
    re.IGNORECASE,
)  # fmt: skip
_SIGNED = re.compile(
    r"\b(?i:regards|cheers|thanks|thank you|gr(?:ü|ue)(?:ß|ss)en?|mfg|vg|danke|groet(?:en|jes)?|gr|bedankt|hilsen|mvh|"
    rf"takk|pozdrawiam|pozdrowienia|dzi[ęe]kuj[ęe])\b[\s,.!-]*(?P<name>{_NAME_WORDS})[\s.!]*$"
)


def find_personal(text: str, known: Iterable[str] = ()) -> list[StandIn]:
    """What a text says about a person: addresses, numbers, names, and the words `known` of the shopper (name, street).

    None overlaps another. Sizes, amounts and other short numbers are left as they are.
    """
    found: list[StandIn] = []
    for kind, start, end in _candidates(text, known):
        if all(end <= other.start or other.end <= start for other in found):
            found.append(StandIn(kind, start, end, _instead(kind, text[start:end])))
    return sorted(found, key=lambda each: each.start)


def replaced(text: str, personal: Sequence[StandIn]) -> str:
    """The text with what stands in for personal data."""
    return _with(text, personal, lambda each: each.words)


def signed(text: str, personal: Sequence[StandIn]) -> str:
    """The text with a sign of the kind for personal data, for reading: "my order ‹order number› is late"."""
    return _with(text, personal, lambda each: f"‹{each.kind.replace('_', ' ')}›")


def place_after(place: int, personal: Sequence[StandIn]) -> int:
    """Where a place of the text is once personal data is replaced; a place within it becomes its end."""
    shift = 0
    for each in personal:
        if each.end <= place:
            shift += len(each.words) - (each.end - each.start)
        elif each.start < place:
            return each.start + len(each.words) + shift
    return place + shift


def _with(text: str, personal: Sequence[StandIn], instead: Callable[[StandIn], str]) -> str:
    parts, place = [], 0
    for each in personal:
        parts += [text[place : each.start], instead(each)]
        place = each.end
    return "".join([*parts, text[place:]])


def _candidates(text: str, known: Iterable[str]) -> Iterable[tuple[str, int, int]]:
    """Surest first: what is found later must not overlap it."""
    mentions = find_mentions(text)
    for kind in _PERSONAL[:2]:
        yield from ((kind, each.start, each.end) for each in mentions if each.kind == kind)
    yield from (("web address", *match.span()) for match in _WEB_ADDRESS.finditer(text))
    yield from (("name", *match.span()) for match in _HANDLE.finditer(text))
    yield from (("number", *match.span()) for match in _LONG_NUMBER.finditer(text))
    for kind in _PERSONAL[2:]:
        yield from ((kind, each.start, each.end) for each in mentions if each.kind == kind)
    yield from (("number", *match.span()) for match in _MANY_DIGITS.finditer(text))
    for pattern in (_INTRODUCED, _SIGNED):
        yield from (("name", *match.span("name")) for match in pattern.finditer(text))
    for words in sorted(
        {each.strip() for each in known if each}, key=lambda each: (-len(each), each)
    ):
        yield from (("name", start, end) for start, end in _places_of(words, text))


def _places_of(words: str, text: str) -> Iterable[tuple[int, int]]:
    if len(words) < 2 or words.isdigit():
        return
    # "Will" and "May" are names as well as words: then only as names are written.
    is_word = len(words) < 4 or is_everyday(fold(words))
    flags = re.RegexFlag(0) if is_word else re.IGNORECASE
    for match in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text, flags):
        yield match.span()


def _instead(kind: str, written: str) -> str:
    if kind == "email":
        return _EMAIL
    if kind == "web address":
        return _ADDRESS
    if kind == "name":
        return _NAME
    letters = _LETTERS if kind == "postcode" else ""
    return _same_form(written, letters)


def _same_form(written: str, letters: str) -> str:
    """As many digits at the same places; letters too where they are part of what is personal."""
    made, digits, others = [], 0, 0
    for sign in written:
        if sign.isdigit():
            made.append(_DIGITS[digits % len(_DIGITS)])
            digits += 1
        elif sign.isalpha() and letters:
            letter = letters[others % len(letters)]
            made.append(letter if sign.isupper() else letter.lower())
            others += 1
        else:
            made.append(sign)
    return "".join(made)
