"""Typed answers to a list of buttons ("2", "the second", "ostatni", the label with a slip), and plain yes and no."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from returnsdesk.domain.options import COLOUR, FEATURE, find_options
from returnsdesk.domain.products import AKIN, SAME, best_kinship, find_products
from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.sizes import find_sizes
from returnsdesk.domain.text import fold
from returnsdesk.domain.typos import is_typo_of
from returnsdesk.domain.words import is_everyday, vocabulary

_YES_MARKS = frozenset("👍✅✔☑👌")
_NO_MARKS = frozenset("👎❌✖🚫")
_NUMBER_ANSWER = re.compile(
    r"(?:(?:number|no|nr|nummer|numer|num|option|opcja|opcje|optie|valg|alternativ|choice|the|punkt|pozycja)[\s.]*)?[#(]?\s*(\d{1,2})\s*"
    r"(?:[.)]|st|nd|rd|th|e|de|ste|er)?\s*(?:please|pls|bitte|graag|takk|prosze|poprosze|aub|thanks|gerne|danke)?[\s.!]*"
)
# A word of a label as short as this says nothing alone ("to", "or").
_SHORTEST_WORD = 3
_SAID, _NEARLY_SAID = 3, 2


def is_yes(text: str) -> bool:
    """Whether a short answer is a plain yes and nothing else: "yes but ..." and "yes?" are none."""
    return _says(text, "yes", _YES_MARKS) and not _says(text, "no", _NO_MARKS)


def is_no(text: str) -> bool:
    """Whether a short answer is a plain no and nothing else: "no, the blue one" is a correction."""
    return _says(text, "no", _NO_MARKS) and not _has_polish_yes(text)


def _has_polish_yes(text: str) -> bool:
    """Polish "no" is a word of assent: "no tak", "no pewnie"; alone it is read as everybody else's no."""
    reading = read(_without_repeats(text))
    said_yes = reading.places_of("yes") - reading.places_of("no")
    return bool(said_yes) and _says(text, "yes", _YES_MARKS)


@lru_cache(maxsize=256)
def _says(text: str, section: str, marks: frozenset[str]) -> bool:
    if "?" in text:
        return False
    reading = read(_without_repeats(text))
    if not reading.words:
        return bool(marks & set(text)) and not (_YES_MARKS | _NO_MARKS) - marks & set(text)
    said = reading.places_of(section)
    if section == "yes":
        # "Ja, das stimmt nicht": a negation that no phrase of yes holds takes the yes back.
        said -= reading.places_of("no") - _held_by(reading, "yes", "no")
    fillers = reading.places_of("fillers")
    return bool(said) and len(said | fillers) == len(reading.words)


def _held_by(reading: Reading, section: str, other: str) -> frozenset[int]:
    """Words of the section that are not words of a longer phrase of the other one."""
    longer = {
        place
        for found in reading.signals(other)
        for place in range(found.start, found.end)
        if all(
            found.end - found.start > own.end - own.start
            for own in reading.signals(section)
            if own.start < found.end and found.start < own.end
        )
    }
    return frozenset(reading.places_of(section) - longer)


def _without_repeats(text: str) -> str:
    """Drawn-out words as they are written: "jaaaa" is "ja", "yesss" is "yes"."""
    shorter = re.sub(r"(?i)([^\W\d])\1{2,}", r"\1", text)
    return shorter if len(shorter.strip()) > 1 else text


def match_choice(text: str, labels: Sequence[str]) -> int | None:
    """Which of the labels (counted from 0) a typed answer means; None where it is none of them or could be several.

    A bare yes chooses only where one label is the yes, or where there is one label.
    """
    if not labels or not text.strip():
        return None
    for attempt in (_by_label, _by_number, _by_yes_or_no, _by_order, _by_words):
        chosen = attempt(text, labels)
        if chosen is not None:
            return chosen if chosen >= 0 else None
    return None


_AMBIGUOUS = -1


def _only(places: Sequence[int]) -> int | None:
    """The only place of the list; `_AMBIGUOUS` for several, None for none."""
    if not places:
        return None
    return places[0] if len(places) == 1 else _AMBIGUOUS


def _by_label(text: str, labels: Sequence[str]) -> int | None:
    said = read(text).words
    if not said:
        same_marks = [place for place, label in enumerate(labels) if label.strip() == text.strip()]
        return _only(same_marks)
    joined = "".join(said)
    return _only(
        [place for place, label in enumerate(labels) if "".join(read(label).words) == joined]
    )


def _by_number(text: str, labels: Sequence[str]) -> int | None:
    """A place in the list ("2", "nr 2", "2nd"), unless the labels are such numbers themselves ("42.5", "43")."""
    match = _NUMBER_ANSWER.fullmatch(fold(text).strip())
    if not match:
        return None
    number = match.group(1)
    is_bare = (
        fold(text).strip().startswith(number) and not text.strip()[len(number) :][:1].isalpha()
    )
    named = [place for place, label in enumerate(labels) if number in read(label).words[:1]]
    if named and is_bare:
        return _only(named)
    return int(number) - 1 if 1 <= int(number) <= len(labels) else _AMBIGUOUS


def _by_yes_or_no(text: str, labels: Sequence[str]) -> int | None:
    for says, begins in ((is_yes, "yes"), (is_no, "no")):
        if says(text):
            answers = [place for place, label in enumerate(labels) if _begins_with(label, begins)]
            if len(answers) == 1:
                return answers[0]
            return 0 if begins == "yes" and len(labels) == 1 else _AMBIGUOUS
    return None


def _begins_with(label: str, section: str) -> bool:
    """Whether a label is an answer of this kind: its first word says it."""
    first = read(label).words[:1]
    other = "no" if section == "yes" else "yes"
    return (
        bool(first)
        and 0 in read(first[0]).places_of(section)
        and 0 not in read(first[0]).places_of(other)
    )


def _by_order(text: str, labels: Sequence[str]) -> int | None:
    """A place in words ("the second", "de laatste", "ostatni") where hardly anything else is said."""
    reading = read(text)
    if reading.places_of("both", "nothing_of_these", "except", "not") and len(labels) > 1:
        return _AMBIGUOUS
    said: set[int] = set()
    spoken: set[int] = set()
    for phrase in reading.find(vocabulary("ordinals")):
        said.add(int(min(phrase.meanings, key=int)) - 1)
        spoken.update(range(phrase.start, phrase.end))
    for section, place in (("last", len(labels) - 1), ("top", 0)):
        if reading.places_of(section):
            said.add(place)
            spoken |= reading.places_of(section)
    numbers = reading.find(vocabulary("numbers"))
    if not said and numbers and _is_counted_off(reading, numbers[0].start):
        said.add(int(min(numbers[0].meanings, key=int)) - 1)
        spoken.update(range(numbers[0].start, numbers[0].end))
    rest = [word for place, word in enumerate(reading.words) if place not in spoken]
    if not said or not all(map(is_everyday, rest)) or len(rest) > 5:
        return None
    places = [place for place in said if 0 <= place < len(labels)]
    return _only(places) if places else _AMBIGUOUS


def _is_counted_off(reading: Reading, place: int) -> bool:
    """Whether a number word is a place in the list: alone, or after "number"."""
    return len(reading.words) == 1 or place - 1 in reading.places_of("choice_words")


def _by_words(text: str, labels: Sequence[str]) -> int | None:
    """The label that shares most of the words that tell the labels apart."""
    said = _telling_words(text)
    meant = [_telling_words(label) for label in labels]
    shared = set.intersection(*map(set, meant)) if len(labels) > 1 else set()
    scores = [sum(_weight(word, said) for word in words - shared) for words in meant]
    best = max(scores)
    if best <= 0:
        return None
    return _only([place for place, score in enumerate(scores) if score == best])


def _weight(word: str, said: frozenset[str]) -> int:
    """How much a word of a label counts: said outright, said with a slip or by another name, or not said."""
    if word in said:
        return _SAID
    kind, _, name = word.partition(":")
    if kind == "product":
        kin = best_kinship(
            [other[len("product:") :] for other in said if other.startswith("product:")], [name]
        )
        return {SAME: _SAID, AKIN: _NEARLY_SAID}.get(kin, 0)
    is_slip = not name and any(":" not in other and is_typo_of(other, word) for other in said)
    return _NEARLY_SAID if is_slip else 0


@lru_cache(maxsize=1024)
def _telling_words(text: str) -> frozenset[str]:
    """The words of a label or an answer that can tell choices apart, with what they mean in any language."""
    reading = read(text)
    fillers = reading.places_of("fillers")
    words = {
        word
        for place, word in enumerate(reading.words)
        if place not in fillers and (word.isdigit() or len(word) >= _SHORTEST_WORD)
    }
    for option in find_options(text):
        if option.kind in (COLOUR, FEATURE):
            words |= {f"{option.kind}:{value}" for value in option.values}
    words |= {f"size:{mention.value.upper()}" for mention in find_sizes(text)}
    words |= {f"product:{kind}" for product in find_products(reading) for kind in product.products}
    return frozenset(words)
