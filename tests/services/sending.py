"""What the tests of labels and parcels share: a return to label, a carrier with a book, and a look at the record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from returnsdesk.clients.carrier import CarrierReport, EmbeddedCarrier, LabelMade, LabelRequest
from returnsdesk.db.models import Case, InboundParcel, Notification, Order, OutboxJob, PolicyVersion
from returnsdesk.db.session import Database
from returnsdesk.domain.policy import digest_of
from returnsdesk.services import labels, policies, returns
from returnsdesk.services.label_requests import ISSUE_LABEL
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from returnsdesk.services.views import ReturnView
from tests.services.shop import NOW

SHIRTS = "LL-2-1"


class BookedCarrier(EmbeddedCarrier):
    """The stand-in, with a book of what was asked; `meanwhile` happens while a label is being made."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[LabelRequest] = []
        self.bought: set[str] = set()
        self.voided: list[str] = []
        self.error: Exception | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def make_label(self, request: LabelRequest) -> LabelMade:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        self.bought.add(request.key)
        made = super().make_label(request)
        self.meanwhile()
        return made

    def void_label(self, reference: str) -> None:
        self.voided.append(reference)


def approved(shop: Database, key: str = "key-1", now: datetime = NOW) -> str:
    line = RequestedLine(SHIRTS, 2, "too_large", "refund")
    request = ReturnRequest("LL-2", (line,), "original", key)
    view = returns.create(shop, request, actor="shopper", channel="web", now=now)
    assert view.status == "approved"
    return view.rma_number


def labelled(shop: Database) -> ReturnView:
    return labels.issue_label(shop, approved(shop), actor="agent x", now=NOW)


def view_of(shop: Database, rma_number: str) -> ReturnView:
    with shop.read() as session:
        return returns.find(session, rma_number)


def waiting(shop: Database, kind: str = ISSUE_LABEL) -> list[tuple[str, datetime]]:
    """Key of each job that waits, and when it is due."""
    with shop.read() as session:
        found = select(OutboxJob).where(OutboxJob.kind == kind, OutboxJob.state == "waiting")
        rows = session.scalars(found.order_by(OutboxJob.id))
        return [(row.dedupe_key, row.due_at) for row in rows]


def parcels_of(shop: Database) -> list[tuple[str, str]]:
    """Tracking number and state of every parcel, also of those whose labels were taken back."""
    with shop.read() as session:
        rows = session.scalars(select(InboundParcel).order_by(InboundParcel.id))
        return [(row.tracking_number, row.status) for row in rows]


def notices(shop: Database) -> list[str]:
    with shop.read() as session:
        return list(session.scalars(select(Notification.event).order_by(Notification.id)))


def case_reasons(shop: Database) -> list[str]:
    with shop.read() as session:
        return list(session.scalars(select(Case.reason).order_by(Case.id)))


def change_policy(shop: Database, **rules: Any) -> None:
    """Give the orders of the shop a policy whose rules about sending differ from the file's."""
    content = policies.read_policy_file()
    content["return"] = {**content["return"], **rules}
    with shop.write() as session:
        version = PolicyVersion(digest=digest_of(content), valid_from=NOW, content=content)
        session.add(version)
        for order in session.scalars(select(Order)):
            order.policy_version = version


def report(tracking_number: str, status: str, event_id: str, at: datetime = NOW) -> CarrierReport:
    return CarrierReport("postnl", event_id, tracking_number, status, at)
