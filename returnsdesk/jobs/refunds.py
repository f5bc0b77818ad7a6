"""Jobs about money: refund parts that go to the payment provider."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from returnsdesk.db.models import RefundPart
from returnsdesk.jobs.context import JobContext
from returnsdesk.services import refunds
from returnsdesk.services.outbox import Handler

STORE_CREDIT = "store_credit"
"""Where a refund part goes that belongs to no payment."""


def handlers(context: JobContext) -> dict[str, Handler]:
    """Pays refund parts back; without a payment provider they wait in the outbox."""
    provider = context.payments
    if provider is None:
        return {}

    def send_refund_part(payload: dict[str, Any], key: str, now: datetime) -> None:
        part_id = int(payload["refund_part_id"])
        with context.database.read() as session:
            part = session.get(RefundPart, part_id)
            amount, currency = part.amount_minor, part.refund.currency
            method = part.payment.method_external_id if part.payment else STORE_CREDIT
        reference = provider.refund(key, amount, currency, method)
        refunds.settle_part(context.database, part_id, reference, now=now)

    return {refunds.SEND_REFUND_PART: send_refund_part}
