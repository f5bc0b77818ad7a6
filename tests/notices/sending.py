"""What the tests of notices share: announcing, a worker that only sends, and looking at what was sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from returnsdesk.clients.mail import mail_folder, mailer_for
from returnsdesk.db.models import Claim, Notification, Order, OutboxJob, Return, StoreCredit
from returnsdesk.db.session import Database
from returnsdesk.jobs import notices as notice_jobs
from returnsdesk.jobs.context import JobContext
from returnsdesk.jobs.notice_words import Words, words_of
from returnsdesk.services import notice_delivery, notices, outbox
from returnsdesk.settings import LANGUAGES, Settings
from tests.services.shop import NOW

LATER = NOW + timedelta(minutes=2)
"""When the notice of an approval has waited for the label's long enough."""

on_each_database = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


def announce(shop: Database, event: str, number: str, *, now: datetime = NOW) -> None:
    """Write the notices of an event of a return or claim, by its number."""
    with shop.write() as session:
        document: Any = session.scalars(
            select(Claim).where(Claim.number == number)
            if number.startswith("CLM")
            else select(Return).where(Return.rma_number == number)
        ).one()
        notices.announce(
            session,
            event,
            document="claim" if number.startswith("CLM") else "return",
            document_id=document.id,
            order=document.order,
            conversation_id=document.conversation_id,
            now=now,
        )


def handlers(settings: Settings, shop: Database, **changes: Any) -> dict[str, outbox.Handler]:
    """The handlers of notices alone."""
    settings = settings.copy(update=changes)
    return notice_jobs.handlers(JobContext(settings, shop, mailer_for(settings), None))


def send(settings: Settings, shop: Database, *, now: datetime = LATER, **changes: Any) -> int:
    """Send what is due; returns how many notices were tried."""
    return outbox.run_due(shop, handlers(settings, shop, **changes), now=now)


def statuses(shop: Database, channel: str = "email") -> dict[str, str]:
    """Event -> status of all notices of a channel."""
    with shop.read() as session:
        rows = session.scalars(
            select(Notification).where(Notification.channel == channel).order_by(Notification.id)
        )
        return {row.event: row.status for row in rows}


def subjects(settings: Settings) -> list[str]:
    """Subjects of the mails in the folder, oldest first where their times differ."""
    return [mail.subject for mail in reversed(mail_folder(settings).mails())]


def in_all_languages(
    shop: Database, settings: Settings, event: str, *, now: datetime = LATER
) -> dict[str, Words]:
    """The words of an event's mail in each language; fails if the notice is not there or not worth sending."""
    words = {}
    for language in LANGUAGES:
        with shop.read() as session:
            row = session.scalars(
                select(Notification).where(
                    Notification.event == event, Notification.channel == "email"
                )
            ).one()
            row.language = language
            notice = notice_delivery.to_send(session, row.id, default_language="en", now=now)
        assert notice is not None and notice.facts is not None, f"{event} is not worth sending"
        words[language] = words_of(notice, notice.facts, settings, now)
    return words


def change(shop: Database, number: str, alter: Callable[[Any], None]) -> None:
    """Change a return in ways that no command does, to see how its notices tell of it."""
    with shop.write() as session:
        alter(session.scalars(select(Return).where(Return.rma_number == number)).one())


def change_order(shop: Database, number: str, alter: Callable[[Any], None]) -> None:
    """Change an order."""
    with shop.write() as session:
        alter(session.scalars(select(Order).where(Order.number == number)).one())


def job_states(shop: Database, kind: str = notices.SEND_NOTICE) -> dict[str, int]:
    """How many jobs of a kind are in each state."""
    with shop.read() as session:
        rows = session.execute(
            select(OutboxJob.state, func.count())
            .where(OutboxJob.kind == kind)
            .group_by(OutboxJob.state)
        )
        return dict(rows.all())


def credit_codes(shop: Database) -> list[str]:
    """The codes of store credit."""
    with shop.read() as session:
        return list(session.scalars(select(StoreCredit.code)))
