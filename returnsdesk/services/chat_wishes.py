"""What the desk itself does with a message, without the assistant: messages about returns by Telegram, on and off.

A wish is a choice {"desk": ...}: of a button, of a command of the channel, or of plain words where they can mean
nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Message
from returnsdesk.domain.choices import is_no, is_yes
from returnsdesk.domain.text import fold
from returnsdesk.services.buttons import Button
from returnsdesk.services.chats import TELEGRAM, chat_of_conversation
from returnsdesk.texts import render

DESK: Final = "desk"
NOTICES: Final = "notices"
NOTICES_ON: Final = "notices_on"
NOTICES_OFF: Final = "notices_off"

NOTICE: Final = "notice"
"""Kind of a row that tells of an event by itself: a chat that wants no notices is not sent it."""

NOTICES_QUESTION: Final = "notices_question"
"""Kind of the row that asks whether notices are wanted."""

CHAT_ONLY: Final = "chat_only"
"""Kind of a row that browsers, where the conversation is held as well, do not show."""

_STOP_WORDS: Final = frozenset({"stop", "stopp", "stoppen", "stoppe", "koniec", "zatrzymaj"})


@dataclass(frozen=True)
class Said:
    """What the desk says: a row of the assistant with buttons that belong to it alone, not to the open question."""

    text: str
    kind: str = CHAT_ONLY
    aside: tuple[Button, ...] = ()


def wish_in(
    session: Session,
    conversation: Conversation,
    text: str,
    choice: Mapping[str, Any] | None,
    channel: str | None,
) -> str | None:
    """What a message asks of the desk itself; None for one that the assistant answers."""
    if choice is not None:
        wish = choice.get(DESK)
        return str(wish) if wish in _ANSWERS else None
    if (channel or conversation.channel) != TELEGRAM:
        return None
    kind = _kind_of_latest(session, conversation.id)
    if kind == NOTICE and fold(text).strip(" .!") in _STOP_WORDS:
        return NOTICES_OFF
    if kind == NOTICES_QUESTION and (is_yes(text) or is_no(text)):
        return NOTICES_ON if is_yes(text) else NOTICES_OFF
    return None


def carry_out(session: Session, conversation: Conversation, wish: str) -> Said:
    """Do what is wished in the transaction of its message; returns the answer."""
    chat = chat_of_conversation(session, conversation.id)
    language = conversation.language
    if chat is None:
        return Said(render("telegram_no_chat", language))
    if wish == NOTICES:
        return notices_on(language) if chat.wants_notices else notices_question(language)
    chat.wants_notices = wish == NOTICES_ON
    is_guest = chat.customer_id is None
    return Said(
        render(_ANSWERS[wish] + ("_guest" if wish == NOTICES_ON and is_guest else ""), language)
    )


def notices_question(language: str) -> Said:
    """Whether the desk may write by itself."""
    yes = Button(render("telegram_notices_yes", language), {DESK: NOTICES_ON})
    no = Button(render("telegram_notices_no", language), {DESK: NOTICES_OFF})
    return Said(render("telegram_notices_ask", language), NOTICES_QUESTION, (yes, no))


def notices_on(language: str) -> Said:
    """That it does so."""
    return Said(render("telegram_notices_are_on", language), aside=(stop_button(language),))


def stop_button(language: str) -> Button:
    """Ends notices."""
    return Button(render("telegram_notices_stop", language), {DESK: NOTICES_OFF})


def _kind_of_latest(session: Session, conversation_id: str) -> str | None:
    content = session.scalar(
        select(Message.content)
        .where(Message.conversation_id == conversation_id, Message.author != "shopper")
        .order_by(Message.seq.desc())
        .limit(1)
    )
    kind = (content or {}).get("kind")
    return str(kind) if kind else None


_ANSWERS: Final[Mapping[str, str]] = {
    NOTICES: "telegram_notices_are_on",
    NOTICES_ON: "telegram_notices_on",
    NOTICES_OFF: "telegram_notices_off",
}
