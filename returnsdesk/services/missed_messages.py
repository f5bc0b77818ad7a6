"""Messages that were not understood, or not surely, and that nobody has judged yet, grouped by likeness."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
from rapidfuzz import fuzz, process
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Correction, Customer, Message, Order
from returnsdesk.domain import stand_ins
from returnsdesk.domain.intents import INTENTS
from returnsdesk.domain.text import words
from returnsdesk.services.insight_figures import Figure, Kind
from returnsdesk.services.insight_scope import Look

UNSURE_BELOW: Final = 0.5
"""Half of what is answered wrongly is answered with less confidence than this; config.yml has the figures."""

MOST: Final = 1000
"""So many of the newest messages are read; grouping compares each with each."""

_ALIKE: Final = 68
_TOP: Final = 10
_SHOWN_LENGTH: Final = 60


@dataclass(frozen=True)
class Missed:
    """A message that waits for a person's judgement; `text` is as typed, `shown` without personal data."""

    id: int
    conversation_id: str
    seq: int
    text: str
    shown: str
    language: str
    intent: str
    confidence: float | None
    runner_up: str | None
    at: datetime

    @cached_property
    def plain(self) -> str:
        """What is compared: words without marks, case, diacritics and numbers."""
        return " ".join(word for word in words(self.shown) if not word[-1:].isdigit())


@dataclass(frozen=True)
class Group:
    """Messages that say much the same in one language, the most typical first."""

    language: str
    messages: tuple[Missed, ...]

    @property
    def suggestion(self) -> str | None:
        """The intent that the assistant thought of most often; None where it had no idea."""
        thought = Counter(each.runner_up for each in self.messages if each.runner_up)
        return min(thought, key=lambda name: (-thought[name], name)) if thought else None


@dataclass(frozen=True)
class Queue:
    """Groups, the biggest first; `read` messages stand in them, and there are more when `is_cut`."""

    groups: tuple[Group, ...]
    read: int
    is_cut: bool


def queue(
    session: Session, *, since: datetime, until: datetime | None = None, language: str | None = None
) -> Queue:
    """What waits to be judged of the messages since an instant."""
    wanted = _unsure(since, until).where(~_is_judged())
    if language:
        wanted = wanted.where(Conversation.language == language)
    rows = session.execute(wanted.limit(MOST + 1)).all()
    found = _missed(session, rows[:MOST])
    return Queue(grouped(found), len(found), len(rows) > MOST)


def of_ids(session: Session, message_ids: Collection[int]) -> tuple[Missed, ...]:
    """Typed messages by their ids, in the order of the ids; those that are not there are left out."""
    rows = session.execute(_typed().where(Message.id.in_(message_ids))).all()
    return tuple(sorted(_missed(session, rows), key=lambda each: each.id))


def grouped(messages: Iterable[Missed]) -> tuple[Group, ...]:
    """The messages in groups of one language; the same messages always give the same groups."""
    by_language: dict[str, list[Missed]] = defaultdict(list)
    for each in messages:
        by_language[each.language].append(each)
    groups = [
        Group(language, tuple(members))
        for language, found in by_language.items()
        for members in _alike(sorted(found, key=lambda each: each.id))
    ]
    return tuple(sorted(groups, key=lambda group: (-len(group.messages), group.messages[0].id)))


def _alike(messages: Sequence[Missed]) -> list[list[Missed]]:
    """Whoever has most like it leads a group of those; then the next of what is left."""
    texts = [each.plain for each in messages]
    near = process.cdist(texts, texts, scorer=fuzz.token_sort_ratio, score_cutoff=_ALIKE) > 0
    np.fill_diagonal(near, True)
    free = np.ones(len(texts), dtype=bool)
    groups = []
    while free.any():
        counts = (near & free).sum(axis=1) * free
        leader = int(counts.argmax())
        members = [int(place) for place in (near[leader] & free).nonzero()[0]]
        members = [leader, *(place for place in members if place != leader)]
        free[members] = False
        groups.append([messages[place] for place in members])
    return groups


def _typed() -> Any:
    return (
        select(
            Message.id, Message.conversation_id, Message.seq, Message.text, Message.trace,
            Message.intent, Message.confidence, Message.created_at, Conversation.language,
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Message.author == "shopper", Message.choice.is_(None))
    )  # fmt: skip


def _unsure(since: datetime, until: datetime | None) -> Any:
    wanted = _typed().where(
        Message.created_at >= since,
        or_(Message.is_fallback.is_(True), Message.confidence < UNSURE_BELOW),
    )
    if until is not None:
        wanted = wanted.where(Message.created_at < until)
    return wanted.order_by(Message.created_at.desc(), Message.id.desc())


def _is_judged() -> Any:
    return select(Correction.id).where(Correction.message_id == Message.id).exists()


def _missed(session: Session, rows: Sequence[Any]) -> list[Missed]:
    known = known_words(session, {row.conversation_id for row in rows})
    return [
        Missed(
            id=row.id,
            conversation_id=row.conversation_id,
            seq=row.seq,
            text=row.text,
            shown=_shown(row.text, known.get(row.conversation_id, ())),
            language=row.language,
            intent=row.intent or "",
            confidence=row.confidence,
            runner_up=_runner_up(row.trace or {}),
            at=row.created_at,
        )
        for row in rows
    ]


def _shown(text: str, known: Iterable[str]) -> str:
    return stand_ins.signed(text, stand_ins.find_personal(text, known))


def _runner_up(trace: dict[str, Any]) -> str | None:
    """The likeliest intent that a message can have: "not understood" is none."""
    names = (str(each.get("name")) for each in trace.get("ranking") or [])
    return next((name for name in names if name in INTENTS), None)


def known_words(session: Session, conversation_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Names and addresses of the shopper of each conversation, which must not go out with their words."""
    rows = session.execute(
        select(
            Conversation.id, Customer.first_name, Customer.last_name, Customer.address, Order.shipping_address
        )
        .outerjoin(Order, Order.id == Conversation.order_id)
        .outerjoin(
            Customer,
            or_(Customer.id == Conversation.customer_id, Customer.id == Order.customer_id),
        )
        .where(Conversation.id.in_(conversation_ids))
    )  # fmt: skip
    found: dict[str, tuple[str, ...]] = {}
    for conversation_id, first, last, own, shipped_to in rows:
        places = [
            str(address.get(field) or "")
            for address in (own or {}, shipped_to or {})
            for field in ("name", "line1", "line2", "city")
        ]
        named = [first or "", last or "", *places]
        found[conversation_id] = tuple(dict.fromkeys(each for each in named if each))
    return found


def top_missed(now: Look, _before: Look) -> Figure:
    """What was not understood most often, judged or not."""
    scope = now.scope
    wanted = _unsure(scope.start, scope.end).where(Message.is_fallback.is_(True))
    if scope.channel:
        wanted = wanted.where(Conversation.channel == scope.channel)
    if scope.language:
        wanted = wanted.where(Conversation.language == scope.language)
    found = _missed(now.session, now.session.execute(wanted.limit(MOST)).all())
    rows = tuple(
        (_short(group.messages[0].shown), len(group.messages), group.language)
        for group in grouped(found)[:_TOP]
    )
    return Figure(("Message", "Times", "Language"), rows, len(found))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_LENGTH else f"{line[: _SHOWN_LENGTH - 1]}…"


KIND: Final = Kind(
    "missed", "Top missed messages",
    f"Messages that were not understood, like ones counted together, of the newest {MOST:,}; without personal data.",
    "bars", "none", "messages", 5, top_missed,
)  # fmt: skip
