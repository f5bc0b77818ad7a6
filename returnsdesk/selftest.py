"""The self-test of a started product: a question through the desk's real entry, and whether the answer is true."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone
from uuid import uuid4

import httpx
from sqlalchemy import select

from returnsdesk.db.models import Customer, Order, Return
from returnsdesk.db.session import Database
from returnsdesk.services import identity
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
    """A customer of the shop with a refund in the record."""
    with database.read() as session:
        row = session.execute(
            select(Customer.external_id, Return.rma_number)
            .join(Order, Order.customer_id == Customer.id)
            .join(Return, Return.order_id == Order.id)
            .where(Return.settlement.is_not(None), Return.closed_at.is_(None))
            .order_by(Return.requested_at.desc())
            .limit(1)
        ).one_or_none()
    return Probe(row[0], row[1]) if row else Probe(None, None)


def wait_until_ready(settings: Settings, *, seconds: float) -> None:
    """Wait until the desk and Rasa say that they are ready; raises `SelfTestFailed`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{_base(settings)}/readyz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(POLL_SECONDS)
    raise SelfTestFailed(
        f"The processes were not ready within {seconds:.0f} seconds; see the log above."
    )


def ask(settings: Settings, probe: Probe, *, seconds: float) -> str:
    """Ask as that customer and give the answer; raises `SelfTestFailed` when it is missing or not true."""
    with httpx.Client(base_url=_base(settings), timeout=10) as client:
        session = (
            client.post("/api/session", json=_session_wish(settings, probe))
            .raise_for_status()
            .json()
        )
        client.headers["Authorization"] = f"Bearer {session['token']}"
        message = {"text": QUESTION, "message_id": uuid4().hex}
        client.post("/api/messages", json=message).raise_for_status()
        answer = _await_answer(client, seconds)
        client.delete("/api/session")
    if probe.rma_number is not None and probe.rma_number not in answer:
        raise SelfTestFailed(
            f"The self-test asked after {probe.rma_number} and was told: {answer!r}."
        )
    return answer


def _await_answer(client: httpx.Client, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        messages = client.get("/api/history").raise_for_status().json()["messages"]
        said = [message["text"] for message in messages if message["author"] == "assistant"]
        if said:
            return "\n".join(said)
        time.sleep(POLL_SECONDS)
    raise SelfTestFailed(f"The self-test message got no answer within {seconds:.0f} seconds.")


def _session_wish(settings: Settings, probe: Probe) -> dict[str, str]:
    wish = {"language": "en"}
    if probe.customer_external_id is not None:
        now = datetime.now(timezone.utc)
        wish["login_token"] = identity.shop_login_token(
            probe.customer_external_id, key=settings.shop_login_key, now=now
        )
    return wish


def _base(settings: Settings) -> str:
    host = "127.0.0.1" if settings.desk_host == "0.0.0.0" else settings.desk_host  # noqa: S104
    return f"http://{host}:{settings.desk_port}"
