"""Jobs and timers about labels and parcels: making labels, taking them back, and asking carriers that do not report."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from returnsdesk.clients.http import ProviderError
from returnsdesk.jobs.context import JobContext, Timer
from returnsdesk.services import label_requests, labels, parcels
from returnsdesk.services.outbox import Handler

BETWEEN_QUESTIONS: Final = timedelta(hours=6)
QUESTIONS_PER_RUN: Final = 20
"""Parcels that are asked about in a minute: carriers limit calls, and the outbox waits meanwhile."""

logger = logging.getLogger(__name__)


def handlers(context: JobContext) -> dict[str, Handler]:
    """Makes labels and takes them back at the carrier; without one, shoppers send by a carrier of their own."""

    def issue_label(payload: dict[str, Any], key: str, now: datetime) -> None:
        rma_number = str(payload["rma_number"])
        if context.carrier is None:
            labels.do_without_carrier(context.database, rma_number, now=now)
        else:
            labels.issue(
                context.database, context.carrier, rma_number, key, actor="system", now=now
            )

    def void_label(payload: dict[str, Any], key: str, now: datetime) -> None:
        del key, now
        if context.carrier is not None:
            context.carrier.void_label(str(payload["reference"]))

    return {label_requests.ISSUE_LABEL: issue_label, label_requests.VOID_LABEL: void_label}


def timers(context: JobContext) -> list[Timer]:
    """Notices late labels, and asks the carrier about parcels that it reports nothing of."""
    questions = Questions(context)
    return [
        lambda now: labels.report_delays(context.database, now=now),
        questions.ask,
    ]


class Questions:
    """Asks where parcels are, each at most once in some hours, a few at a time."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._asked_at: dict[str, datetime] = {}

    def ask(self, now: datetime) -> None:
        """Ask about the next few parcels that are due, and apply what the carrier says."""
        carrier = self._context.carrier
        if carrier is None:
            return
        self._asked_at = {
            number: at for number, at in self._asked_at.items() if now < at + BETWEEN_QUESTIONS
        }
        for tracking_number, reference in self._due(now):
            self._asked_at[tracking_number] = now
            try:
                reports = carrier.track(tracking_number, reference)
            except ProviderError as error:
                # The carrier is down: the others would wait for the same answer.
                logger.info("the carrier does not say where parcels are: %s", error)
                return
            for report in reports:
                parcels.apply_event(self._context.database, report, now=now)

    def _due(self, now: datetime) -> list[tuple[str, str | None]]:
        with self._context.database.read() as session:
            quiet = parcels.to_ask_about(
                session,
                quiet_since=now - BETWEEN_QUESTIONS,
                limit=QUESTIONS_PER_RUN + len(self._asked_at),
            )
            due = [
                (parcel.tracking_number, parcel.carrier_reference)
                for parcel in quiet
                if parcel.tracking_number not in self._asked_at
            ]
        return due[:QUESTIONS_PER_RUN]
