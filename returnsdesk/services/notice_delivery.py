"""The delivery of notices as the record keeps it: what waits, what was sent, what came too late, and the chat's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Notification, TelegramChat
from returnsdesk.db.session import Database
from returnsdesk.services import chat_wishes, conversations, notice_facts, notices
from returnsdesk.services.buttons import issue
from returnsdesk.services.chats import TELEGRAM, chat_of_conversation, lock_chat_of
from returnsdesk.services.errors import NotFound
from returnsdesk.services.notice_facts import NoticeFacts
from returnsdesk.services.notice_timeliness import is_worth_sending
from returnsdesk.services.notices import DROPPED, SENT, WAITING


@dataclass(frozen=True)
class NoticeToSend:
    """A notice that waits: which event on which channel, to whom, in which language.

    `facts` is empty when the notice came too late to be true. `key` is the same however often it is sent.
    """

    id: int
    event: str
    document: str
    channel: str
    recipient: str
    language: str
    key: str
    facts: NoticeFacts | None


def to_send(
    session: Session, notice_id: int, *, default_language: str, now: datetime
) -> NoticeToSend | None:
    """The notice as it would be sent now; None when it was sent or dropped already.

    Raises `NotFound` when its document is gone.
    """
    notice = session.get(Notification, notice_id)
    if notice is None or notice.status != WAITING:
        return None
    language = notice.language or default_language
    is_true = is_worth_sending(session, notice, now)
    return NoticeToSend(
        id=notice.id,
        event=notice.event,
        document=notice.document,
        channel=notice.channel,
        recipient=notice.recipient,
        language=language,
        key=notice.dedupe_key,
        facts=notice_facts.facts_of(session, notice, language, now) if is_true else None,
    )


def mark_sent(database: Database, notice_id: int, *, now: datetime) -> None:
    """The channel has taken the notice over."""
    _mark(database, notice_id, SENT, now)


def drop(database: Database, notice_id: int, *, now: datetime) -> None:
    """The notice is not sent any more: it came too late to be true, or nobody can be reached by its address."""
    _mark(database, notice_id, DROPPED, now)


def put_in_chat(
    database: Database, notice: NoticeToSend, text: str, custom: Mapping[str, Any], *, now: datetime
) -> bool:
    """Add the notice to its conversation and mark it in one; False, and dropped, where nobody is to read it there.

    That is a conversation which has ended meanwhile, or a chat that wants no notices any more. A row of kind `NOTICE`
    is shown on the web, and sent to a chat as long as it wants notices.
    """
    with database.write() as session:
        conversation, chat = _place_of(session, notice)
        row = _locked(session, notice.id)
        if row is None:
            return True
        wants = chat is not None and chat.wants_notices
        is_asked = chat is not None and notices.is_expected(
            session, notice.event, chat.conversation_id, now
        )
        is_read = conversation.ended_at is None and (
            wants or is_asked or conversation.channel == notices.WEB
        )
        if not is_read:
            row.status = DROPPED
            return False
        message = conversations.new_message(
            conversation, author="assistant", text=text, state="sent", now=now
        )
        message.content = {
            **({"custom": dict(custom)} if custom else {}),
            **({} if is_asked and not wants else {"kind": chat_wishes.NOTICE}),
        }
        if wants:
            stop = chat_wishes.stop_button(conversation.language)
            message.content["aside"] = [issue(session, conversation.id, stop, now)]
        session.add(message)
        row.status, row.sent_at = SENT, now
        return True


def _place_of(session: Session, notice: NoticeToSend) -> tuple[Conversation, TelegramChat | None]:
    """The conversation of a notice, locked, and the chat that it is held in."""
    conversation_id = notice.recipient
    if notice.channel == TELEGRAM:
        found = session.get(
            TelegramChat, int(notice.recipient), with_for_update=True, populate_existing=True
        )
        if found is None:
            raise NotFound("CHAT_UNKNOWN", f"there is no chat {notice.recipient}")
        conversation_id = found.conversation_id
    else:
        lock_chat_of(session, conversation_id)
    conversation = conversations.locked(session, conversation_id)
    return conversation, chat_of_conversation(session, conversation_id)


def _mark(database: Database, notice_id: int, status: str, now: datetime) -> None:
    with database.write() as session:
        row = _locked(session, notice_id)
        if row is not None:
            row.status = status
            row.sent_at = now if status == SENT else None


def _locked(session: Session, notice_id: int) -> Notification | None:
    """The notice if it still waits."""
    found: Notification | None = session.scalars(
        select(Notification)
        .where(Notification.id == notice_id, Notification.status == WAITING)
        .with_for_update()
    ).one_or_none()
    return found
