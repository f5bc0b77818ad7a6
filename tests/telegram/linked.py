"""What the tests of links and notices share: the small shop, chats, links as browsers make them, what was said."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from returnsdesk.db.models import Conversation, Customer, Message, TelegramChat
from returnsdesk.db.session import Database
from returnsdesk.services import chat_links, conversations, identity, telegram_chats
from returnsdesk.services.chat_links import Redeemed
from returnsdesk.services.chats import TELEGRAM
from returnsdesk.settings import Settings, load_settings
from tests.services.shop import NOW, database, shop

__all__ = ["database", "shop"]

KEY = "a-key-of-thirty-two-characters-or-more"
PHONE, OTHER_PHONE = 1001, 1002
SOON = NOW + timedelta(minutes=1)
_numbers = count(1)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An SQLite file, unless the test asks for PostgreSQL as well."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        var_dir=tmp_path / "var",
        secret_key="key-of-these-tests",
        public_url="https://retour.lundlinde.example",
    )


def customer(shop: Database, name: str, **more: Any) -> str:
    """A further customer; returns the shop's own id."""
    names = {"first_name": name.capitalize(), "last_name": "Smit", **more}
    email = f"{name}@mail.example"
    plain = {"language": "en", "tier": "none", "address": {}}
    with shop.write() as session:
        session.add(Customer(external_id=name, email=email, email_norm=email, **names, **plain))
    return name


def browser(shop: Database, name: str | None = "anna", *, now: datetime = NOW) -> str:
    """A conversation in a browser, logged in at the shop or not."""
    talk = conversations.start(shop, channel="web", language="en", now=now).id
    if name is not None:
        assert identity.sign_in(shop, talk, login(name, now=now), key=KEY, now=now)
    return talk


def login(name: str, *, now: datetime = NOW) -> str:
    return identity.shop_login_token(name, key=KEY, now=now)


def link(shop: Database, conversation_id: str, *, now: datetime = NOW) -> str:
    return chat_links.make_for_conversation(shop, conversation_id, now=now).token


def account_link(shop: Database, name: str = "anna", *, now: datetime = NOW) -> str:
    made = chat_links.make_for_customer(shop, login(name, now=now), key=KEY, now=now)
    assert made is not None
    return made.token


def tap(
    shop: Database,
    token: str,
    chat_id: int = PHONE,
    *,
    message: str | None = None,
    language: str = "en",
    now: datetime = SOON,
) -> Redeemed:
    """Open a link in a chat."""
    message_id = message or f"tg-{chat_id}-{next(_numbers)}"
    return chat_links.redeem(
        shop, token, chat_id=chat_id, message_id=message_id, language=language, now=now
    )


def write(
    shop: Database, text: str = "", chat_id: int = PHONE, *, now: datetime = SOON, **more: Any
) -> None:
    """Send a message into a chat, typed or by a button."""
    talk = telegram_chats.open_chat(shop, chat_id, "en", now=now).conversation_id
    conversations.accept(
        shop,
        talk,
        message_id=f"tg-{chat_id}-{next(_numbers)}",
        text=text,
        channel=TELEGRAM,
        now=now,
        **more,
    )


def chat(shop: Database, chat_id: int = PHONE) -> TelegramChat:
    with shop.read() as session:
        found = session.get(TelegramChat, chat_id)
        session.expunge_all()
        return found


def talk_of(shop: Database, chat_id: int = PHONE) -> Conversation:
    """The conversation of a chat."""
    with shop.read() as session:
        found = session.get(Conversation, session.get(TelegramChat, chat_id).conversation_id)
        session.expunge_all()
        return found


def rows(shop: Database, conversation_id: str, author: str | None = None) -> list[Message]:
    with shop.read() as session:
        found = session.scalars(
            select(Message).where(Message.conversation_id == conversation_id).order_by(Message.seq)
        ).all()
        session.expunge_all()
        return [row for row in found if author is None or row.author == author]


def said(shop: Database, chat_id: int = PHONE) -> list[str]:
    """What the assistant has said in the chat's conversation."""
    return [row.text for row in rows(shop, talk_of(shop, chat_id).id, "assistant")]


def scope(shop: Database, conversation_id: str, now: datetime = SOON) -> identity.Scope | None:
    with shop.read() as session:
        return identity.scope_of(session, conversation_id, now)


def is_ended(shop: Database, conversation_id: str) -> bool:
    with shop.read() as session:
        return session.get(Conversation, conversation_id).ended_at is not None


def press(shop: Database, label: str, chat_id: int = PHONE, *, now: datetime = SOON) -> None:
    """Press the newest button of that label."""
    for row in reversed(rows(shop, talk_of(shop, chat_id).id)):
        for button in [*row.content.get("buttons", []), *row.content.get("aside", [])]:
            if button["title"] == label:
                write(shop, chat_id=chat_id, button=button["token"], now=now)
                return
    raise AssertionError(f"there is no button {label}")
