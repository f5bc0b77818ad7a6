"""Figures of the team's work: how soon a person replies, and how long until the matter is settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select

from returnsdesk.db.models import Case, Conversation, Message
from returnsdesk.services.insight_conversations import is_chosen
from returnsdesk.services.insight_figures import PAIR_COLUMNS, Figure, Kind, median, paired
from returnsdesk.services.insight_scope import Look

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_REPLY_STEPS: Final = (
    ("up to 5 min", 5 * _MINUTE),
    ("up to 15 min", 15 * _MINUTE),
    ("up to 1 h", _HOUR),
    ("up to 4 h", 4 * _HOUR),
    ("up to 1 day", _DAY),
    ("longer", None),
)
_RESOLUTION_STEPS: Final = (
    ("up to 1 h", _HOUR),
    ("up to 4 h", 4 * _HOUR),
    ("up to 1 day", _DAY),
    ("up to 3 days", 3 * _DAY),
    ("up to 7 days", 7 * _DAY),
    ("longer", None),
)
_NOT_YET: Final = "not yet"

Spans = list[float | None]


def _replies(look: Look) -> Spans:
    """Seconds from each passing on to the first message of a person; None where none has come."""
    first = (
        select(func.min(Message.created_at))
        .where(
            Message.conversation_id == Conversation.id,
            Message.author == "agent",
            Message.created_at >= Conversation.handed_over_at,
        )
        .scalar_subquery()
    )
    rows = look.session.execute(select(Conversation.handed_over_at, first).where(_passed_on(look)))
    return [_seconds(begin, end) for begin, end in rows]


def _resolutions(look: Look) -> Spans:
    """Seconds from each passing on until the last case of the conversation was closed; None while one is open."""
    of_its_own = (Case.conversation_id == Conversation.id) & Case.document.is_(None)
    last = select(func.max(Case.closed_at)).where(of_its_own).scalar_subquery()
    count = select(func.count()).where(of_its_own).scalar_subquery()
    is_open = select(Case.id).where(of_its_own, Case.closed_at.is_(None)).exists()
    rows = look.session.execute(
        select(Conversation.handed_over_at, last, is_open).where(_passed_on(look), count > 0)
    )
    return [_seconds(begin, None if still_open else end) for begin, end, still_open in rows]


def _passed_on(look: Look) -> Any:
    return look.is_within(Conversation.handed_over_at) & is_chosen(look)


def _seconds(begin: datetime, end: datetime | None) -> float | None:
    return max(0.0, (end - begin).total_seconds()) if end is not None else None


def _spread(spans: Spans, steps: Sequence[tuple[str, int | None]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for span in spans:
        if span is None:
            found[_NOT_YET] += 1
            continue
        found[next(name for name, upto in steps if upto is None or span <= upto)] += 1
    return dict(found)


def _figure(now: Spans, before: Spans, steps: Sequence[tuple[str, int | None]]) -> Figure:
    order = [*(name for name, _ in steps), _NOT_YET]
    known = [[span for span in spans if span is not None] for spans in (now, before)]
    return Figure(
        ("Time", *PAIR_COLUMNS),
        paired(_spread(now, steps), _spread(before, steps), order),
        len(known[0]),
        *map(median, known),
    )


def first_reply(now: Look, before: Look) -> Figure:
    """How long shoppers waited for the first message of a person."""
    return _figure(now.once(_replies), before.once(_replies), _REPLY_STEPS)


def resolution(now: Look, before: Look) -> Figure:
    """How long matters took that were passed on to a person."""
    return _figure(now.once(_resolutions), before.once(_resolutions), _RESOLUTION_STEPS)


KINDS: Final = (
    Kind(
        "first_reply", "First reply of a person",
        "Time from passing a conversation on to the first message of a person, nights and weekends counted; "
        "the number is the median.",
        "bars", "seconds", "replies", 5, first_reply,
    ),
    Kind(
        "resolution", "Time until settled",
        "Time from passing a conversation on until its last case was closed; the number is the median.",
        "bars", "seconds", "settled matters", 5, resolution,
    ),
)  # fmt: skip
