"""The self-test of a started product: a question through the desk's real entry, and whether the answer is true."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone

import httpx
from sqlalchemy import select

from returnsdesk.db.models import Customer, Order, Return, TelegramChat
from returnsdesk.db.session import Database
from returnsdesk.desk_client import ChatClient, DeskCallFailed, desk_url
from returnsdesk.services import conversation_erasure, identity
from returnsdesk.settings import Settings

QUESTION = "where is my refund?"
POLL_SECONDS = 0.25


class SelfTestFailed(Exception):
    """No true answer came; the text is one sentence for the operator."""


@dataclass(frozen=True)
class Probe:
    """Who asks, and a number from the record that a true answer names; without returns anyone asks for anything."""

    customer_external_id: str | None
    rma_number: str | None


def choose_probe(database: Database) -> Probe:
    """A customer with a refund in the record, and without a linked chat that would hear the question too."""
    with database.read() as session:
        row = session.execute(
            select(Customer.external_id, Return.rma_number)
            .join(Order, Order.customer_id == Customer.id)
            .join(Return, Return.order_id == Order.id)
            .outerjoin(TelegramChat, TelegramChat.customer_id == Customer.id)
            .where(
                Return.settlement.is_not(None),
                Return.closed_at.is_(None),
                TelegramChat.chat_id.is_(None),
            )
            .order_by(Return.requested_at.desc())
            .limit(1)
        ).one_or_none()
    return Probe(row[0], row[1]) if row else Probe(None, None)


def wait_until_ready(settings: Settings, *, seconds: float) -> None:
    """Wait until the desk and Rasa say that they are ready; raises `SelfTestFailed`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{desk_url(settings)}/readyz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(POLL_SECONDS)
    raise SelfTestFailed(
        f"The processes were not ready within {seconds:.0f} seconds; see the log above."
    )


def ask(
    settings: Settings, probe: Probe, *, seconds: float, database: Database | None = None
) -> str:
    """Ask as that customer and give the answer; raises `SelfTestFailed` when it is missing or not true.

    Nobody of the team has to read what no shopper said: in `database` the conversation is removed again.
    """
    client = ChatClient(settings)
    try:
        with closing(client):
            client.open("en", login_token(settings, probe))
            client.say(QUESTION)
            said = list(client.answers(seconds))
            client.end()
    except DeskCallFailed as error:
        raise SelfTestFailed(f"The self-test got no answer: {error}") from error
    finally:
        if database is not None:
            with database.write() as session:
                conversation_erasure.erase(session, client.conversation_ids)
    answer = "\n".join(message["text"] for message in said if message["author"] == "assistant")
    if probe.rma_number is not None and probe.rma_number not in answer:
        raise SelfTestFailed(
            f"The self-test asked after {probe.rma_number} and was told: {answer!r}."
        )
    return answer


def login_token(settings: Settings, probe: Probe) -> str | None:
    """What the shop's backend would sign for the probe's customer; None for a guest."""
    if probe.customer_external_id is None:
        return None
    now = datetime.now(timezone.utc)
    return identity.shop_login_token(
        probe.customer_external_id, key=settings.shop_login_key, now=now
    )
