"""Support hours: read strictly, by the wall clock of their zone, with public holidays; who is told of a long wait."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from returnsdesk.db.models import Case, Conversation, Message
from returnsdesk.db.session import Database
from returnsdesk.services import cases, conversations, takeover, waiting
from returnsdesk.services.support_hours import SupportHours
from returnsdesk.settings import SettingsError, load_settings
from tests.console.conftest import AGENT

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MONDAY_MORNING = datetime(2026, 6, 15, 10, tzinfo=timezone.utc)


def hours(text: str = "mon-fri 09:00-17:00", calendar: str = "") -> SupportHours:
    return SupportHours.of(load_settings(support_hours=text, support_holidays=calendar))


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=AMSTERDAM).astimezone(timezone.utc)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    "text",
    [
        "often",
        "mon-fri",
        "mon-fri 9-17",
        "mon-fri 09:00-25:00",
        "mon-fri 09:61-17:00",
        "mon-fri 17:00-09:00",
        "mon 09:00-09:00",
        "day-fri 09:00-17:00",
        "mon-fri 09:00-17:00; sat 10:00-14:00",
        "mon-fri 09:00-17:00, wed 16:00-18:00",
    ],
)
def test_hours_that_cannot_be_read_fail_in_one_sentence_that_names_the_setting(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^SUPPORT_HOURS .* cannot be used: .*\.$"):
        load_settings(support_hours=text)


@pytest.mark.parametrize("calendar", ["XX", "nl", "DE-XX", "Netherlands"])
def test_an_unknown_calendar_of_holidays_fails_in_one_sentence(calendar: str) -> None:
    with pytest.raises(SettingsError, match=r"^SUPPORT_HOLIDAYS .*NL.*\.$"):
        load_settings(support_holidays=calendar)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (local(2026, 6, 15, 8, 59), False),
        (local(2026, 6, 15, 9, 0), True),
        (local(2026, 6, 15, 16, 59), True),
        (local(2026, 6, 15, 17, 0), False),
        (local(2026, 6, 13, 12, 0), False),
    ],
)
def test_open_from_the_first_minute_to_the_last(at: datetime, is_open: bool) -> None:
    assert hours().is_open(at) is is_open


def test_without_hours_somebody_answers_at_all_times() -> None:
    always = hours("")
    assert always.is_open(local(2026, 12, 25, 3, 0))
    assert always.next_opening(local(2026, 12, 25, 3, 0)) is None


def test_the_next_opening_skips_the_weekend_and_is_none_while_open() -> None:
    assert hours().next_opening(local(2026, 6, 12, 18, 0)) == local(2026, 6, 15, 9, 0)
    assert hours().next_opening(local(2026, 6, 15, 12, 0)) is None


def test_several_times_of_a_day_and_ranges_over_the_weekend() -> None:
    shifts = hours("fri-mon 08:00-12:00, sat 13:00-24:00")
    assert shifts.next_opening(local(2026, 6, 13, 12, 30)) == local(2026, 6, 13, 13, 0)
    assert shifts.is_open(local(2026, 6, 13, 23, 59))
    assert shifts.next_opening(local(2026, 6, 16, 8, 0)) == local(2026, 6, 19, 8, 0)


def test_hours_follow_the_clock_on_the_wall_when_summer_time_begins_and_ends() -> None:
    # 29 March and 25 October 2026 are the Sundays of the change.
    nightly = hours("mon-sun 00:00-06:00")
    assert nightly.next_opening(local(2026, 3, 28, 12, 0)) == datetime(
        2026, 3, 28, 23, tzinfo=timezone.utc
    )
    assert not nightly.is_open(datetime(2026, 3, 29, 4, 0, tzinfo=timezone.utc))
    assert nightly.is_open(datetime(2026, 10, 25, 4, 59, tzinfo=timezone.utc))
    assert hours().next_opening(local(2026, 3, 27, 18, 0)) == local(2026, 3, 30, 9, 0)


def test_nobody_answers_on_public_holidays_of_the_calendar() -> None:
    christmas = local(2026, 12, 25, 12, 0)
    assert hours().is_open(christmas)
    assert not hours(calendar="NL").is_open(christmas)
    assert hours(calendar="NL").next_opening(christmas) == local(2026, 12, 28, 9, 0)
    # Corpus Christi is one in Bavaria, not in Berlin.
    corpus_christi = local(2026, 6, 4, 12, 0)
    assert not hours(calendar="DE-BY").is_open(corpus_christi)
    assert hours(calendar="DE-BE").is_open(corpus_christi)


# ---- a kind word to those who wait ----


@pytest.fixture
def asked(database: Database) -> str:
    """A conversation whose shopper has asked for a person on Monday at noon."""
    started = conversations.start(database, channel="web", language="de", now=MONDAY_MORNING)
    cases.open_case(database, started.id, "asked_for_person", "Mensch bitte", now=MONDAY_MORNING)
    return str(started.id)


def notice(database: Database, now: datetime, minutes: int = 5) -> int:
    return waiting.notice_long_waits(database, hours(), after=timedelta(minutes=minutes), now=now)


def notices(database: Database, conversation_id: str) -> list[str]:
    with database.read() as session:
        rows = session.query(Message).filter_by(conversation_id=conversation_id, author="system")
        return [row.text for row in rows.order_by(Message.seq)]


def test_who_waits_long_is_told_once(database: Database, asked: str) -> None:
    assert notice(database, MONDAY_MORNING + timedelta(minutes=4)) == 0
    assert notice(database, MONDAY_MORNING + timedelta(minutes=5)) == 1
    assert notice(database, MONDAY_MORNING + timedelta(minutes=9)) == 0
    (said,) = notices(database, asked)
    with database.read() as session:
        number = session.query(Case).filter_by(conversation_id=asked).one().id
    assert "Warteschlange" in said
    assert str(number) in said


def test_nobody_is_told_to_be_in_the_queue_outside_the_hours_or_just_after_opening(
    database: Database, asked: str
) -> None:
    assert notice(database, local(2026, 6, 15, 20, 0)) == 0
    assert notice(database, local(2026, 6, 16, 9, 4)) == 0
    assert notice(database, local(2026, 6, 16, 9, 5)) == 1


def test_a_notice_can_be_switched_off(database: Database, asked: str) -> None:
    assert notice(database, MONDAY_MORNING + timedelta(hours=1), minutes=0) == 0


def test_who_is_helped_or_has_left_is_not_told(database: Database, asked: str) -> None:
    later = MONDAY_MORNING + timedelta(hours=1)
    takeover.join(database, asked, AGENT, now=MONDAY_MORNING)
    assert notice(database, later) == 0
    takeover.leave(database, asked, AGENT, now=MONDAY_MORNING)
    # Not solved, but a colleague has it: nobody is in a queue any more.
    assert notice(database, later) == 0
    conversations.end(database, asked, now=later)
    with database.read() as session:
        assert session.get(Conversation, asked).state == "closed"
    assert notice(database, later) == 0
