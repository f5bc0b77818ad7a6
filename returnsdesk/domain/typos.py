"""Typing errors: whether a word may be another one with a slip of the finger, and which of a list it may be."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import OSA

_SHORTEST = 4
# Up to this length a word with one other letter is too often another word ("train", "brain").
_SHORT = 6
# From this length on two slips are still recognised.
_LONG = 9
_MOST_SLIPS = 2
_MOST_NEAR = 12


def allowed_slips(word: str) -> int:
    """How many letters may be wrong, missing, added or swapped in a word of this length."""
    if len(word) < _SHORTEST or not word.isalpha():
        return 0
    return _MOST_SLIPS if len(word) >= _LONG else 1


def is_typo_of(word: str, meant: str) -> bool:
    """Whether `word` is `meant` with a slip or two. Short words and other first letters are other words."""
    slips = min(allowed_slips(word), allowed_slips(meant))
    if word == meant or not slips or not _begins_alike(word, meant):
        return word == meant
    if len(word) > _SHORTEST and _squeezed(word) == _squeezed(meant):
        return True
    if len(word) == len(meant) <= _SHORT:
        return sorted(word) == sorted(meant) and OSA.distance(word, meant) == 1
    if len(word) > len(meant) == _SHORTEST:
        return False
    return OSA.distance(word, meant, score_cutoff=slips) <= slips


def closest(word: str, candidates: Iterable[str]) -> frozenset[str]:
    """The candidates that the word is most likely a typing error of; empty where none is near."""
    if not allowed_slips(word):
        return frozenset()
    near = process.extract(
        word, tuple(candidates), scorer=OSA.distance, score_cutoff=_MOST_SLIPS, limit=_MOST_NEAR
    )
    meant = [
        (distance, candidate) for candidate, distance, _ in near if is_typo_of(word, candidate)
    ]
    best = min((distance for distance, _ in meant), default=0)
    return frozenset(candidate for distance, candidate in meant if distance == best)


def _squeezed(word: str) -> str:
    """The word with its doubled letters single, for doubling is the easiest thing to get wrong."""
    return re.sub(r"(.)\1+", r"\1", word)


def _begins_alike(word: str, meant: str) -> bool:
    return word[0] == meant[0] or word[:2] == meant[1::-1]
