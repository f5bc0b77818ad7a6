"""The word lists of the five languages, and how a phrase of them is found in a folded text.

Files: `<lang>.yml` holds the general words of a language, `reasons_<lang>.yml` its phrases for return reasons,
`products_*.yml` the names of products, all five languages of one product side by side. Each value is a comma-separated
list of phrases. Lists of colours, materials and products are inflected: every phrase also stands for its words with one
of the language's `endings` (Polish words are therefore written as stems). In the other lists a word takes endings only
where it ends in "~".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import resources
from typing import Any

import yaml

from returnsdesk.domain.text import fold, spellings

LANGUAGES = ("en", "nl", "de", "nb", "pl")
ALL_LANGUAGES = frozenset(LANGUAGES)
_SHORT_VOWEL = re.compile(r"(?:^|[^aeiouy])[aeiou][bdfgklmnprst]$")
# Words of this length or less ("do", "na", "van") join the parts of a name and take no endings there.
_LONGEST_PARTICLE = 3


@dataclass(frozen=True)
class Phrase:
    """One entry of a list: what it means, its language, and for each of its words the forms that are met."""

    meaning: str
    language: str
    words: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Found:
    """Words `start` to `end` (not included) of a text were read as any of these meanings."""

    meanings: frozenset[str]
    start: int
    end: int
    languages: frozenset[str] = ALL_LANGUAGES


class Vocabulary:
    """Phrases indexed by their first word, to find the longest one at each place of a text."""

    def __init__(self, phrases: Iterable[Phrase], *, are_names: bool = False) -> None:
        self.phrases = tuple(phrases)
        self.are_names = are_names
        self._by_first: dict[str, list[Phrase]] = defaultdict(list)
        for phrase in self.phrases:
            for form in phrase.words[0]:
                self._by_first[form].append(phrase)

    def __contains__(self, word: str) -> bool:
        return any(len(phrase.words) == 1 for phrase in self._by_first.get(word, ()))

    @cached_property
    def forms(self) -> Mapping[str, frozenset[str]]:
        """For each meaning the forms of its one-word phrases."""
        forms: dict[str, set[str]] = defaultdict(set)
        for phrase in self.phrases:
            if len(phrase.words) == 1:
                forms[phrase.meaning] |= phrase.words[0]
        return {meaning: frozenset(words) for meaning, words in forms.items()}

    def languages(self, word: str) -> frozenset[str]:
        """The languages in which this word alone is a phrase of the list."""
        phrases = self._by_first.get(word, ())
        return frozenset(phrase.language for phrase in phrases if len(phrase.words) == 1)

    def at(
        self, words: Sequence[str], start: int, languages: frozenset[str] = ALL_LANGUAGES
    ) -> Found | None:
        """The longest phrase that begins at this word.

        A phrase that several languages know is read in those that are likely here. In a list of names a single word
        that is an everyday word of a likely language is no name: "but" is a shoe only in Polish, "hat" none in German.
        """
        phrases = [p for p in self._by_first.get(words[start], ()) if _matches(p, words, start)]
        if self.are_names:
            everyday = everyday_languages(words[start])
            phrases = [p for p in phrases if len(p.words) > 1 or p.language not in everyday]
        likely = [phrase for phrase in phrases if phrase.language in languages]
        phrases = likely or phrases
        if not phrases:
            return None
        length = max(len(phrase.words) for phrase in phrases)
        if length == 1 and not likely and everyday_languages(words[start]) & languages:
            return None
        longest = [phrase for phrase in phrases if len(phrase.words) == length]
        return Found(
            frozenset(phrase.meaning for phrase in longest),
            start,
            start + length,
            frozenset(phrase.language for phrase in longest),
        )

    def find(self, words: Sequence[str], languages: frozenset[str] = ALL_LANGUAGES) -> list[Found]:
        """The phrases of the list in a text, from left to right, none inside another."""
        found = []
        place = 0
        while place < len(words):
            match = self.at(words, place, languages)
            if match:
                found.append(match)
                place = match.end
            else:
                place += 1
        return found


def _matches(phrase: Phrase, words: Sequence[str], start: int) -> bool:
    if start + len(phrase.words) > len(words):
        return False
    return all(words[start + step] in forms for step, forms in enumerate(phrase.words))


@cache
def _file(name: str) -> Mapping[str, Any]:
    text = resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
    # The C loader is the same safe one, ten times as fast; it is missing where PyYAML was built without libyaml.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loaded: Mapping[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506
    return loaded


def _listed(value: object) -> list[str]:
    return [part.strip() for part in str(value).split(",") if part.strip()]


@cache
def _endings(language: str) -> tuple[str, ...]:
    return ("", *sorted({fold(ending) for ending in _file(f"{language}.yml")["endings"].split()}))


def _inflected(word: str, language: str) -> frozenset[str]:
    stems = {word}
    if language == "nb" and word.endswith("e") and len(word) > _LONGEST_PARTICLE:
        stems.add(word[:-1])
    if language in ("nl", "nb") and _SHORT_VOWEL.search(word):
        stems.add(word + word[-1])
    forms = {stem + ending for stem in stems for ending in _endings(language)} - stems | {word}
    if language == "en" and word.endswith("y"):
        forms.add(word[:-1] + "ies")
    return frozenset(forms)


def _phrase(text: str, meaning: str, language: str, *, is_inflected: bool) -> Phrase:
    parts = text.split()
    forms = []
    for number, part in enumerate(parts, start=1):
        # Of a name in Polish the last word is often a particle's ("do jogi"), elsewhere it is the thing itself.
        is_thing = len(part) > _LONGEST_PARTICLE or (number == len(parts) and language != "pl")
        takes_endings = part.endswith("~") or (is_inflected and (len(parts) == 1 or is_thing))
        words = {re.sub(r"[^\w]", "", spelling) for spelling in spellings(part)}
        if takes_endings:
            words = {form for word in words for form in _inflected(word, language)}
        forms.append(frozenset(words))
    return Phrase(meaning, language, tuple(forms))


def _with_parted_hyphens(phrases: list[str]) -> list[str]:
    return [phrase.replace("-", " ") for phrase in phrases]


@cache
def vocabulary(section: str, *, is_inflected: bool = False) -> Vocabulary:
    """A section of the language files that maps meanings to phrases: colours, materials, sizes, numbers, months."""
    return Vocabulary(
        (
            _phrase(text, str(meaning), language, is_inflected=is_inflected)
            for language in LANGUAGES
            for meaning, phrases in _file(f"{language}.yml")[section].items()
            for text in _with_parted_hyphens(_listed(phrases))
        ),
        are_names=is_inflected,
    )


@cache
def signals(*sections: str) -> Vocabulary:
    """Sections of the language files that are plain lists ("both", "except"); the meaning is the section's name."""
    return Vocabulary(
        _phrase(text, section, language, is_inflected=False)
        for language in LANGUAGES
        for section in sections
        for text in _with_parted_hyphens(_listed(_file(f"{language}.yml")[section]))
    )


@cache
def word_set(section: str) -> frozenset[str]:
    """The single words of a plain list, of all languages together."""
    return frozenset(
        form
        for phrase in signals(section).phrases
        if len(phrase.words) == 1
        for form in phrase.words[0]
    )


@cache
def alternatives(section: str) -> str:
    """The phrases of a plain list, of all languages together, as alternatives of a pattern for folded text."""
    written = {
        spelling
        for language in LANGUAGES
        for phrase in _listed(_file(f"{language}.yml")[section])
        for spelling in spellings(phrase)
    }
    return "|".join(sorted(map(re.escape, written), key=len, reverse=True))


@cache
def reason_phrases() -> Mapping[str, Mapping[str, list[str]]]:
    """For each language: a section (a reason, or a list of helping words) and its phrases as they are written."""
    return {
        language: {
            str(section): _listed(phrases)
            for section, phrases in _file(f"reasons_{language}.yml").items()
        }
        for language in LANGUAGES
    }


@cache
def product_entries() -> Mapping[str, Mapping[str, Any]]:
    """For each product: its names by language, what it `is` (the wider product) and what is `near` to it."""
    entries: dict[str, Mapping[str, Any]] = {}
    for path in sorted(resources.files(__name__).iterdir(), key=lambda path: path.name):
        if path.name.startswith("products_"):
            entries.update(_file(path.name))
    return entries


@cache
def product_names() -> Vocabulary:
    """The names of products in all languages; the meaning is the product's key."""
    return Vocabulary(
        (
            _phrase(text, product, language, is_inflected=True)
            for product, entry in product_entries().items()
            for language in LANGUAGES
            for text in _with_parted_hyphens(_listed(entry.get(language, "")))
        ),
        are_names=True,
    )


@cache
def _everyday() -> Mapping[str, frozenset[str]]:
    languages: dict[str, set[str]] = defaultdict(set)
    for language in LANGUAGES:
        for word in _file(f"{language}.yml")["common"].split():
            for spelling in spellings(word):
                languages[spelling.replace("'", "")].add(language)
    return {word: frozenset(found) for word, found in languages.items()}


def everyday_languages(word: str) -> frozenset[str]:
    """The languages in which this is an everyday word, one that names no product ("return", "but", "proszę")."""
    return _everyday().get(word, frozenset())


def is_everyday(word: str) -> bool:
    """Whether the word is an everyday one in any language."""
    return word in _everyday()


@lru_cache(maxsize=1024)
def likely_languages(words: tuple[str, ...]) -> frozenset[str]:
    """The languages that the everyday words of a text speak for; all of them where they do not tell."""
    votes: dict[str, float] = defaultdict(float)
    for word in words:
        known_in = everyday_languages(word)
        for language in known_in:
            votes[language] += 1 / len(known_in)
    best = max(votes.values(), default=0.0)
    if best < 1:
        return ALL_LANGUAGES
    return frozenset(language for language, vote in votes.items() if vote >= 0.7 * best)
