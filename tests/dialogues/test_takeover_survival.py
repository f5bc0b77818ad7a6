"""While a person has a conversation any process may be killed: the assistant is silent, every message is kept."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from returnsdesk.db.models import Conversation, Message, StaffAccount
from returnsdesk.desk_client import DeskCallFailed
from returnsdesk.services import takeover
from tests.dialogues.test_survival import SECONDS_TO_COME_BACK, kill
from tests.servers.product import Product, Shopper


def now() -> datetime:
    return datetime.now(timezone.utc)


def newest_conversation(product: Product) -> str:
    with product.database.read() as session:
        newest = session.query(Conversation).order_by(Conversation.created_at.desc()).first()
        return str(newest.id)


def said(product: Product, conversation_id: str) -> list[tuple[str, str]]:
    with product.database.read() as session:
        rows = session.query(Message).filter_by(conversation_id=conversation_id)
        return [(row.author, row.text) for row in rows.order_by(Message.seq)]


def send(shopper: Shopper, text: str) -> None:
    """Type a message, again while the desk is away."""
    deadline = time.monotonic() + SECONDS_TO_COME_BACK
    is_sent = False
    while not is_sent:
        assert time.monotonic() < deadline, "the desk did not come back"
        try:
            shopper.sends(text)
            is_sent = True
        except DeskCallFailed:
            time.sleep(0.2)


def test_the_assistant_is_silent_after_a_restart_of_any_process(product: Product) -> None:
    with product.database.read() as session:
        agent = session.query(StaffAccount).filter_by(role="agent").first().email
    with product.shopper("LLC-2003") as shopper:
        # Whatever earlier stories have left to return: a form is open now, which would take any words.
        assert shopper.says("I want to return something")
        own = newest_conversation(product)
        takeover.join(product.database, own, agent, now=now())
        before = len(said(product, own))

        # The session that Rasa has of it is lost with each of these, and so is what a typed command would do.
        expected = []
        for name in ("desk", "rasa", "actions"):
            kill(product, name)
            for text in (f"{name} was killed", "/restart"):
                send(shopper, text)
                expected.append(("shopper", text))
            takeover.say(product.database, own, agent, f"after {name}", now=now())
            expected.append(("agent", f"after {name}"))
        assert said(product, own)[before:] == expected

        takeover.leave(product.database, own, agent, now=now(), is_solved=True)
        shopper.sends("what is the return window?")
        answer = shopper.hears(SECONDS_TO_COME_BACK)
        assert answer
        assert [author for author, _ in said(product, own)[before:]].count("assistant") >= 2
