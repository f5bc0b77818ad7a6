"""Why something goes back, from a shopper's own words in five languages.

The phrases stand in `words/reasons_<lang>.yml`, one list for each reason. Their notation: `a/b` either word, `a?` the
word may be missing, `~` one to three words of any kind (`~?` none to three), `stem*` any ending, `=` before a phrase
that counts only as a whole message. Other lists there help to tell when a phrase means nothing: negations ("not too
small"), conditions ("what if it is too small"), things that are no goods ("the link doesn't work"), and waiting
("takes too long").
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from rapidfuzz.distance import OSA, Indel

from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.text import LONGEST_TEXT, Mention, spellings
from returnsdesk.domain.typos import closest
from returnsdesk.domain.words import ALL_LANGUAGES, is_everyday, product_names, reason_phrases

REASONS = (
    "too_small",
    "too_large",
    "changed_mind",
    "style",
    "not_as_described",
    "defective",
    "other",
)
# Which of several reasons in one message is the reason: what is the shop's fault, then what is exact, then taste.
_BY_WEIGHT = (
    "defective",
    "not_as_described",
    "too_small",
    "too_large",
    "style",
    "changed_mind",
    "other",
)
_FIT = "fit"
_LONGEST_GAP = 3
_REACH = 3
_REACH_OF_IF = 4
_SAFE_TYPO = 6
# A single word of this length is no word of another language.
_SAFE_WORD = 8


@dataclass(frozen=True)
class _Slot:
    """One place of a phrase: words or beginnings of words that fit there, or a gap."""

    words: frozenset[str] = frozenset()
    stems: tuple[str, ...] = ()
    is_optional: bool = False
    is_gap: bool = False

    def fits(self, forms: frozenset[str]) -> bool:
        return not self.words.isdisjoint(forms) or any(
            form.startswith(stem) for stem in self.stems for form in forms
        )


@dataclass(frozen=True)
class _Phrase:
    reason: str
    language: str
    slots: tuple[_Slot, ...]
    is_whole: bool


@dataclass(frozen=True)
class _Match:
    reason: str
    start: int
    end: int


def find_reason(text: str) -> str | None:
    """The reason that a message gives, one of `REASONS`; None where it gives none, or small and large at once.

    "It doesn't fit" alone is no reason yet: ask small or large (see `is_fit_problem`).
    """
    found = {match.reason for match in _matches(read(text[:LONGEST_TEXT])) if match.reason != _FIT}
    if {"too_small", "too_large"} <= found:
        return None
    return next((reason for reason in _BY_WEIGHT if reason in found), None)


def find_reasons(text: str) -> list[Mention]:
    """Every reason of a message with its place, for messages about several items; `value` is one of `REASONS`."""
    reading = read(text[:LONGEST_TEXT])
    return [
        Mention("reason", match.reason, *reading.span(match.start, match.end))
        for match in _matches(reading)
        if match.reason != _FIT
    ]


def is_fit_problem(text: str) -> bool:
    """Whether a message says that something does not fit without saying whether it is too small or too large."""
    found = {match.reason for match in _matches(read(text[:LONGEST_TEXT]))}
    return _FIT in found and not found & {"too_small", "too_large"}


@lru_cache(maxsize=256)
def _matches(reading: Reading) -> tuple[_Match, ...]:
    """The reasons of a message from left to right; of overlapping ones the longest."""
    found = _matches_in(reading, reading.languages)
    if not found:
        # Crumbs of another language ("die schuhe sind too small"), or a short message taken for the wrong one.
        found = [
            match
            for match in _matches_in(reading, ALL_LANGUAGES)
            if match.end - match.start > 1 or len(reading.words[match.start]) >= _SAFE_WORD
        ]
    kept: list[_Match] = []
    for match in sorted(
        found, key=lambda match: (match.start - match.end, _BY_WEIGHT_AND_FIT.index(match.reason))
    ):
        if all(match.end <= other.start or other.end <= match.start for other in kept):
            kept.append(match)
    return tuple(sorted(kept, key=lambda match: match.start))


_BY_WEIGHT_AND_FIT = (*_BY_WEIGHT, _FIT)


def _matches_in(reading: Reading, languages: frozenset[str]) -> list[_Match]:
    found = []
    forms = [_with_corrections(word) for word in reading.words]
    whole = _without_fillers(reading)
    index = _phrases_by_first_word()
    for place, word_forms in enumerate(forms):
        candidates = {
            id(phrase): phrase for form in word_forms for phrase in index.get(form[:2], ())
        }
        for phrase in candidates.values():
            if phrase.language not in languages:
                continue
            end = _end_of(phrase.slots, forms, place, reading)
            if end is None or (phrase.is_whole and (place, end) != whole):
                continue
            if end - place == 1 and not _is_sure_word(phrase, reading.words[place]):
                continue
            if not _is_meaningless(phrase, reading, place, end):
                found.append(_Match(phrase.reason, place, end))
    return found


def _is_sure_word(phrase: _Phrase, word: str) -> bool:
    """A single word is a reason if it is typed right, or long and with one letter too many, too few or swapped."""
    if phrase.slots[0].fits(frozenset((word,))):
        return True
    if len(word) < _SAFE_TYPO:
        return False
    return any(
        Indel.distance(word, meant) == 1
        or (sorted(word) == sorted(meant) and OSA.distance(word, meant) == 1)
        for meant in phrase.slots[0].words
    )


def _end_of(
    slots: Sequence[_Slot], forms: Sequence[frozenset[str]], place: int, reading: Reading
) -> int | None:
    """Where the phrase ends if it begins at this word; as far to the left as can be."""
    if not slots:
        return place
    slot, rest = slots[0], slots[1:]
    if slot.is_gap:
        shortest = 0 if slot.is_optional else 1
        for length in range(shortest, _LONGEST_GAP + 1):
            if any(reading.is_break(step) for step in range(place, place + length + 1)):
                return None
            end = _end_of(rest, forms, place + length, reading)
            if end is not None:
                return end
        return None
    if place < len(forms) and slot.fits(forms[place]):
        end = _end_of(rest, forms, place + 1, reading)
        if end is not None:
            return end
    return _end_of(rest, forms, place, reading) if slot.is_optional else None


def _without_fillers(reading: Reading) -> tuple[int, int]:
    """The words of the message without politeness before and after."""
    fillers = reading.places_of("fillers", "greetings")
    start, end = 0, len(reading.words)
    while start < end - 1 and start in fillers:
        start += 1
    while end - 1 > start and end - 1 in fillers:
        end -= 1
    return start, end


# --- what takes the meaning away ---------------------------------------------------------------------------------


def _is_meaningless(phrase: _Phrase, reading: Reading, start: int, end: int) -> bool:
    return (
        _is_negated(phrase, reading, start)
        or _is_conditional(phrase, reading, start)
        or _is_about_other_things(phrase, reading, start, end)
    )


def _is_negated(phrase: _Phrase, reading: Reading, start: int) -> bool:
    """Whether "not" stands before the phrase, small words between; "passt nicht, zu klein" negates nothing."""
    language = phrase.language
    if reading.words[start] in _helping("not", language):
        return False
    place = start - 1
    while place >= 0 and start - place <= _REACH and not reading.is_break(place + 1):
        word = reading.words[place]
        if word in _helping("not", language):
            before = reading.words[place - 1] if place else ""
            return before not in _helping("fit_verb", language)
        if word not in _helping("adverbs", language):
            return False
        place -= 1
    return False


def _is_conditional(phrase: _Phrase, reading: Reading, start: int) -> bool:
    place = start - 1
    while place >= 0 and start - place <= _REACH_OF_IF and not reading.is_break(place + 1):
        if reading.words[place] in _helping("if", phrase.language):
            return True
        place -= 1
    return False


def _is_about_other_things(phrase: _Phrase, reading: Reading, start: int, end: int) -> bool:
    language = phrase.language
    if phrase.reason in ("too_small", "too_large"):
        before = set(reading.words[max(0, start - _REACH) : start])
        after = set(reading.words[end : end + 1])
        return bool(
            before & _helping("not_after", language) or after & _helping("not_before", language)
        )
    if phrase.reason != "defective":
        return False
    around = [*reading.words[max(0, start - _REACH) : start], *reading.words[end : end + 1]]
    stems = _stems_of_things(language)
    things = _helping("things", language)
    return any(word in things or (stems and word.startswith(stems)) for word in around)


@cache
def _helping(section: str, language: str) -> frozenset[str]:
    phrases = reason_phrases()[language][section]
    return frozenset(
        _plain(spelling)
        for phrase in phrases
        if not phrase.endswith("*")
        for spelling in spellings(phrase)
    )


@cache
def _stems_of_things(language: str) -> tuple[str, ...]:
    phrases = reason_phrases()[language]["things"]
    return tuple(
        _plain(spelling)
        for phrase in phrases
        if phrase.endswith("*")
        for spelling in spellings(phrase)
    )


# --- the phrases ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _phrases() -> tuple[_Phrase, ...]:
    return tuple(
        _Phrase(
            reason, language, tuple(map(_slot, phrase.lstrip("=").split())), phrase.startswith("=")
        )
        for language, sections in reason_phrases().items()
        for reason in (*REASONS, _FIT)
        for phrase in sections[reason]
    )


def _slot(written: str) -> _Slot:
    is_optional = written.endswith("?")
    written = written.rstrip("?")
    if written == "~":
        return _Slot(is_optional=is_optional, is_gap=True)
    words: set[str] = set()
    stems: set[str] = set()
    for alternative in written.split("/"):
        (stems if alternative.endswith("*") else words).update(map(_plain, spellings(alternative)))
    return _Slot(frozenset(words), tuple(sorted(stems)), is_optional)


def _plain(word: str) -> str:
    return re.sub(r"[^\w]", "", word)


@lru_cache(maxsize=1)
def _phrases_by_first_word() -> Mapping[str, list[_Phrase]]:
    """The phrases by the first two letters with which they can begin."""
    index: dict[str, list[_Phrase]] = defaultdict(list)
    for phrase in _phrases():
        for beginning in {form[:2] for form in _first_forms(phrase.slots)}:
            index[beginning].append(phrase)
    return index


def _first_forms(slots: Sequence[_Slot]) -> Iterable[str]:
    for slot in slots:
        yield from slot.words
        yield from slot.stems
        if not slot.is_optional:
            return


@lru_cache(maxsize=1)
def _known_words() -> frozenset[str]:
    return frozenset(word for phrase in _phrases() for slot in phrase.slots for word in slot.words)


@lru_cache(maxsize=1)
def _typed_words() -> tuple[str, ...]:
    return tuple(sorted(word for word in _known_words() if len(word) > 4))


@lru_cache(maxsize=4096)
def _with_corrections(word: str) -> frozenset[str]:
    """The word, and the words of the phrases that it may be a typing error of unless it is a known word itself."""
    squeezed = re.sub(r"(\w)\1{2,}", r"\1", word)
    if word in _known_words() or is_everyday(word) or word in product_names():
        return frozenset((word, squeezed))
    return frozenset((word, squeezed)) | closest(word, _typed_words())
