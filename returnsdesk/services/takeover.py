"""Takeover: a person of the support team joins a conversation, talks to the shopper, and hands it back.

While a person has a conversation, the assistant says nothing: messages are kept and wait for no answer of it. Who has
it stands in a case of the reason "takeover" that is "with_person". The cases that the conversation waits for are the
person's as well: they close when it is handed back as solved, and stay theirs when it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from returnsdesk.db.models import Case, Conversation, Message, StaffAccount
from returnsdesk.db.session import Database
from returnsdesk.domain.mentions import normalise_email
from returnsdesk.services import conversation_state, events, staff
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

__all__ = ["has_open_case", "holder_of", "is_taken_over", "join", "leave", "say", "show_typing"]

TEXT_LIMIT: Final = 4000
TYPING: Final = timedelta(seconds=6)
"""How long a sign of typing holds; who goes on typing gives the next one before."""

_STAFF_KEY: Final = "staff:"


@dataclass(frozen=True)
class Holder:
    """Who has a conversation, and since when."""

    email: str
    name: str
    since: datetime


def holder_of(session: Session, conversation_id: str) -> Holder | None:
    """The person who has the conversation; None while the assistant answers."""
    case = takeover_case(session, conversation_id)
    return _holder(session, case) if case is not None else None


def join(
    database: Database,
    conversation_id: str,
    agent: str,
    *,
    now: datetime,
    from_colleague: str | None = None,
) -> str:
    """Take a conversation over and tell the shopper who has joined; returns the name that the shopper reads.

    `agent` is the e-mail address of a member of staff; a second call of the same one changes nothing. By
    `from_colleague`, an address, a lead takes it from that person.

    Raises `NotFound` for an unknown conversation, one that was ended or an unknown agent; `Conflict` (TAKEN_OVER, facts
    `name` and `since`) when another person has it; `NotAllowed` when an agent takes it from a colleague.
    """
    with database.write() as session:
        conversation, account = _open(session, conversation_id), _account(session, agent)
        present = takeover_case(session, conversation_id)
        if present is not None and present.summary == account.email:
            return str(account.name)
        if present is not None:
            holder = _holder(session, present)
            if from_colleague != holder.email:
                raise Conflict(
                    "TAKEN_OVER",
                    f"{holder.name} has conversation {conversation_id}",
                    name=holder.name,
                    since=holder.since,
                )
            _require_lead(account)
            _end(session, conversation, present, holder.name, account, "take_from_colleague", now)
        _begin(session, conversation, account, now)
        return str(account.name)


def say(
    database: Database,
    conversation_id: str,
    agent: str,
    text: str,
    *,
    now: datetime,
    key: str | None = None,
) -> int:
    """Write to the shopper under one's own name; returns the number of the message.

    `key` is of the caller's choice: a second call with it finds the message of the first.

    Raises `NotFound` as `join` does, `NotAllowed` for who has not joined, `ServiceError` for no text or too long a one.
    """
    text = text.strip()
    if not text or len(text) > TEXT_LIMIT:
        raise ServiceError("TEXT_INVALID", f"a message has 1 to {TEXT_LIMIT} characters")
    with database.write() as session:
        conversation, account = _open(session, conversation_id), _account(session, agent)
        message_id = f"{_STAFF_KEY}{key}" if key else None
        earlier = _sent_before(session, conversation_id, message_id)
        if earlier is not None:
            return earlier
        _own(session, conversation_id, account)
        row = new_message(conversation, author="agent", text=text, state="sent", now=now)
        row.channel_message_id, row.content = message_id, {"custom": {"name": account.name}}
        conversation.agent_typing_until = None
        session.add(row)
        return int(row.seq)


def show_typing(database: Database, conversation_id: str, agent: str, *, now: datetime) -> None:
    """Let the shopper see for some seconds that the person is writing; raises as `say` does."""
    with database.write() as session:
        conversation, account = _open(session, conversation_id), _account(session, agent)
        _own(session, conversation_id, account)
        conversation.agent_typing_until = now + TYPING


def leave(
    database: Database,
    conversation_id: str,
    agent: str,
    *,
    now: datetime,
    is_solved: bool = False,
    for_colleague: str | None = None,
) -> None:
    """Hand the conversation back to the assistant, which says so in one line.

    With `is_solved` the cases that it waited for are closed; otherwise they stay open, with the person. By
    `for_colleague`, an address, a lead hands back what that colleague has forgotten.

    Raises `NotFound` for an unknown conversation or agent, `NotAllowed` for who has not joined.
    """
    with database.write() as session:
        conversation, account = locked(session, conversation_id), _account(session, agent)
        case = takeover_case(session, conversation_id)
        if case is not None and case.summary == for_colleague != account.email:
            _require_lead(account)
            name = _holder(session, case).name
        else:
            case, name = _own(session, conversation_id, account), account.name
        if is_solved:
            _close_cases(session, conversation_id, account, now)
        _end(session, conversation, case, name, account, "hand_back", now)
        if conversation.ended_at is None:
            text = render("takeover_assistant_is_back", conversation.language)
            row = new_message(conversation, author="assistant", text=text, state="sent", now=now)
            session.add(row)


def _begin(
    session: Session, conversation: Conversation, account: StaffAccount, now: datetime
) -> None:
    case = Case(
        conversation_id=conversation.id,
        reason=TAKEN_OVER,
        summary=account.email,
        status=WITH_PERSON,
        assigned_to=account.email,
        created_at=now,
    )
    session.add(case)
    session.flush()
    # What the assistant has not answered yet is for the person now.
    session.execute(
        update(Message)
        .where(Message.conversation_id == conversation.id, Message.state == "waiting")
        .values(state="answered")
        .execution_options(synchronize_session=False)
    )
    for waiting in _open_cases(session, conversation.id):
        waiting.assigned_to = account.email
        _record(session, waiting, account, "assign_case", now)
    _tell(session, conversation, account.name, has_joined=True, now=now)
    conversation_state.settle(session, conversation.id)
    _record(session, case, account, "take_over", now)


def _end(
    session: Session,
    conversation: Conversation,
    case: Case,
    name: str,
    account: StaffAccount,
    command: str,
    now: datetime,
) -> None:
    case.status, case.closed_at = "closed", now
    conversation.agent_typing_until = None
    conversation_state.settle(session, conversation.id)
    # Nobody reads a conversation that the shopper has ended.
    if conversation.ended_at is None:
        _tell(session, conversation, name, has_joined=False, now=now)
    _record(session, case, account, command, now)


def has_open_case(session: Session, conversation_id: str) -> bool:
    """Whether the conversation waits for something that a person has not solved yet."""
    return bool(_open_cases(session, conversation_id))


def _open_cases(session: Session, conversation_id: str) -> list[Case]:
    """The cases for which the conversation waits; those about documents are decided on their own pages."""
    rows = session.scalars(
        select(Case).where(
            Case.conversation_id == conversation_id,
            Case.status == "open",
            Case.document.is_(None),
        )
    )
    return list(rows)


def _close_cases(
    session: Session, conversation_id: str, account: StaffAccount, now: datetime
) -> None:
    for case in _open_cases(session, conversation_id):
        case.status, case.closed_at = "closed", now
        _record(session, case, account, "close_case", now)


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


def _require_lead(account: StaffAccount) -> None:
    if staff.ROLES.index(account.role) < staff.ROLES.index("lead"):
        raise NotAllowed("LEAD_NEEDED", "only a lead may do this for a colleague")


def _account(session: Session, agent: str) -> StaffAccount:
    account: StaffAccount | None = session.scalars(
        select(StaffAccount).where(
            StaffAccount.email == normalise_email(agent), StaffAccount.is_active
        )
    ).one_or_none()
    if account is None:
        raise NotFound("STAFF_UNKNOWN", f"there is no active account {agent}")
    return account


def _holder(session: Session, case: Case) -> Holder:
    name = session.scalar(select(StaffAccount.name).where(StaffAccount.email == case.summary))
    return Holder(case.summary, str(name or case.summary), case.created_at)


def _sent_before(session: Session, conversation_id: str, message_id: str | None) -> int | None:
    if message_id is None:
        return None
    seq = session.scalar(
        select(Message.seq).where(
            Message.conversation_id == conversation_id, Message.channel_message_id == message_id
        )
    )
    return int(seq) if seq is not None else None


def _tell(
    session: Session, conversation: Conversation, name: str, *, has_joined: bool, now: datetime
) -> None:
    key = "takeover_joined" if has_joined else "takeover_left"
    text = render(key, conversation.language, name=name)
    row = new_message(conversation, author="system", text=text, state="sent", now=now)
    row.content = {"person": {"joined": has_joined, "name": name}}
    session.add(row)


def _record(
    session: Session, case: Case, account: StaffAccount, command: str, now: datetime
) -> None:
    events.record(
        session, actor=account.email, command=command, document="case", document_id=case.id, now=now,
        after={"status": case.status, "assigned_to": case.assigned_to}, conversation_id=case.conversation_id,
    )  # fmt: skip
