"""Photos are kept as long as the shop says; those that an open claim needs stay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from returnsdesk.db.models import Claim, ClaimEvidence, Conversation, Message, Order
from returnsdesk.db.session import Database
from returnsdesk.services import photo_files
from returnsdesk.settings import Settings
from tests.desk.pictures import picture
from tests.desk.shopper import Shopper
from tests.desk.test_ratings import NOW


@pytest.fixture
def photo_id(shopper: Shopper, database: Database) -> str:
    """A photo of a conversation that was silent for 200 days."""
    assert shopper.client.post("/api/photos?message_id=p1", content=picture()).status_code == 201
    with database.write() as session:
        conversation = session.get(Conversation, shopper.conversation_id)
        conversation.last_message_at = NOW - timedelta(days=200)
        message = session.query(Message).filter_by(author="shopper").one()
        return str(message.content["image"]).rpartition("/")[2]


def claim(database: Database, photo_id: str, status: str) -> None:
    with database.write() as session:
        order = session.query(Order).first()
        session.add(
            Claim(
                number="CLM-1",
                order_id=order.id,
                created_by="shopper",
                channel="web",
                type="damaged",
                status=status,
                wanted="refund",
                idempotency_key="1",
                created_at=NOW,
                evidence=[ClaimEvidence(photo_id=photo_id, added_at=NOW)],
            )
        )


def prune(database: Database, settings: Settings, days: int) -> int:
    return photo_files.prune(database, settings.var_dir, before=NOW - timedelta(days=days))


def test_old_photos_go_and_their_messages_stay(
    shopper: Shopper, database: Database, desk_settings: Settings, photo_id: str
) -> None:
    path = photo_files.folder(desk_settings.var_dir) / f"{photo_id}.jpg"

    assert prune(database, desk_settings, 201) == 0
    assert path.exists()
    assert prune(database, desk_settings, 199) == 1

    assert not path.exists()
    assert shopper.client.get(f"/api/photos/{photo_id}").status_code == 404
    assert "image" not in shopper.history()[0]
    assert prune(database, desk_settings, 199) == 0


@pytest.mark.parametrize(("status", "number"), [("open", 0), ("resolved", 1)])
def test_evidence_of_an_open_claim_stays(
    database: Database, desk_settings: Settings, photo_id: str, status: str, number: int
) -> None:
    claim(database, photo_id, status)

    assert prune(database, desk_settings, 199) == number
