"""Steps that the tests about money and replacements share: documents at a stage, policies, a provider with a book."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from returnsdesk.clients.http import ProviderRefused, ProviderUnavailable
from returnsdesk.clients.payment import (
    FAILED,
    PENDING,
    SETTLED,
    PaymentLink,
    RefundAnswer,
)
from returnsdesk.db.models import (
    Case,
    Claim,
    ClaimLine,
    Exchange,
    Notification,
    Order,
    OutboxJob,
    Payment,
    PolicyVersion,
    Refund,
    Reservation,
    StockItem,
    StoreCredit,
    UnitClaim,
    Variant,
)
from returnsdesk.db.session import Database
from returnsdesk.domain.policy import digest_of
from returnsdesk.jobs import differences as difference_jobs
from returnsdesk.jobs import refunds as refund_jobs
from returnsdesk.jobs.context import JobContext
from returnsdesk.services import inspections, outbox, policies, return_moves, returns
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from returnsdesk.settings import load_settings
from tests.services.shop import NOW

SHOES, SHIRTS = "LL-1-1", "LL-2-1"


def use_policy(shop: Database, **sections: dict[str, Any]) -> None:
    """Put all orders under the policy of the file with these sections changed."""
    content = policies.read_policy_file()
    for name, values in sections.items():
        content[name] = {**content.get(name, {}), **values}
    with shop.write() as session:
        digest = digest_of(content)
        version = session.scalars(
            select(PolicyVersion).where(PolicyVersion.digest == digest)
        ).one_or_none()
        if version is None:
            version = PolicyVersion(digest=digest, valid_from=NOW, content=content)
            session.add(version)
            session.flush()
        session.execute(update(Order).values(policy_version_id=version.id))


def create(shop, *lines, order="LL-2", key="key-1", settlement="original", now=NOW):
    chosen = lines or (RequestedLine(SHIRTS, 2, "too_large", "refund"),)
    request = ReturnRequest(order, chosen, settlement, key)
    return returns.create(shop, request, actor="shopper", channel="web", now=now)


def free(quantity, outcome="refund", sku=None):
    """A line that costs no fee, for nothing about it is the shopper's doing."""
    return RequestedLine(SHIRTS, quantity, "not_as_described", outcome, new_sku=sku)


def swap(sku, order_line=SHOES, quantity=1):
    return RequestedLine(order_line, quantity, "too_small", "exchange", new_sku=sku)


def arrive(shop, rma_number, now=NOW):
    return_moves.record_scan(shop, rma_number, actor="carrier", now=now)
    return return_moves.record_arrival(shop, rma_number, actor="carrier", now=now)


def inspect(shop, rma_number, line, quantity, grade="A", now=NOW):
    reason = "worn" if grade == "C" else None
    return inspections.inspect_line(
        shop, rma_number, line, quantity, grade, actor="agent x", now=now, reason=reason
    )


def accepted(shop, *lines, order="LL-2", key="key-1", settlement="original"):
    """A return whose units have all been accepted."""
    view = create(shop, *lines, order=order, key=key, settlement=settlement)
    arrive(shop, view.rma_number)
    for line in view.lines:
        view = inspections.inspect_line(
            shop, view.rma_number, line.line_external_id, line.quantity, "A", actor="agent x", now=NOW,
            outcome=line.outcome,
        )  # fmt: skip
    return view


def find(shop, rma_number):
    with shop.read() as session:
        return returns.find(session, rma_number)


def exchange_of(shop, number):
    with shop.read() as session:
        found = session.scalars(select(Exchange).where(Exchange.number == number)).one()
        session.expunge_all()
        return found


def stock_of(shop, sku):
    with shop.read() as session:
        item = session.scalars(select(StockItem).join(Variant).where(Variant.sku == sku)).one()
        return item.on_hand, item.reserved


def set_price(shop, sku, price_minor):
    with shop.write() as session:
        session.execute(update(Variant).where(Variant.sku == sku).values(price_minor=price_minor))


def paid_back(shop, order="LL-2"):
    with shop.read() as session:
        rows = session.scalars(
            select(Payment).join(Order).where(Order.number == order).order_by(Payment.id)
        )
        return [payment.refunded_minor for payment in rows]


def reasons_of_cases(shop):
    with shop.read() as session:
        return sorted(session.scalars(select(Case.reason)))


def notices_of(shop, event):
    with shop.read() as session:
        return len(
            session.scalars(
                select(Notification).where(
                    Notification.event == event, Notification.channel == "email"
                )
            ).all()
        )


def codes(shop, kind="credit"):
    with shop.read() as session:
        rows = session.scalars(select(StoreCredit).where(StoreCredit.kind == kind)).all()
        session.expunge_all()
        return rows


def refunds_of(shop):
    with shop.read() as session:
        return [
            (refund.idempotency_key, refund.purpose, refund.amount_minor, refund.status)
            for refund in session.scalars(select(Refund).order_by(Refund.id))
        ]


def reservations_match_the_stock(shop):
    """No orphan: what is reserved is exactly what exchanges that may still be sent hold."""
    with shop.read() as session:
        held: dict[int, int] = {}
        for reservation in session.scalars(select(Reservation)):
            if reservation.state == "held":
                exchange = reservation.exchange_line.exchange
                assert exchange.status in ("held", "accepted", "choose_again")
                assert exchange.return_ is None or exchange.return_.closed_at is None
                held[reservation.variant_id] = (
                    held.get(reservation.variant_id, 0) + reservation.quantity
                )
        for item in session.scalars(select(StockItem)):
            assert item.reserved == held.get(item.variant_id, 0)
            assert 0 <= item.reserved <= item.on_hand


def claim_on_shirts(shop, quantity=1, resolution="refund", positions=None):
    """An approved claim that holds shirts."""
    with shop.write() as session:
        order = session.scalars(select(Order).where(Order.number == "LL-2")).one()
        claim = Claim(
            number=f"CL-{1000 + quantity}", order=order, created_by="shopper", channel="web", type="damaged",
            wanted="refund", status="approved", resolution=resolution, keep_item=True,
            idempotency_key=f"claim-{quantity}-{resolution}", created_at=NOW, decided_at=NOW,
        )  # fmt: skip
        session.add(claim)
        line = order.lines[0]
        claim_line = ClaimLine(claim=claim, order_line=line, quantity=quantity)
        units = line.units[-quantity:]
        claim_line.unit_claims = [
            UnitClaim(unit=unit, order_unit_id=unit.id, state="consumed", decision="accepted")
            for unit in units
        ]
        session.add(claim_line)
        session.flush()
        return claim.id


@contextmanager
def the_claim(shop, claim_id) -> Iterator[Any]:
    with shop.write() as session:
        yield session, session.get(Claim, claim_id)


class Provider:
    """A payment provider that keeps a book by key, and answers as its `mood` says."""

    def __init__(self) -> None:
        self.mood = SETTLED
        self.paid: dict[str, tuple[int, str]] = {}
        self.links: dict[str, int] = {}
        self.paid_links: set[str] = set()
        self.requests = 0

    def refund(self, key, amount_minor, currency, method_reference):
        self.requests += 1
        if self.mood == "down":
            raise ProviderUnavailable("down")
        if self.mood == "refused":
            raise ProviderRefused(422, "the card is closed")
        self.paid[key] = (amount_minor, method_reference)
        if self.mood == "answer lost":
            raise ProviderUnavailable("no answer")
        return RefundAnswer(PENDING if self.mood == PENDING else SETTLED, f"ref-{key}")

    def find(self, key):
        if self.mood == "down":
            raise ProviderUnavailable("down")
        if key not in self.paid:
            return None
        if self.mood == "bounced":
            return RefundAnswer(FAILED, f"ref-{key}", "the bank sent it back")
        return RefundAnswer(PENDING if self.mood == PENDING else SETTLED, f"ref-{key}")

    def payment_link(self, key, amount_minor, currency, description, return_url, *, expires_at):
        if self.mood == "down":
            raise ProviderUnavailable("down")
        self.links[key] = amount_minor
        return PaymentLink(f"ref-{key}", f"https://pay.example/{key}")

    def is_paid(self, reference):
        if self.mood == "down":
            raise ProviderUnavailable("down")
        return reference in self.paid_links


class Desk:
    """The jobs about money, at work with a provider."""

    def __init__(self, shop: Database, provider: Any) -> None:
        context = JobContext(load_settings(), shop, None, provider)
        self._shop = shop
        self._handlers = {**refund_jobs.handlers(context), **difference_jobs.handlers(context)}
        self._timers = difference_jobs.timers(context)

    def run(self, now: datetime = NOW) -> None:
        while outbox.run_due(self._shop, self._handlers, now=now):
            pass

    def look(self, now: datetime = NOW) -> None:
        for timer in self._timers:
            timer(now)
        self.run(now)


def jobs_waiting(shop, kind):
    with shop.read() as session:
        rows = session.scalars(
            select(OutboxJob.due_at).where(OutboxJob.kind == kind, OutboxJob.state == "waiting")
        )
        return list(rows)
