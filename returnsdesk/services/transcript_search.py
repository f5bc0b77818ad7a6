"""Looking for words in messages: what a search means, on which database it is asked how, and marking what was found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, func, literal_column, select, text
from sqlalchemy.orm import Session
from sqlalchemy.sql import Select

from returnsdesk.db import message_search
from returnsdesk.db.models import Message
from returnsdesk.domain.text import fold_with_places

LONGEST_SEARCH: Final = 200
MOST_TERMS: Final = 10

_PART = re.compile(r'"([^"]*)"?|([^\s"]+)')
_WORD = re.compile(r"[^\W_]+")
_AROUND: Final = 60
"""Characters of a message shown on either side of what was found in it."""


@dataclass(frozen=True)
class Term:
    """What a message has to hold: words one after the other, as they are (a phrase) or the last as a beginning."""

    words: tuple[str, ...]
    is_phrase: bool


@dataclass(frozen=True)
class Piece:
    """A part of a snippet; `is_hit` where it is what was looked for."""

    text: str
    is_hit: bool = False


def terms_of(wanted: str) -> tuple[Term, ...]:
    """What a search asks for: each word as the beginning of one, whatever stands in quotes word for word.

    Folded as messages are, so that "größe" and "GROSSE" are the same search. Marks alone ask for nothing.
    """
    found = []
    for phrase, word in _PART.findall(wanted[:LONGEST_SEARCH]):
        words = message_search.words_of(phrase or word)
        if words:
            found.append(Term(words, is_phrase=bool(phrase)))
    return tuple(found[:MOST_TERMS])


def matching(session: Session, terms: tuple[Term, ...]) -> Select:
    """Ids of the messages that hold all terms, by the full-text index."""
    if session.get_bind().dialect.name == "sqlite":
        wanted = " ".join(_for_sqlite(term) for term in terms)
        return (
            select(literal_column("rowid").label("id"))
            .select_from(text(message_search.TABLE))
            .where(text(f"{message_search.TABLE} MATCH :wanted").bindparams(wanted=wanted))
        )
    query = func.to_tsquery(
        literal_column("'simple'"), " & ".join(_for_postgresql(term) for term in terms)
    )
    indexed = func.to_tsvector(literal_column("'simple'"), Message.search_text)
    return select(Message.id).where(indexed.op("@@")(query))


def holds(terms: tuple[Term, ...]) -> Any:
    """The condition on a message that it holds all terms, without the index: for the few messages of a conversation."""
    # Words have no marks, so that none of them can mean something to LIKE.
    padded = " " + Message.search_text + " "
    return and_(
        *(
            padded.like(f"% {' '.join(term.words)}{' ' if term.is_phrase else ''}%")
            for term in terms
        )
    )


def snippet(said: str, terms: tuple[Term, ...], *, around: int = _AROUND) -> tuple[Piece, ...]:
    """The part of a message around the first hit, with every hit in it told apart; empty when there is none."""
    hits = _hits(said, terms)
    if not hits:
        return ()
    start, end = max(0, hits[0][0] - around), min(len(said), hits[0][1] + 2 * around)
    pieces, at = [], start
    if start > 0:
        pieces.append(Piece("… "))
    for first, last in hits:
        if first >= end:
            break
        if first > at:
            pieces.append(Piece(said[at:first]))
        if last > at:
            pieces.append(Piece(said[max(first, at) : min(last, end)], is_hit=True))
            at = min(last, end)
    if at < end:
        pieces.append(Piece(said[at:end]))
    if end < len(said):
        pieces.append(Piece(" …"))
    return tuple(pieces)


def _hits(said: str, terms: tuple[Term, ...]) -> list[tuple[int, int]]:
    folded, places = fold_with_places(said)
    words = [
        (match.group()[: message_search.LONGEST_WORD], match.start(), match.end())
        for match in _WORD.finditer(folded)
    ]
    hits = []
    for term in terms:
        length = len(term.words)
        for place in range(len(words) - length + 1):
            run = words[place : place + length]
            *before, (last, last_start, last_end) = run
            is_begun = [word for word, _, _ in before] == list(term.words[:-1])
            wanted = term.words[-1]
            if is_begun and (last == wanted or (not term.is_phrase and last.startswith(wanted))):
                end = last_end if term.is_phrase else last_start + len(wanted)
                hits.append((places[run[0][1]], max(places[end - 1] + 1, places[run[0][1]] + 1)))
    return sorted(hits)


def _for_sqlite(term: Term) -> str:
    phrase = '"' + " ".join(term.words) + '"'
    return phrase if term.is_phrase else f"{phrase} *"


def _for_postgresql(term: Term) -> str:
    *before, last = (f"'{word}'" for word in term.words)
    return "(" + " <-> ".join([*before, last if term.is_phrase else f"{last}:*"]) + ")"
