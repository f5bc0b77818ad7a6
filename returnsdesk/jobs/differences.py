"""Jobs about replacements: payment links for dearer ones, whether they were paid, and stock that is kept too long."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from returnsdesk.clients.http import ProviderError
from returnsdesk.clients.payment import PaymentClient
from returnsdesk.jobs.context import JobContext, Timer
from returnsdesk.services import differences, exchange_endings, links
from returnsdesk.services.errors import ServiceError
from returnsdesk.services.outbox import Handler

logger = logging.getLogger(__name__)


def handlers(context: JobContext) -> dict[str, Handler]:
    """Makes payment links; without a payment provider they wait in the outbox."""
    if context.payments is None:
        return {}
    desk = _LinkDesk(context, context.payments)

    def make_payment_link(payload: dict[str, Any], key: str, now: datetime) -> None:
        desk.make(int(payload["exchange_id"]), now)

    return {differences.MAKE_PAYMENT_LINK: make_payment_link}


def timers(context: JobContext) -> list[Timer]:
    """All timers of this module."""

    def release_expired(now: datetime) -> None:
        exchange_endings.release_expired(context.database, now=now)

    if context.payments is None:
        return [release_expired]
    desk = _LinkDesk(context, context.payments)
    return [release_expired, desk.make_missing, desk.look_at_open]


class _LinkDesk:
    """Makes payment links and asks whether they were paid."""

    def __init__(self, context: JobContext, provider: PaymentClient) -> None:
        self._settings = context.settings
        self._database = context.database
        self._provider = provider

    def make(self, exchange_id: int, now: datetime) -> None:
        """Make the link of an exchange that needs one; the same exchange and price is the same link."""
        with self._database.read() as session:
            wanted = differences.link_wanted(session, exchange_id)
        if wanted is None:
            return
        link = self._provider.payment_link(
            wanted.key,
            wanted.amount_minor,
            wanted.currency,
            f"{self._settings.shop_name} {wanted.exchange_number}",
            links.tracking_url(self._settings, wanted.rma_number, now=now),
            expires_at=now + timedelta(hours=wanted.hours),
        )
        differences.keep_link(
            self._database, exchange_id, wanted, link.reference, link.url, now=now
        )

    def make_missing(self, now: datetime) -> None:
        """Links of returns that were approved meanwhile, and those that the provider could not make before."""
        with self._database.read() as session:
            missing = differences.links_missing(session)
        for exchange_id in missing:
            self._try_to_make(exchange_id, now)

    def look_at_open(self, now: datetime) -> None:
        """Whether links were paid; what is not paid in time is free for others."""
        with self._database.read() as session:
            open_links = differences.open_links(session, now)
        for link in open_links:
            self._look_at(link, now)

    def _try_to_make(self, exchange_id: int, now: datetime) -> None:
        try:
            self.make(exchange_id, now)
        except ProviderError as error:
            logger.warning("no payment link for exchange %s yet: %s", exchange_id, error)

    def _look_at(self, link: differences.OpenLink, now: datetime) -> None:
        number = link.exchange_number
        try:
            if self._provider.is_paid(link.reference):
                differences.pay_difference(self._database, number, actor="system", now=now)
            elif link.is_over:
                differences.miss_payment(self._database, number, now=now)
        except ProviderError as error:
            # Not known is not unpaid: the replacement stays reserved until the provider can say.
            logger.warning("not known whether %s is paid: %s", number, error)
        except ServiceError as error:
            logger.info("the payment of %s no longer mattered: %s", number, error)
