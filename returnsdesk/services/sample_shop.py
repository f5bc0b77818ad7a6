"""The sample shop: its data with all dates moved to today, and its returns played at their own times.

The returns of `returns.yml` go through the same commands as real ones, so they hold everything a real one holds:
events, reservations, labels, refunds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import returnsdesk.db
from returnsdesk.db.importer import Progress, import_shop
from returnsdesk.db.models import Event, Notification, Order, OutboxJob
from returnsdesk.db.session import Database
from returnsdesk.db.shop_files import ORDERS_FILE, read_manifest
from returnsdesk.domain import states
from returnsdesk.domain.mentions import normalise_order_number
from returnsdesk.services import (
    canned_answers,
    events,
    exchanges,
    inspections,
    labels,
    policies,
    refunds,
    return_moves,
    returns,
    sample_conversations,
    staff,
)
from returnsdesk.services.errors import ServiceError
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from returnsdesk.services.views import ReturnView

SHOP_FOLDER: Final = Path(returnsdesk.db.__file__).parent / "sample_shop"

_ACTOR: Final = "system"
_WAREHOUSE: Final = "agent warehouse@lundlinde.example"
_SEEDED: Final = "seed"

# When in a day (UTC) each step happens; within one day they keep this order.
_TIMES: Final = {
    "requested": time(8, 30),
    "shipped": time(9, 40),
    "arrived": time(10, 20),
    "inspected": time(13, 45),
    "refunded": time(15, 10),
    "exchange_shipped": time(15, 30),
    "cancelled": time(16, 5),
    "expired": time(23, 50),
}


@dataclass(frozen=True)
class DemoLogin:
    """An account of the sample shop's support team, whose password everybody may know."""

    email: str
    name: str
    role: str
    password: str


DEMO_LOGINS: Final = (
    DemoLogin("mila@lundlinde.example", "Mila Okafor", "agent", "returns-demo"),
    DemoLogin("henrik@lundlinde.example", "Henrik Sand", "lead", "returns-demo"),
    DemoLogin("astrid@lundlinde.example", "Astrid Lund", "admin", "returns-demo"),
)


@dataclass(frozen=True)
class SeedReport:
    """What seeding did; with `was_there_already` it did nothing, and `today` is the day of the earlier seeding."""

    today: date
    orders: int
    returns: int
    was_there_already: bool


class _Step(NamedTuple):
    """One thing that happened to a return."""

    at: datetime
    play: Callable[[datetime], None]


def seed(database: Database, *, now: datetime, progress: Progress | None = None) -> SeedReport:
    """Load the sample shop as it stands at `now`, with its returns and demo log-ins; does it once only.

    A seeding that was cut off is finished with the dates that it began with. Raises `ServiceError` when the data
    cannot be loaded.
    """
    with database.read() as session:
        finished = session.scalar(select(Event.at).where(Event.command == _SEEDED).limit(1))
        today = _day_begun(session) or now.date()
    entries: list[dict[str, Any]] = yaml.safe_load(
        (SHOP_FOLDER / "returns.yml").read_text(encoding="utf-8")
    )
    orders = sum(1 for _ in _order_records())
    if finished is not None:
        return SeedReport(today, orders, len(entries), was_there_already=True)
    _load_shop(database, today, now, progress)
    last_job = _last_job(database)
    _play_all(database, entries, today, progress)
    _finish_past_jobs(database, last_job, now)
    _add_logins(database, now)
    canned_answers.add_standard(database, actor=_ACTOR, now=now)
    sample_conversations.add(database, today=today, now=now)
    with database.write() as session:
        events.record(
            session, actor=_ACTOR, command=_SEEDED, document="shop", document_id=0, now=now
        )
    return SeedReport(today, orders, len(entries), was_there_already=False)


def is_wanted(database: Database) -> bool:
    """Whether the database is empty, or a seeding of it was cut off; a shop of one's own is left alone."""
    with database.read() as session:
        has_orders = session.scalar(select(Order.id).limit(1)) is not None
        return not has_orders or _day_begun(session) is not None


def _order_records() -> Iterator[dict[str, Any]]:
    for line in (SHOP_FOLDER / ORDERS_FILE).read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _day_begun(session: Session) -> date | None:
    """The day that an earlier seeding took for today, told by how far it moved the first order."""
    first = next(_order_records())
    stored: datetime | None = session.scalar(
        select(Order.placed_at).where(
            Order.number_norm == normalise_order_number(first["order_number"])
        )
    )
    if stored is None:
        return None
    written = datetime.fromisoformat(first["placed_at"].replace("Z", "+00:00"))
    return (read_manifest(SHOP_FOLDER).reference_date + (stored - written)).date()


def _load_shop(database: Database, today: date, now: datetime, progress: Progress | None) -> None:
    with database.write() as session:
        policy_version_id = policies.current_version(session, now).id
    report = import_shop(
        database,
        SHOP_FOLDER,
        policy_version_id=policy_version_id,
        shift_to=today,
        progress=progress,
    )
    if not report.is_complete:
        first = report.rejections[0]
        raise ServiceError(
            "SAMPLE_SHOP_BROKEN",
            f"the sample shop cannot be loaded: {first.file} line {first.line}: {first.reason}",
        )


def _play_all(
    database: Database, entries: list[dict[str, Any]], today: date, progress: Progress | None
) -> None:
    """Play the steps of all returns in the order of time, so that numbers and stock come out as they would have."""
    plays = [_Play(database, entry, number, today) for number, entry in enumerate(entries, start=1)]
    steps = sorted((step for play in plays for step in play.steps()), key=lambda step: step.at)
    for done, step in enumerate(steps, start=1):
        step.play(step.at)
        if progress is not None:
            progress("returns", done, len(steps))


class _Play:
    """One return of `returns.yml`. Every step may be repeated, so that a seeding that was cut off can go on."""

    def __init__(self, database: Database, entry: dict[str, Any], number: int, today: date) -> None:
        self._database = database
        self._entry = entry
        self._key = f"sample-{number}-{entry['order']}"
        self._today = today
        self._rma_number = ""

    def steps(self) -> Iterator[_Step]:
        """The steps that lie behind this return, each with its moment."""
        yield _Step(self._moment("requested"), self._request)
        if self._entry["stage"] not in ("requested", "approved"):
            yield _Step(self._moment("requested") + timedelta(minutes=5), self._label)
        plays = {
            "shipped": self._scan,
            "arrived": self._arrive,
            "inspected": self._inspect,
            "exchange_shipped": self._ship,
            "cancelled": self._cancel,
            "expired": self._expire,
        }
        for name, play in plays.items():
            if name in self._entry["days_ago"]:
                yield _Step(self._moment(name), play)
        if self._entry["stage"] in ("refund_pending", "refunded"):
            yield _Step(self._moment("inspected") + timedelta(minutes=30), self._start_refund)
        if self._entry["stage"] == "refunded":
            yield _Step(self._moment("refunded"), self._settle)

    def _moment(self, name: str) -> datetime:
        day = self._today - timedelta(days=self._entry["days_ago"][name])
        return datetime.combine(day, _TIMES[name], tzinfo=timezone.utc)

    def _request(self, at: datetime) -> None:
        lines = tuple(
            RequestedLine(
                order_line_external_id=line["line_id"],
                quantity=line["quantity"],
                reason=line["reason"],
                outcome=line["outcome"],
                new_sku=line.get("new_sku"),
                note=line.get("note"),
            )
            for line in self._entry["lines"]
        )
        request = ReturnRequest(
            self._entry["order"], lines, self._entry.get("settlement"), self._key
        )
        view = returns.create(self._database, request, actor="shopper", channel="web", now=at)
        self._rma_number = view.rma_number

    def _label(self, at: datetime) -> None:
        if self._view().status == states.REQUESTED:
            return_moves.approve(self._database, self._rma_number, actor=_WAREHOUSE, now=at)
        if self._view().status == states.APPROVED:
            labels.issue_label(self._database, self._rma_number, actor=_ACTOR, now=at)

    def _scan(self, at: datetime) -> None:
        return_moves.record_scan(self._database, self._rma_number, actor="carrier", now=at)

    def _arrive(self, at: datetime) -> None:
        return_moves.record_arrival(self._database, self._rma_number, actor=_WAREHOUSE, now=at)

    def _inspect(self, at: datetime) -> None:
        if self._view().status != states.ARRIVED:
            return
        for line in self._entry["lines"]:
            as_new = [{"grade": "A", "quantity": line["quantity"]}]
            for found in line.get("inspection", as_new):
                inspections.inspect_line(
                    self._database,
                    self._rma_number,
                    line["line_id"],
                    found["quantity"],
                    found["grade"],
                    actor=_WAREHOUSE,
                    now=at,
                    reason=found.get("reason"),
                )

    def _start_refund(self, at: datetime) -> None:
        refunds.start(self._database, self._rma_number, actor=_WAREHOUSE, now=at)

    def _settle(self, at: datetime) -> None:
        for refund in self._view().refunds:
            for part in refund.parts:
                reference = f"sample-{self._rma_number}-{part.id}"
                refunds.settle_part(self._database, part.id, reference, now=at)

    def _ship(self, at: datetime) -> None:
        exchange = self._view().exchange
        if exchange is not None:
            exchanges.ship(
                self._database, exchange.number, f"LLX{exchange.number}", actor=_WAREHOUSE, now=at
            )

    def _cancel(self, at: datetime) -> None:
        return_moves.cancel(self._database, self._rma_number, actor="shopper", now=at)

    def _expire(self, at: datetime) -> None:
        return_moves.expire(self._database, self._rma_number, now=at)

    def _view(self) -> ReturnView:
        with self._database.read() as session:
            view = returns.find(session, self._rma_number)
        if view is None:
            raise ServiceError("SAMPLE_SHOP_BROKEN", f"{self._rma_number} is gone")
        return view


def _last_job(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.max(OutboxJob.id))) or 0


def _finish_past_jobs(database: Database, last_job: int, now: datetime) -> None:
    """What the played past put into the outbox has been done in that past: no mail and no money goes out now."""
    with database.write() as session:
        past = session.scalars(
            select(OutboxJob).where(
                OutboxJob.id > last_job,
                OutboxJob.state == "waiting",
                OutboxJob.due_at <= now,
                OutboxJob.created_at < now - timedelta(minutes=1),
            )
        )
        keys = []
        for job in past:
            job.state = "done"
            keys.append(job.dedupe_key)
        for notice in session.scalars(
            select(Notification).where(Notification.dedupe_key.in_(keys))
        ):
            notice.status, notice.sent_at = "sent", notice.created_at


def _add_logins(database: Database, now: datetime) -> None:
    with database.read() as session:
        taken = {account.email for account in staff.list_all(session)}
    for login in DEMO_LOGINS:
        if login.email not in taken:
            staff.add(
                database,
                login.email,
                name=login.name,
                role=login.role,
                password=login.password,
                actor=_ACTOR,
                now=now,
            )
