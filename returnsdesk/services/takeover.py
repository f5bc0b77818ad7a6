"""Takeover: a person of the support team joins a conversation, talks to the shopper, and hands it back.

While a person has a conversation, the assistant says nothing: messages are kept and wait for no answer of it. Who has
it stands in a case of the reason "takeover" that is "with_person".
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from returnsdesk.db.models import Case, Conversation, Message, StaffAccount
from returnsdesk.db.session import Database
from returnsdesk.domain.mentions import normalise_email
from returnsdesk.services import conversation_state, events
from returnsdesk.services.conversations import (
    TAKEN_OVER,
    WITH_PERSON,
    is_taken_over,
    locked,
    new_message,
    takeover_case,
)
from returnsdesk.services.errors import Conflict, NotAllowed, NotFound, ServiceError
from returnsdesk.texts import render

__all__ = ["is_taken_over", "join", "leave", "say"]

TEXT_LIMIT = 4000


def join(database: Database, conversation_id: str, agent: str, *, now: datetime) -> str:
    """Take a conversation over and tell the shopper who has joined; returns the name that the shopper reads.

    `agent` is the e-mail address of a member of staff; a second call of the same one changes nothing. Raises `NotFound`
    for an unknown conversation, one that was ended or an unknown agent, `Conflict` when another person has it.
    """
    with database.write() as session:
        conversation, account = _open(session, conversation_id), _account(session, agent)
        present = takeover_case(session, conversation_id)
        if present is not None:
            if present.summary != account.email:
                raise Conflict(
                    "TAKEN_OVER", f"{present.summary} has conversation {conversation_id}"
                )
            return str(account.name)
        case = Case(
            conversation_id=conversation_id,
            reason=TAKEN_OVER,
            summary=account.email,
            status=WITH_PERSON,
            created_at=now,
        )
        session.add(case)
        session.flush()
        # What the assistant has not answered yet is for the person now.
        session.execute(
            update(Message)
            .where(Message.conversation_id == conversation_id, Message.state == "waiting")
            .values(state="answered")
            .execution_options(synchronize_session=False)
        )
        _tell(session, conversation, account, has_joined=True, now=now)
        conversation_state.settle(session, conversation_id)
        _record(session, case, account, "take_over", now)
        return str(account.name)


def say(database: Database, conversation_id: str, agent: str, text: str, *, now: datetime) -> int:
    """Write to the shopper under one's own name; returns the number of the message.

    Raises `NotFound` as `join` does, `NotAllowed` for who has not joined, `ServiceError` for no text or too long a one.
    """
    text = text.strip()
    if not text or len(text) > TEXT_LIMIT:
        raise ServiceError("TEXT_INVALID", f"a message has 1 to {TEXT_LIMIT} characters")
    with database.write() as session:
        conversation, account = _open(session, conversation_id), _account(session, agent)
        _own(session, conversation_id, account)
        row = new_message(conversation, author="agent", text=text, state="sent", now=now)
        row.content = {"custom": {"name": account.name}}
        session.add(row)
        return int(row.seq)


def leave(database: Database, conversation_id: str, agent: str, *, now: datetime) -> None:
    """Hand the conversation back to the assistant, which says so in one line.

    Raises `NotFound` for an unknown conversation or agent, `NotAllowed` for who has not joined.
    """
    with database.write() as session:
        conversation, account = locked(session, conversation_id), _account(session, agent)
        case = _own(session, conversation_id, account)
        case.status, case.closed_at = "closed", now
        conversation_state.settle(session, conversation_id)
        _tell(session, conversation, account, has_joined=False, now=now)
        text = render("takeover_assistant_is_back", conversation.language)
        session.add(new_message(conversation, author="assistant", text=text, state="sent", now=now))
        _record(session, case, account, "hand_back", now)


def _open(session: Session, conversation_id: str) -> Conversation:
    conversation = locked(session, conversation_id)
    if conversation.ended_at is not None:
        raise NotFound("CONVERSATION_ENDED", f"conversation {conversation_id} was ended")
    return conversation


def _own(session: Session, conversation_id: str, account: StaffAccount) -> Case:
    case = takeover_case(session, conversation_id)
    if case is None or case.summary != account.email:
        raise NotAllowed(
            "NOT_JOINED", f"{account.email} has not joined conversation {conversation_id}"
        )
    return case


def _account(session: Session, agent: str) -> StaffAccount:
    account: StaffAccount | None = session.scalars(
        select(StaffAccount).where(
            StaffAccount.email == normalise_email(agent), StaffAccount.is_active
        )
    ).one_or_none()
    if account is None:
        raise NotFound("STAFF_UNKNOWN", f"there is no active account {agent}")
    return account


def _tell(
    session: Session,
    conversation: Conversation,
    account: StaffAccount,
    *,
    has_joined: bool,
    now: datetime,
) -> None:
    key = "takeover_joined" if has_joined else "takeover_left"
    text = render(key, conversation.language, name=account.name)
    row = new_message(conversation, author="system", text=text, state="sent", now=now)
    row.content = {"person": {"joined": has_joined, "name": account.name}}
    session.add(row)


def _record(
    session: Session, case: Case, account: StaffAccount, command: str, now: datetime
) -> None:
    events.record(
        session, actor=account.email, command=command, document="case", document_id=case.id, now=now,
        after={"status": case.status}, conversation_id=case.conversation_id,
    )  # fmt: skip
