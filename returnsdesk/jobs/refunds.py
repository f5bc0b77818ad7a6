"""Jobs about money that goes back: refund parts that the payment provider pays, and codes for store credit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from returnsdesk.clients.http import ProviderRefused, ProviderUnavailable
from returnsdesk.clients.payment import FAILED, PENDING, PaymentClient, RefundAnswer
from returnsdesk.db.session import Database
from returnsdesk.jobs.context import JobContext
from returnsdesk.services import refund_parts
from returnsdesk.services.outbox import Handler


def handlers(context: JobContext) -> dict[str, Handler]:
    """Pays refund parts back; without a payment provider those that need one wait in the outbox."""

    def issue_store_credit(payload: dict[str, Any], key: str, now: datetime) -> None:
        refund_parts.settle_part(context.database, int(payload["refund_part_id"]), None, now=now)

    found: dict[str, Handler] = {refund_parts.ISSUE_STORE_CREDIT: issue_store_credit}
    if context.payments is not None:
        cashier = _Cashier(context.database, context.payments)
        found[refund_parts.SEND_REFUND_PART] = cashier.send
        found[refund_parts.CHECK_REFUND_PART] = cashier.check
    return found


class _Cashier:
    """Asks the provider, and writes down what it says."""

    def __init__(self, database: Database, provider: PaymentClient) -> None:
        self._database = database
        self._provider = provider

    def send(self, payload: dict[str, Any], key: str, now: datetime) -> None:
        """Have a part paid back, once: what may have been asked for before is looked up before it is asked again.

        Raises `ProviderUnavailable` when the answer is not known; the part stays as it is and the job comes again.
        """
        part_id = int(payload["refund_part_id"])
        with self._database.read() as session:
            part = refund_parts.part_to_pay(session, part_id)
        if part is None:
            return
        try:
            answer = self._provider.find(part.key)
            if answer is None or answer.status == FAILED:
                answer = self._provider.refund(
                    part.key, part.amount_minor, part.currency, part.method_reference
                )
        except ProviderRefused as error:
            refund_parts.fail_part(self._database, part_id, str(error), now=now)
            return
        except ProviderUnavailable as error:
            refund_parts.record_failure(self._database, part_id, str(error), now=now)
            raise
        self._write_down(part_id, answer, now)

    def check(self, payload: dict[str, Any], key: str, now: datetime) -> None:
        """Look how far a part is that the provider works on; a further look follows until it is settled or failed."""
        part_id, checks = int(payload["refund_part_id"]), int(payload["checks"])
        with self._database.read() as session:
            part = refund_parts.part_to_pay(session, part_id)
        if part is None:
            return
        try:
            answer = self._provider.find(part.key)
        except (ProviderUnavailable, ProviderRefused):
            # Nothing is lost by looking later: the provider has the part.
            answer = None
        if answer is not None and answer.status != PENDING:
            self._write_down(part_id, answer, now)
            return
        refund_parts.check_again(self._database, part_id, checks=checks, now=now)

    def _write_down(self, part_id: int, answer: RefundAnswer, now: datetime) -> None:
        if answer.status == PENDING:
            refund_parts.mark_pending(self._database, part_id, answer.reference, now=now)
        elif answer.status == FAILED:
            reason = answer.reason or "the provider could not pay it"
            refund_parts.fail_part(self._database, part_id, reason, now=now)
        else:
            refund_parts.settle_part(self._database, part_id, answer.reference, now=now)
