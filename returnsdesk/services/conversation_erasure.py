"""Erasing conversations: every row that belongs to one, and what documents remember of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from sqlalchemy import Table, delete, or_, select, update
from sqlalchemy.orm import Session

import returnsdesk.db.models
from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import (
    Case,
    Claim,
    Conversation,
    Event,
    IdentityAttempt,
    Message,
    OneTimeCode,
    OutboxJob,
    Return,
    TelegramChat,
    TelegramUpdate,
    Withdrawal,
)

_ROOT: Final = "conversations"
_REMEMBERED_BY: Final = (Return, Claim, Withdrawal, Case, Event)


def erase(session: Session, conversation_ids: Iterable[str]) -> dict[str, int]:
    """Delete conversations with all that hangs on them; returns the number of rows of each table.

    Documents that came of them stay, and know the conversation no more. Cases lose the shopper's words.
    """
    ids = list(conversation_ids)
    deleted: dict[str, int] = {}
    if not ids:
        return deleted
    chats = select(TelegramChat.chat_id).where(TelegramChat.conversation_id.in_(ids))
    _run(session, delete(TelegramUpdate).where(TelegramUpdate.chat_id.in_(chats)))
    codes = session.scalars(select(OneTimeCode.id).where(OneTimeCode.conversation_id.in_(ids)))
    finish_jobs(session, [f"code-{code_id}" for code_id in codes])
    _run(session, update(Case).where(Case.conversation_id.in_(ids)).values(summary=""))
    for kind in _REMEMBERED_BY:
        forget = update(kind).where(kind.conversation_id.in_(ids)).values(conversation_id=None)
        _run(session, forget)
    tries = delete(IdentityAttempt).where(IdentityAttempt.conversation_id.in_(ids))
    deleted["identity_attempts"] = _run(session, tries)
    _run(session, update(Message).where(Message.conversation_id.in_(ids)).values(reply_to_id=None))
    for table, condition in rows_of(ids):
        deleted[table.name] = _run(session, delete(table).where(condition))
    return {name: number for name, number in deleted.items() if number}


def rows_of(conversation_ids: Iterable[str]) -> list[tuple[Table, Any]]:
    """Each table with rows of conversations and the condition for them, those first that others need."""
    ids = list(conversation_ids)
    root: Table = Conversation.__table__  # type: ignore[attr-defined]
    conditions: dict[str, Any] = {_ROOT: root.c.id.in_(ids)}
    for table in _belonging():
        parents = [
            (column, key.column)
            for column in table.columns
            for key in column.foreign_keys
            if key.column.table.name in conditions and key.column.table.name != table.name
        ]
        conditions[table.name] = or_(
            *(
                column.in_(ids)
                if parent.table.name == _ROOT
                else column.in_(select(parent).where(conditions[parent.table.name]))
                for column, parent in parents
            )
        )
    tables = mapper_registry.metadata.tables
    return [(tables[name], condition) for name, condition in reversed(conditions.items())]


def finish_jobs(session: Session, keys: Iterable[str]) -> None:
    """Jobs that wait under these keys are done no more, and hold nothing."""
    jobs = update(OutboxJob).where(OutboxJob.dedupe_key.in_(list(keys)))
    _run(session, jobs.values(state="done", payload={}, last_error=None))


@cache
def _belonging() -> tuple[Table, ...]:
    """Tables whose rows belong to a conversation, directly or by others, parents first."""
    assert returnsdesk.db.models.__all__  # noqa: S101  the metadata is filled by then
    found = {_ROOT}
    tables = []
    for table in mapper_registry.metadata.sorted_tables:
        parents = {key.column.table.name for column in table.columns for key in column.foreign_keys}
        if table.name not in found and parents & found:
            found.add(table.name)
            tables.append(table)
    return tuple(tables)


def _run(session: Session, statement: Any) -> int:
    result = session.execute(statement.execution_options(synchronize_session=False))
    return int(result.rowcount)
