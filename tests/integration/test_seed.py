"""Rules of the sample shop's seeding: every return at its stage, once only, and nothing of its past is sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from argon2 import PasswordHasher
from sqlalchemy import func, select

from returnsdesk.db import migrate
from returnsdesk.db.models import (
    Event,
    Order,
    OutboxJob,
    Reservation,
    Return,
    Shipment,
    StaffAccount,
    StockItem,
)
from returnsdesk.db.session import Database
from returnsdesk.services import returns, sample_shop
from returnsdesk.services.views import ReturnView
from tests.integration.conftest import Command

NOW = datetime(2026, 8, 12, 9, 30, tzinfo=timezone.utc)
ENTRIES: list[dict[str, Any]] = yaml.safe_load(
    (sample_shop.SHOP_FOLDER / "returns.yml").read_text(encoding="utf-8")
)
STATUS_OF_STAGE = {"refunded": "closed", "exchange_shipped": "closed"}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    migrate.upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A seeded database that the tests only read."""
    opened = Database(f"sqlite:///{tmp_path_factory.mktemp('seed') / 'seeded.db'}")
    migrate.upgrade(opened)
    sample_shop.seed(opened, now=NOW)
    yield opened
    opened.dispose()


def return_of(database: Database, number: int, entry: dict[str, Any]) -> ReturnView:
    with database.read() as session:
        rma_number = session.scalars(
            select(Return.rma_number).where(
                Return.idempotency_key == f"sample-{number}-{entry['order']}"
            )
        ).one()
        view = returns.find(session, rma_number)
    assert view is not None
    return view


def every(entries: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("number", "entry"),
        [
            pytest.param(number, entry, id=f"{entry['order']}-{entry['stage']}")
            for number, entry in entries
        ],
    )


NUMBERED = list(enumerate(ENTRIES, start=1))
every_return = every(NUMBERED)
every_inspected_return = every(
    (number, entry) for number, entry in NUMBERED if "inspected" in entry["days_ago"]
)


def counts(database: Database) -> dict[str, int]:
    models = (Order, Return, Event, OutboxJob, StaffAccount, Reservation)
    with database.read() as session:
        return {
            model.__tablename__: session.scalar(select(func.count()).select_from(model))
            for model in models
        }


@every_return
def test_return_stands_where_its_story_says(
    seeded: Database, number: int, entry: dict[str, Any]
) -> None:
    view = return_of(seeded, number, entry)

    assert view.status == STATUS_OF_STAGE.get(entry["stage"], entry["stage"])


@every_return
def test_steps_lie_as_many_days_back_as_the_story_says(
    seeded: Database, number: int, entry: dict[str, Any]
) -> None:
    view = return_of(seeded, number, entry)
    happened = {
        "requested": view.requested_at,
        "shipped": view.shipped_at,
        "arrived": view.arrived_at,
        "inspected": view.inspected_at,
        "refunded": view.refunds[0].settled_at if view.refunds else None,
        "exchange_shipped": view.exchange.shipped_at if view.exchange else None,
    }

    days_ago = {
        name: (NOW.date() - moment.date()).days for name, moment in happened.items() if moment
    }

    told = {name: days for name, days in entry["days_ago"].items() if name in happened}
    assert days_ago == told


@every_inspected_return
def test_inspection_found_what_the_story_says(
    seeded: Database, number: int, entry: dict[str, Any]
) -> None:
    view = return_of(seeded, number, entry)

    for line in entry["lines"]:
        as_new = [{"grade": "A", "quantity": line["quantity"]}]
        rejected = sum(
            found["quantity"] for found in line.get("inspection", as_new) if found["grade"] == "C"
        )
        (shown,) = [each for each in view.lines if each.line_external_id == line["line_id"]]
        assert (shown.accepted, shown.rejected) == (line["quantity"] - rejected, rejected)


def test_seeding_works_on_both_databases_and_once_only(database: Database) -> None:
    first = sample_shop.seed(database, now=NOW)
    before = counts(database)

    again = sample_shop.seed(database, now=NOW + timedelta(days=3))

    assert (first.was_there_already, again.was_there_already) == (False, True)
    assert (first.returns, first.orders) == (len(ENTRIES), before["orders"])
    assert again.today == first.today == NOW.date()
    assert counts(database) == before


@pytest.mark.parametrize(
    "moment", [Order.placed_at, Shipment.shipped_at, Shipment.delivered_at, Event.at]
)
def test_nothing_of_the_shop_lies_in_the_future(seeded: Database, moment: Any) -> None:
    with seeded.read() as session:
        assert session.scalar(select(func.max(moment))) <= NOW


def test_latest_order_was_placed_yesterday(seeded: Database) -> None:
    with seeded.read() as session:
        latest = session.scalar(select(func.max(Order.placed_at)))

    assert (NOW.date() - latest.date()).days == 1


def test_no_mail_and_no_money_of_the_past_waits_to_be_sent(seeded: Database) -> None:
    with seeded.read() as session:
        waiting = session.scalars(
            select(OutboxJob.kind).where(OutboxJob.state == "waiting", OutboxJob.due_at <= NOW)
        ).all()

    assert waiting == []


def test_job_that_waited_before_still_waits(database: Database) -> None:
    with database.write() as session:
        session.add(
            OutboxJob(
                kind="send_mail",
                payload={},
                dedupe_key="before",
                state="waiting",
                due_at=NOW - timedelta(days=1),
                attempts=0,
                created_at=NOW - timedelta(days=1),
            )
        )

    sample_shop.seed(database, now=NOW)

    with database.read() as session:
        state = session.scalars(
            select(OutboxJob.state).where(OutboxJob.dedupe_key == "before")
        ).one()
    assert state == "waiting"


def test_only_open_exchanges_keep_stock_reserved(seeded: Database) -> None:
    with seeded.read() as session:
        held = session.scalar(
            select(func.sum(Reservation.quantity)).where(Reservation.state == "held")
        )
        reserved = session.scalar(select(func.sum(StockItem.reserved)))

    open_exchanges = sum(
        line["quantity"]
        for entry in ENTRIES
        for line in entry["lines"]
        if line["outcome"] == "exchange" and entry["stage"] == "in_transit"
    )
    assert held == reserved == open_exchanges == 1


def test_numbers_count_up_in_the_order_of_requests(seeded: Database) -> None:
    with seeded.read() as session:
        rows = session.execute(
            select(Return.rma_number).order_by(Return.requested_at, Return.id)
        ).scalars()
        numbers = list(rows)

    assert numbers == [f"RMA-{1000 + count}" for count in range(1, len(ENTRIES) + 1)]


def test_demo_accounts_can_log_in_with_their_password(seeded: Database) -> None:
    with seeded.read() as session:
        hashes = dict(session.execute(select(StaffAccount.email, StaffAccount.password_hash)).all())

    assert set(hashes) == {login.email for login in sample_shop.DEMO_LOGINS}
    for login in sample_shop.DEMO_LOGINS:
        assert PasswordHasher().verify(hashes[login.email], login.password)


@pytest.mark.parametrize("step", [1, 7, 20, 45])
def test_seeding_that_was_cut_off_is_finished_with_its_own_dates(
    tmp_path: Path, seeded: Database, step: int
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'cut.db'}")
    migrate.upgrade(database)

    def cut(name: str, done: int, _total: int) -> None:
        if name == "returns" and done == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_shop.seed(database, now=NOW, progress=cut)
    report = sample_shop.seed(database, now=NOW + timedelta(days=2))

    assert (report.was_there_already, report.today) == (False, NOW.date())
    for number, entry in enumerate(ENTRIES, start=1):
        finished, whole = (return_of(each, number, entry) for each in (database, seeded))
        assert (finished.status, finished.requested_at, finished.closed_at) == (
            whole.status,
            whole.requested_at,
            whole.closed_at,
        )
    database.dispose()


def test_command_seeds_and_says_so(returnsdesk: Command, desk_database: Database) -> None:
    first = returnsdesk("seed")
    assert first.status == 0
    assert f"{len(ENTRIES)} returns" in first.out

    again = returnsdesk("seed", "--json")
    assert again.data["was_there_already"] is True
    assert "is there already" in returnsdesk("seed").out


def test_fresh_seeding_begins_anew(returnsdesk: Command, desk_database: Database) -> None:
    returnsdesk("seed")
    returnsdesk("return", "cancel", "RMA-1013")

    fresh = returnsdesk("seed", "--fresh", "--yes", "--json")

    assert fresh.data["was_there_already"] is False
    shown = returnsdesk("return", "list", "--json").data
    assert Counter(row["status"] for row in shown)["cancelled"] == 1


def test_sample_shop_is_for_the_demo_only(
    returnsdesk: Command, desk_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_MODE", "false")

    answer = returnsdesk("seed", "--fresh", "--yes")

    assert answer.status == 1
    assert "DEMO_MODE is off" in answer.err
    assert counts(desk_database)["orders"] == 0
