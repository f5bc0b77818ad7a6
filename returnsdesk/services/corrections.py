"""What messages really meant, by a person's judgement: keep it, take it back, refuse what was made from an old page.

Nothing is learned from a judgement by itself; `example_export` writes what a person may copy into the examples.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Correction, Message
from returnsdesk.db.session import Database
from returnsdesk.domain.intents import INTENTS
from returnsdesk.domain.mentions import KINDS
from returnsdesk.services import audit
from returnsdesk.services.errors import Conflict, NotFound, ServiceError

NEVER_JUDGED = ""
"""Version of a message that nobody has judged yet."""


@dataclass(frozen=True)
class Mark:
    """A value that a message names: its kind (one of `KINDS`) and how it is typed there."""

    kind: str
    typed: str


@dataclass(frozen=True)
class Judgement:
    """What a message meant; `intent` None: it is left out of the examples. `version` tells this one from later ones."""

    intent: str | None
    entities: tuple[dict[str, Any], ...]
    corrected_by: str
    corrected_at: datetime
    version: str


def judgements(session: Session, message_ids: Collection[int]) -> dict[int, Judgement]:
    """The judgement of each message that has one, by the message's id."""
    rows = session.scalars(select(Correction).where(Correction.message_id.in_(message_ids)))
    return {row.message_id: _judgement(row) for row in rows}


def judge(
    database: Database,
    message_id: int,
    intent: str | None,
    marks: Sequence[Mark] | None = None,
    *,
    version: str,
    actor: str,
    now: datetime,
) -> Judgement:
    """Keep what a shopper's message meant; `intent` None leaves it out, `marks` None keeps those that were found.

    `version` is that of the judgement which the reader saw. The same judgement sent twice is one. Raises `NotFound` for
    no such typed message, `Conflict` (JUDGED_MEANWHILE) when somebody judged otherwise meanwhile, `ServiceError` for
    an unknown intent (INTENT_UNKNOWN) and for a value that does not stand in the message (VALUE_NOT_IN_TEXT).
    """
    _require_known(intent)
    with database.write() as session:
        message = _typed_message(session, message_id)
        entities = _entities(message, marks)
        row = _row(session, message_id)
        if row is not None and row.intent == intent and list(row.entities) == entities:
            return _judgement(row)
        _require_version(row, version)
        before = row.intent if row else message.intent
        if row is None:
            row = Correction(message_id=message_id)
            session.add(row)
        row.intent, row.entities = intent, entities
        row.corrected_by, row.corrected_at, row.exported_at = actor, now, None
        _record(session, message, actor, now, before=before, after=intent)
        return _judgement(row)


def judge_all(
    database: Database, message_ids: Sequence[int], intent: str | None, *, actor: str, now: datetime
) -> int:
    """Say of several messages at once what they meant; returns of how many.

    Messages that were judged meanwhile stay as they were judged: whoever did so has looked at the single one. Raises
    as `judge` does.
    """
    _require_known(intent)
    with database.write() as session:
        known = {row.message_id for row in _rows(session, message_ids)}
        wanted = [each for each in dict.fromkeys(message_ids) if each not in known]
        for message_id in wanted:
            message = _typed_message(session, message_id)
            row = Correction(
                message_id=message_id, intent=intent, entities=_entities(message, None),
                corrected_by=actor, corrected_at=now,
            )  # fmt: skip
            session.add(row)
            _record(session, message, actor, now, before=message.intent, after=intent)
        return len(wanted)


def undo(database: Database, message_id: int, *, version: str, actor: str, now: datetime) -> None:
    """Take a judgement back: the message waits in the queue again. Nothing happens where there is none.

    Raises `NotFound` for no such message, `Conflict` (JUDGED_MEANWHILE) when it is another judgement by now.
    """
    with database.write() as session:
        message = _typed_message(session, message_id)
        row = _row(session, message_id)
        if row is None:
            return
        _require_version(row, version)
        _record(session, message, actor, now, before=row.intent, after=message.intent)
        session.delete(row)


def _require_known(intent: str | None) -> None:
    if intent is not None and intent not in INTENTS:
        raise ServiceError("INTENT_UNKNOWN", f"there is no intent {intent!r}")


def _require_version(row: Correction | None, version: str) -> None:
    present = _version(row) if row else NEVER_JUDGED
    if version == present:
        return
    if row is None:
        raise Conflict("JUDGED_MEANWHILE", "the judgement was taken back meanwhile")
    meant = row.intent or "to be left out"
    raise Conflict(
        "JUDGED_MEANWHILE",
        f"{row.corrected_by} has said meanwhile that the message is {meant}",
        corrected_by=row.corrected_by,
        intent=row.intent,
    )


def _typed_message(session: Session, message_id: int) -> Message:
    """A message that a shopper typed: a pressed button means what it says."""
    message: Message | None = session.get(Message, message_id, with_for_update=True)
    if message is None or message.author != "shopper" or message.choice is not None:
        raise NotFound("MESSAGE_UNKNOWN", f"there is no message {message_id} to judge")
    return message


def _entities(message: Message, marks: Sequence[Mark] | None) -> list[dict[str, Any]]:
    found = [_stored(each) for each in (message.trace or {}).get("entities") or []]
    read = [each for each in found if each is not None]
    if marks is None:
        return read
    kept: list[dict[str, Any]] = []
    for mark in marks:
        entity = _placed(message.text, mark, read)
        if entity not in kept:
            kept.append(entity)
    return sorted(kept, key=lambda entity: (entity["start"], entity["entity"]))


def _stored(entity: Mapping[str, Any]) -> dict[str, Any] | None:
    if entity.get("entity") not in KINDS or not isinstance(entity.get("start"), int):
        return None
    return {name: entity[name] for name in ("entity", "value", "start", "end")}


def _placed(text: str, mark: Mark, read: list[dict[str, Any]]) -> dict[str, Any]:
    if mark.kind not in KINDS:
        raise ServiceError("ENTITY_UNKNOWN", f"there is no kind of value {mark.kind!r}")
    typed = mark.typed.strip()
    for entity in read:
        is_same = text[entity["start"] : entity["end"]] == typed
        if entity["entity"] == mark.kind and is_same:
            return entity
    start = text.find(typed)
    if start < 0:
        start = text.lower().find(typed.lower())
    if not typed or start < 0:
        raise ServiceError(
            "VALUE_NOT_IN_TEXT", f"{typed!r} does not stand in the message", typed=typed
        )
    end = start + len(typed)
    return {"entity": mark.kind, "value": text[start:end], "start": start, "end": end}


def _row(session: Session, message_id: int) -> Correction | None:
    return next(iter(_rows(session, [message_id])), None)


def _rows(session: Session, message_ids: Collection[int]) -> list[Correction]:
    return list(session.scalars(select(Correction).where(Correction.message_id.in_(message_ids))))


def _version(row: Correction) -> str:
    return str(row.corrected_at.isoformat())


def _judgement(row: Correction) -> Judgement:
    return Judgement(
        row.intent, tuple(row.entities), row.corrected_by, row.corrected_at, _version(row)
    )


def _record(
    session: Session,
    message: Message,
    actor: str,
    now: datetime,
    *,
    before: str | None,
    after: str | None,
) -> None:
    audit.recorded(
        session,
        actor=actor,
        action=audit.CHANGE,
        subject="conversation",
        subject_id=message.conversation_id,
        detail={"judged": message.id, "from": before, "to": after or "left out"},
        now=now,
    )
