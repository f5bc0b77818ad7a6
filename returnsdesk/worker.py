"""The worker: side effects that wait in the outbox (mail, money) and timers (returns that were never posted)."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from returnsdesk.clients.mail import Mail, Mailer, mailer_for
from returnsdesk.clients.payment import EmbeddedPayments, PaymentClient
from returnsdesk.db.models import RefundPart
from returnsdesk.db.session import Database
from returnsdesk.logs import log_to_stderr
from returnsdesk.processes import exit_with_parent
from returnsdesk.services import identity, notices, outbox, refunds, returns
from returnsdesk.services.errors import ServiceError
from returnsdesk.settings import Settings
from returnsdesk.texts import render

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_AFTER_FAILURE = 5.0
BETWEEN_TIMERS = timedelta(minutes=1)

STORE_CREDIT = "store_credit"
"""Where a refund part goes that belongs to no payment."""

logger = logging.getLogger(__name__)


class Worker:
    """Does what is due, again and again."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[str, outbox.Handler],
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._clock = clock
        self._next_timers = datetime.min.replace(tzinfo=timezone.utc)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; a job under way is finished first."""
        while not stop.is_set():
            pause = SECONDS_BETWEEN_LOOKS
            try:
                if self.run_once(self._clock()):
                    pause = 0
            except SQLAlchemyError as error:
                logger.warning("the database cannot be used: %s", type(error).__name__)
                pause = SECONDS_AFTER_FAILURE
            except Exception:
                logger.exception("the worker's round failed")
                pause = SECONDS_AFTER_FAILURE
            stop.wait(pause)

    def run_once(self, now: datetime) -> int:
        """Do the jobs and timers that are due; returns how many jobs were tried."""
        if now >= self._next_timers:
            self._next_timers = now + BETWEEN_TIMERS
            expire_overdue_returns(self._database, now=now)
        return outbox.run_due(self._database, self._handlers, now=now)


def handlers_for(
    settings: Settings, database: Database, mailer: Mailer, payments: PaymentClient | None
) -> dict[str, outbox.Handler]:
    """What does each kind of job; without a payment provider refunds wait in the outbox."""

    def send_code(payload: dict[str, Any], key: str, now: datetime) -> None:
        with database.read() as session:
            notice = notices.code_notice(session, int(key.rpartition("-")[2]), now)
        if notice is None:
            return
        facts = {"code": payload["code"], "shop": settings.shop_name, "minutes": notice.minutes}
        mail = Mail(
            key=key,
            to=payload["email"],
            subject=render("mail_code_subject", notice.language, **facts),
            text=render("mail_code_body", notice.language, **facts),
            language=notice.language,
        )
        mailer.send(mail, now=now)

    handlers: dict[str, outbox.Handler] = {identity.SEND_CODE: send_code}
    if payments is None:
        return handlers
    provider = payments

    def send_refund_part(payload: dict[str, Any], key: str, now: datetime) -> None:
        part_id = int(payload["refund_part_id"])
        with database.read() as session:
            part = session.get(RefundPart, part_id)
            amount, currency = part.amount_minor, part.refund.currency
            method = part.payment.method_external_id if part.payment else STORE_CREDIT
        reference = provider.refund(key, amount, currency, method)
        refunds.settle_part(database, part_id, reference, now=now)

    return {**handlers, refunds.SEND_REFUND_PART: send_refund_part}


def expire_overdue_returns(database: Database, *, now: datetime) -> None:
    """End the returns that were not posted in time."""
    with database.read() as session:
        overdue = returns.overdue(session, now)
    for rma_number in overdue:
        _expire(database, rma_number, now)


def _expire(database: Database, rma_number: str, now: datetime) -> None:
    try:
        returns.expire(database, rma_number, now=now)
    except ServiceError as error:
        # Scanned or cancelled since the look.
        logger.info("%s was not expired: %s", rma_number, error)


def serve(settings: Settings) -> None:
    """Work in the foreground until SIGTERM or Ctrl-C; raises `SettingsError`."""
    exit_with_parent()
    log_to_stderr(settings.log_level)
    database = Database(settings.resolved_database_url)
    # The stand-in pays nobody: outside the demo its word would be a lie to shoppers.
    payments = EmbeddedPayments() if settings.demo_mode else None
    if payments is None:
        logger.warning("no payment provider is connected; refunds wait in the outbox")
    handlers = handlers_for(settings, database, mailer_for(settings), payments)
    stop = threading.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, lambda _number, _frame: stop.set())
    logger.info("the worker is running")
    Worker(database, handlers, clock=lambda: datetime.now(timezone.utc)).run(stop)
    database.dispose()
