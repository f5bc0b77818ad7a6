"""Canned answers: texts that agents use again and again, by name, in each language, with gaps that the record fills."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

import yaml
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from returnsdesk.db.models import (
    CannedAnswer,
    Conversation,
    Customer,
    Order,
    Return,
    VerifiedSession,
)
from returnsdesk.db.session import Database
from returnsdesk.services.errors import ServiceError
from returnsdesk.settings import LANGUAGES

GAPS: Final = ("first_name", "order", "rma", "agent", "shop")
"""What may stand in braces: the shopper's first name, order and return, the agent's name, the shop's name."""

LONGEST_NAME: Final = 80
LONGEST_TEXT: Final = 2000

_GAP: Final = re.compile(r"[ \t]*\{(\w+)\}")
_STANDARD: Final = Path(__file__).with_name("canned_answers.yml")


@dataclass(frozen=True)
class Answer:
    """An answer by its name: its text in each language that it is written in."""

    name: str
    texts: Mapping[str, str]


def listed(session: Session) -> list[Answer]:
    """All answers, by name."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in session.scalars(select(CannedAnswer).order_by(CannedAnswer.name)):
        found[row.name][row.language] = row.text
    return [Answer(name, texts) for name, texts in found.items()]


def in_language(session: Session, language: str) -> dict[str, str]:
    """Name and text of the answers that a shopper of that language can be given."""
    rows = session.execute(
        select(CannedAnswer.name, CannedAnswer.text)
        .where(CannedAnswer.language == language)
        .order_by(CannedAnswer.name)
    )
    return dict(rows.all())


def save(
    database: Database,
    name: str,
    texts: Mapping[str, str],
    *,
    old_name: str | None = None,
    actor: str,
    now: datetime,
) -> None:
    """Keep an answer under a name, in the languages that have a text; `old_name` is the one that it had before.

    Raises `ServiceError` for no name or text, too long a one, a name that another answer has, or an unknown gap.
    """
    name = " ".join(name.split())
    kept = {language: text.strip() for language, text in texts.items() if text.strip()}
    _check(name, kept)
    with database.write() as session:
        if name != old_name and _exists(session, name):
            raise ServiceError("NAME_TAKEN", f"There is an answer with the name {name!r} already.")
        _delete(session, old_name or name)
        _add(session, name, kept, actor, now)


def remove(database: Database, name: str) -> None:
    """Take an answer away, in all its languages."""
    with database.write() as session:
        _delete(session, name)


def add_standard(database: Database, *, actor: str, now: datetime) -> int:
    """Add the standard answers of a returns desk, except those whose names are there; returns how many were added."""
    with database.write() as session:
        missing = [
            (name, texts) for name, texts in standard().items() if not _exists(session, name)
        ]
        for name, texts in missing:
            _add(session, name, texts, actor, now)
        return len(missing)


@cache
def standard() -> dict[str, dict[str, str]]:
    """The standard answers of a returns desk: name, language, text."""
    content: dict[str, dict[str, str]] = yaml.safe_load(_STANDARD.read_text(encoding="utf-8"))
    return content


def known_gaps(session: Session, conversation_id: str, *, agent: str, shop: str) -> dict[str, str]:
    """What the record has for each gap in a conversation; a gap that is missing here will be left out."""
    conversation = session.get(Conversation, conversation_id)
    if conversation is None:
        return {}
    rma = session.scalar(
        select(Return.rma_number)
        .where(Return.conversation_id == conversation_id)
        .order_by(Return.id.desc())
        .limit(1)
    )
    order = session.get(Order, conversation.order_id) if conversation.order_id else None
    found = {
        "first_name": _first_name(session, conversation_id),
        "order": order.number if order else None,
        "rma": rma,
        "agent": agent,
        "shop": shop,
    }
    return {gap: value for gap, value in found.items() if value}


def fill(text: str, known: Mapping[str, str]) -> str:
    """The text with its gaps filled in; one that is not known is left out with the space before it."""

    def value(gap: re.Match[str]) -> str:
        if gap[1] not in GAPS:
            return gap[0]
        space = gap[0][: gap[0].index("{")]
        return f"{space}{known[gap[1]]}" if gap[1] in known else ""

    return _GAP.sub(value, text)


def _first_name(session: Session, conversation_id: str) -> str | None:
    """Of who has proven to be that customer; never of who merely knows an order."""
    proof = session.scalars(
        select(VerifiedSession).where(VerifiedSession.conversation_id == conversation_id)
    ).one_or_none()
    if proof is None or proof.customer_id is None:
        return None
    customer = session.get(Customer, proof.customer_id)
    return str(customer.first_name) if customer is not None and customer.first_name else None


def _check(name: str, texts: Mapping[str, str]) -> None:
    if not name or len(name) > LONGEST_NAME:
        raise ServiceError("NAME_INVALID", f"A name has 1 to {LONGEST_NAME} characters.")
    if not texts or not set(texts) <= set(LANGUAGES):
        raise ServiceError("TEXT_MISSING", "An answer needs a text in one language at least.")
    for language, text in texts.items():
        if len(text) > LONGEST_TEXT:
            raise ServiceError(
                "TEXT_TOO_LONG", f"The text in {language} is longer than {LONGEST_TEXT} characters."
            )
        unknown = [gap for gap in re.findall(r"\{(\w*)\}", text) if gap not in GAPS]
        if unknown:
            raise ServiceError(
                "GAP_UNKNOWN", f"Nothing can be filled in for {{{unknown[0]}}} ({language})."
            )


def _exists(session: Session, name: str) -> bool:
    row = session.scalar(select(CannedAnswer.id).where(CannedAnswer.name == name).limit(1))
    return row is not None


def _add(session: Session, name: str, texts: Mapping[str, str], actor: str, now: datetime) -> None:
    for language, text in texts.items():
        session.add(
            CannedAnswer(name=name, language=language, text=text, updated_by=actor, updated_at=now)
        )


def _delete(session: Session, name: str) -> None:
    session.execute(
        delete(CannedAnswer)
        .where(CannedAnswer.name == name)
        .execution_options(synchronize_session=False)
    )
