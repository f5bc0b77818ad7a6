"""Timers with a moved clock: reminders, what is late, what is lost, money that the law dates; each once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from returnsdesk.clients.mail import mailer_for
from returnsdesk.db.models import Case, Notification, PolicyVersion, Return
from returnsdesk.domain.policy import digest_of
from returnsdesk.jobs import deadlines as timers
from returnsdesk.jobs.context import JobContext
from returnsdesk.services import deadlines, policies, return_moves, withdrawals
from tests.notices import stages
from tests.notices.sending import change_order, on_each_database, statuses
from tests.services.documents import AGENT, at_once, commands, create, exchange_request
from tests.services.shop import NOW


def day(count: float) -> datetime:
    """So many days after the request; a little later, as the worker looks once a minute."""
    return NOW + timedelta(days=count, minutes=1)


@pytest.fixture
def tick(shop: Any, settings: Any) -> Any:
    """Run all timers at a moment."""
    context = JobContext(settings, shop, mailer_for(settings), None)

    def run(now: datetime) -> None:
        for timer in timers.timers(context):
            timer(now)

    return run


def cases_of(shop: Any) -> dict[str, str]:
    with shop.read() as session:
        rows = session.execute(select(Case.reason, Case.priority).where(Case.status == "open"))
        return dict(rows.all())


def told(shop: Any) -> list[str]:
    return [event for event in statuses(shop) if event not in ("approved", "label_ready")]


def with_policy(shop: Any, number: str, **rules: Any) -> None:
    """Put an order under a policy of its own."""
    content = policies.read_policy_file()
    content = {**content, "return": {**content["return"], **rules}}
    with shop.write() as session:
        version = PolicyVersion(digest=digest_of(content), valid_from=NOW, content=content)
        session.add(version)
        session.flush()
        version_id = version.id
    change_order(shop, number, lambda order: setattr(order, "policy_version_id", version_id))


@on_each_database
def test_reminders_come_on_the_policys_days_until_the_parcel_is_posted(
    shop: Any, tick: Any
) -> None:
    number = stages.label_ready(shop)

    tick(day(6.9))
    assert told(shop) == []
    tick(day(7))
    tick(day(7.1))
    assert told(shop) == ["reminder_1"]
    tick(day(12))
    assert told(shop) == ["reminder_1", "reminder_2"]
    assert commands(shop, "return").count(("remind_1", "system")) == 1

    return_moves.record_scan(shop, number, actor="carrier", now=day(12.5))
    tick(day(13))
    assert told(shop) == ["reminder_1", "reminder_2", "on_its_way"]


def test_a_worker_that_was_away_sends_the_last_reminder_alone(shop: Any, tick: Any) -> None:
    stages.label_ready(shop)

    tick(day(12))
    tick(day(13))

    assert told(shop) == ["reminder_2"]


def test_reminders_follow_the_policy_of_the_order(shop: Any, tick: Any) -> None:
    with_policy(shop, "LL-2", reminder_days=[2])
    stages.label_ready(shop)
    create(shop, exchange_request())

    tick(day(2))

    with shop.read() as session:
        rows = session.execute(
            select(Return.rma_number, Notification.event)
            .join(Notification, Notification.document_id == Return.id)
            .where(Notification.event.like("reminder%"))
        ).all()
    assert rows == [("RMA-1001", "reminder_1")]


def test_without_reminder_days_nobody_is_reminded(shop: Any, tick: Any) -> None:
    with_policy(shop, "LL-2", reminder_days=[])
    stages.label_ready(shop)

    tick(day(12))

    assert told(shop) == []


def test_a_return_that_was_never_posted_ends_once(shop: Any, tick: Any) -> None:
    stages.label_ready(shop)

    tick(day(16))
    tick(day(17))

    assert told(shop) == ["expired"]


@on_each_database
def test_two_workers_remind_once(shop: Any) -> None:
    number = stages.label_ready(shop)
    reminder = deadlines.Reminder(number, 1)

    at_once(lambda _: deadlines.remind(shop, reminder, now=day(7)), 4)

    assert commands(shop, "return").count(("remind_1", "system")) == 1
    assert told(shop) == ["reminder_1"]


def test_a_parcel_that_nobody_reports_is_traced(shop: Any, tick: Any) -> None:
    stages.on_its_way(shop)

    tick(day(9))
    assert "lost" not in told(shop)
    tick(day(10.1))
    tick(day(11))

    assert told(shop).count("lost") == 1
    assert "parcel_lost" in cases_of(shop)


@on_each_database
def test_a_check_that_was_promised_for_a_day_is_owned_up_to_the_day_after(
    shop: Any, tick: Any
) -> None:
    number = stages.arrived(shop)
    # Arrived on a Wednesday: three working days later is Monday.
    tick(day(5))
    assert "late" not in told(shop)

    tick(day(6))
    tick(day(7))

    assert told(shop).count("late") == 1
    assert cases_of(shop) == {"inspection_late": "high"}
    return_moves.hold(shop, number, "X", "What is this?", actor=AGENT, now=day(7))
    tick(day(8))
    assert told(shop).count("late") == 1


@on_each_database
def test_a_request_that_waits_too_long_for_a_look_becomes_urgent(shop: Any, tick: Any) -> None:
    stages.request_received(shop)
    with shop.write() as session:
        for case in session.scalars(select(Case)):
            assert case.priority == "normal"

    tick(day(2))
    assert "review_late" not in cases_of(shop)
    tick(day(3))
    tick(day(4))

    assert set(cases_of(shop).values()) == {"high"}
    assert commands(shop, "return").count(("review_late", "system")) == 1


def test_a_request_that_was_decided_in_time_is_left_alone(shop: Any, tick: Any) -> None:
    number = stages.request_received(shop)
    return_moves.approve(shop, number, actor=AGENT, now=day(1))

    tick(day(4))

    assert "review_late" not in cases_of(shop)


@on_each_database
def test_money_of_a_withdrawal_is_called_in_two_working_days_before_the_law_does(
    shop: Any, tick: Any
) -> None:
    number = stages.declare(shop, None)
    with shop.read() as session:
        due = withdrawals.find(session, number)
        # Declared on Wednesday 10 June: by Wednesday 24 June, so that Monday is the last day to begin.
        assert due is not None and due.refund_due_at is not None
        assert due.refund_due_at.date().isoformat() == "2026-06-24"

    # Friday
    tick(day(9))
    assert "withdrawal_refund_due" not in cases_of(shop)
    tick(day(12))
    tick(day(13))

    assert cases_of(shop)["withdrawal_refund_due"] == "high"


def test_a_refused_withdrawal_is_not_called_in(shop: Any, tick: Any) -> None:
    stages.withdrawal_refused(shop)

    tick(day(13))

    assert "withdrawal_refund_due" not in cases_of(shop)


def test_what_moved_on_between_look_and_command_is_left_alone(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = stages.label_ready(shop)
    monkeypatch.setattr(
        deadlines,
        "reminders_due",
        lambda _session, _now: [deadlines.Reminder(number, 1)],
    )
    return_moves.cancel(shop, number, actor=AGENT, now=day(7))

    timers.remind_to_post(shop, now=day(7))

    assert "reminder_1" not in told(shop)


def test_a_look_gives_no_more_than_can_be_done_in_a_minute(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "PER_LOOK", 1)
    first = stages.label_ready(shop)
    second = create(shop, exchange_request()).rma_number

    with shop.read() as session:
        due = deadlines.reminders_due(session, day(7))
    timers.remind_to_post(shop, now=day(7))
    with shop.read() as session:
        rest = deadlines.reminders_due(session, day(7))

    assert [reminder.rma_number for reminder in due] == [first]
    assert [reminder.rma_number for reminder in rest] == [second]
