"""A message taken apart once for all who look for something in it: words, breaks, likely languages."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from functools import lru_cache

from returnsdesk.domain import words as word_lists
from returnsdesk.domain.text import Token, tokens
from returnsdesk.domain.words import Found, Vocabulary


@dataclass(frozen=True, eq=False)
class Reading:
    """The words of a text in their order. Places are word numbers; `breaks[n]` holds the marks before word n.

    What was looked for once is kept: many rules ask for the same words of the same message.
    """

    text: str
    tokens: tuple[Token, ...]
    words: tuple[str, ...]
    languages: frozenset[str]
    breaks: tuple[str, ...]
    _starts: tuple[int, ...] = field(repr=False, default=())
    _found: dict[Vocabulary, list[Found]] = field(repr=False, default_factory=dict)
    _places: dict[tuple[str, ...], frozenset[int]] = field(repr=False, default_factory=dict)

    def find(self, vocabulary: Vocabulary) -> list[Found]:
        """The phrases of the list in this text, longest first at each place, from left to right."""
        if vocabulary not in self._found:
            self._found[vocabulary] = vocabulary.find(self.words, self.languages)
        return self._found[vocabulary]

    def signals(self, *sections: str) -> list[Found]:
        """The phrases of these sections of the language files in this text."""
        return self.find(word_lists.signals(*sections))

    def places_of(self, *sections: str) -> frozenset[int]:
        """The numbers of all words that belong to a phrase of these sections."""
        if sections not in self._places:
            self._places[sections] = frozenset(
                place
                for found in self.signals(*sections)
                for place in range(found.start, found.end)
            )
        return self._places[sections]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The place in the text of words `start` to `end` (not included)."""
        return self.tokens[start].start, self.tokens[end - 1].end

    def word_at(self, position: int) -> int:
        """The number of the first word that begins at or after this place of the text."""
        return bisect_left(self._starts, position)

    def is_break(self, place: int) -> bool:
        """Whether a clause ends before this word: a mark other than a hyphen, quote or slash stands there."""
        return place <= 0 or place >= len(self.words) or bool(set(self.breaks[place]) & _BREAKS)


_BREAKS = frozenset(",;.!?:()\n|>")


@lru_cache(maxsize=256)
def read(text: str) -> Reading:
    """Take a message apart. Never fails; what stands after the first few thousand characters is not read."""
    everything = tokens(text)
    kept: list[Token] = []
    breaks: list[str] = []
    marks = ""
    previous_end = 0
    for token in everything:
        if "\n" in text[previous_end : token.start]:
            marks += "\n"
        previous_end = token.end
        if token.is_word:
            kept.append(token)
            breaks.append(marks)
            marks = ""
        else:
            marks += token.word
    all_words = tuple(token.word for token in kept)
    return Reading(
        text=text,
        tokens=tuple(kept),
        words=all_words,
        languages=word_lists.likely_languages(all_words),
        breaks=(*breaks, marks),
        _starts=tuple(token.start for token in kept),
    )
