"""Figures say what can be counted by hand, on both databases, day by day as the team's calendar has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timezone
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from returnsdesk.db.base import mapper_registry
from returnsdesk.db.models import Conversation
from returnsdesk.db.session import Database
from returnsdesk.services import insight_catalogue
from returnsdesk.services.insight_figures import Figure
from returnsdesk.services.insight_scope import Look, Scope
from tests.console.conftest import Staff
from tests.console.small_figures import PERIOD, conversation, fill, utc


@pytest.fixture
def figures_database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    mapper_registry.metadata.create_all(opened.engine)
    with opened.write() as session:
        fill(session)
    yield opened
    opened.dispose()


def figure(database: Database, key: str, scope: Scope = PERIOD) -> Figure:
    with database.read() as session:
        return insight_catalogue.compute(session, insight_catalogue.kind_of(key), scope)


def test_days_are_those_of_the_teams_clock_on_both_sides_of_its_change(
    figures_database: Database,
) -> None:
    found = figure(figures_database, "volumes")
    assert found.columns == ("Day", "telegram", "web")
    assert len(found.rows) == 10
    assert {row for row in found.rows if row[1] or row[2]} == {
        ("2026-03-23", 0, 1), ("2026-03-29", 1, 1), ("2026-03-30", 0, 1), ("2026-04-01", 0, 1),
    }  # fmt: skip
    assert (found.headline, found.before) == (5, 1)


def test_contained_are_those_without_a_person(figures_database: Database) -> None:
    found = figure(figures_database, "containment")
    assert (found.headline, found.before) == (60.0, 100.0)
    rows = {row[0]: row[1:] for row in found.rows}
    assert rows["2026-03-29"] == (100.0, None, 2)
    assert rows["2026-03-30"] == (0.0, None, 1)
    # Ten days earlier: 22 March stands beside 1 April.
    assert rows["2026-04-01"] == (0.0, 100.0, 1)


def test_channels_and_languages_are_counted_beside_the_period_before(
    figures_database: Database,
) -> None:
    assert figure(figures_database, "channels").rows == (("web", 4, 1), ("telegram", 1, 0))
    assert figure(figures_database, "languages").rows == (
        ("Dutch", 2, 0), ("English", 2, 0), ("German", 1, 1),
    )  # fmt: skip


def test_a_filter_narrows_what_is_counted(figures_database: Database) -> None:
    dutch = figure(figures_database, "volumes", replace(PERIOD, language="nl"))
    assert dutch.headline == 2
    telegram = figure(figures_database, "first_reply", replace(PERIOD, channel="telegram"))
    assert telegram.cases == 0 and telegram.headline is None


def test_first_reply_is_the_first_word_of_a_person_and_waiting_ones_are_told(
    figures_database: Database,
) -> None:
    found = figure(figures_database, "first_reply")
    assert found.headline == 600
    assert {row[:2] for row in found.rows if row[1]} == {("up to 15 min", 1), ("not yet", 1)}


def test_settled_is_when_the_last_case_of_the_conversation_is_closed(
    figures_database: Database,
) -> None:
    found = figure(figures_database, "resolution")
    assert found.headline == 2 * 3600
    assert {row[:2] for row in found.rows if row[1]} == {("up to 4 h", 1), ("not yet", 1)}


def test_not_understood_is_a_share_of_each_languages_conversations(
    figures_database: Database,
) -> None:
    found = figure(figures_database, "fallbacks")
    assert found.headline == 20.0
    assert ("German", 100.0, 0.0, 1) in found.rows
    assert ("Dutch", 0.0, None, 2) in found.rows


def test_ratings_have_their_mean(figures_database: Database) -> None:
    found = figure(figures_database, "csat")
    assert (found.headline, found.before, found.cases) == (4.5, 1.0, 2)
    assert found.rows[:2] == (("5", 1, 0), ("4", 1, 0)) and found.rows[4] == ("1", 0, 1)


def test_a_repeat_comes_within_seven_days_after_another_of_the_same_customer(
    figures_database: Database,
) -> None:
    # Four with a known customer: two of Anna, the first after one of the day before; of Bas the second.
    found = figure(figures_database, "repeats")
    assert (found.headline, found.cases) == (75.0, 4)
    with figures_database.write() as session:
        anna = session.get(Conversation, "c4").customer_id
        # Seven days to the minute before it, and seven days and a minute.
        session.add(conversation("c9", utc("03-15", "22:50"), customer_id=anna))
    assert figure(figures_database, "repeats").before == 50.0
    with figures_database.write() as session:
        session.get(Conversation, "c9").created_at = utc("03-15", "22:49")
    assert figure(figures_database, "repeats").before == 0.0


def test_exchanges_are_a_share_of_the_pieces_that_did_not_fit(figures_database: Database) -> None:
    found = figure(figures_database, "exchange_share")
    assert found.rows == (("too small", 2, 0), ("too large", 0, 1))
    assert (found.headline, found.before, found.cases) == (66.7, 100.0, 3)


def test_reasons_count_pieces_and_leave_out_cancelled_returns(figures_database: Database) -> None:
    assert figure(figures_database, "reasons").rows == (
        ("changed mind", 3, 0), ("too small", 2, 1), ("too large", 1, 0),
    )  # fmt: skip
    telegram = replace(PERIOD, channel="telegram")
    assert figure(figures_database, "reasons", telegram).cases == 0


def test_reasons_by_product_and_size_name_what_was_bought(figures_database: Database) -> None:
    products = figure(figures_database, "reasons_by_product")
    assert products.columns == ("Product", "Too small", "Too large", "Changed mind")
    assert products.rows == (("Shirt", 0, 0, 3), ("Sneakers", 2, 1, 0))
    sizes = figure(figures_database, "reasons_by_size")
    assert sizes.rows == (("M", 0, 0, 3), ("42", 2, 0, 0), ("43", 0, 1, 0))


def test_stages_are_late_after_the_promised_working_days(figures_database: Database) -> None:
    rows = {row[0]: row[1:] for row in figure(figures_database, "stages").rows}
    count, half, _, _, promised, late = rows["inspection"]
    assert (count, half, promised, late) == (2, 4.5, "3 working days", 50.0)
    assert rows["decision"][:2] == (1, 1.0)
    # Shipped before it was registered, as carriers report: nothing can be learned from it.
    assert rows["posting"][0] == 0


def test_refunds_are_told_by_currency_and_way_and_never_added_up(
    figures_database: Database,
) -> None:
    found = figure(figures_database, "refunds")
    assert found.rows == (
        ("EUR", "as it was paid", 10.0, 2.5), ("EUR", "store credit", 5.0, 0.0),
        ("NOK", "as it was paid", 200.0, 0.0), ("NOK", "store credit", 0.0, 0.0),
    )  # fmt: skip
    assert found.cases == 3 and found.headline is None


def test_missed_messages_are_counted_together_and_tell_nothing_of_a_person(
    figures_database: Database,
) -> None:
    # Bas lives in Breda; the Dutch and the German conversation are counted apart.
    assert figure(figures_database, "missed").rows == (
        ("Do you sell gift cards?", 2, "de"), ("do you sell gift cards", 1, "nl"),
        ("what is the weather in ‹name›", 1, "en"),
    )  # fmt: skip


def test_every_figure_bears_a_desk_without_any_data(database_url: str) -> None:
    database = Database(database_url)
    mapper_registry.metadata.create_all(database.engine)
    with database.read() as session:
        found = insight_catalogue.compute_all(session, PERIOD)
    assert all(each.cases == 0 for each in found.values())
    assert all(insight_catalogue.KINDS[key].is_too_few(each) for key, each in found.items())
    database.dispose()


def test_long_periods_are_told_in_weeks(figures_database: Database) -> None:
    scope = Scope(date(2026, 3, 1), date(2026, 4, 4), "Europe/Amsterdam")
    found = figure(figures_database, "containment", scope)
    assert [row[0] for row in found.rows] == [
        "2026-03-01", "2026-03-08", "2026-03-15", "2026-03-22", "2026-03-29",
    ]  # fmt: skip
    # c4 and c5 in the fourth week; the other five in the last one, two of them with a person.
    assert [row[3] for row in found.rows] == [0, 0, 0, 2, 5]
    assert found.rows[4][1] == 60.0


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "UTC"])
def test_days_are_right_in_zones_of_every_kind(figures_database: Database, zone: str) -> None:
    scope = Scope(date(2026, 3, 20), date(2026, 4, 8), zone)
    with figures_database.write() as session:
        for hour in range(24 * 20):
            at = datetime.fromtimestamp(
                utc("03-20", "00:15").timestamp() + 3600 * hour, timezone.utc
            )
            session.add(conversation(f"h{hour}", at))
    with figures_database.read() as session:
        look = Look(session, scope)
        rows = session.query(look.day(Conversation.created_at), Conversation.created_at).where(
            look.is_within(Conversation.created_at)
        )
        wrong = [
            (shown, at)
            for shown, at in rows
            if str(shown) != at.astimezone(ZoneInfo(zone)).date().isoformat()
        ]
    assert wrong == []


def test_no_figure_reads_all_conversations_or_messages(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'plan.db'}")
    mapper_registry.metadata.create_all(database.engine)
    asked: list[tuple[str, object]] = []
    event.listen(
        database.engine, "before_cursor_execute",
        lambda _connection, _cursor, statement, values, *_: asked.append((statement, values)),
    )  # fmt: skip
    with database.read() as session:
        insight_catalogue.compute_all(session, PERIOD)
    selects = [each for each in asked if each[0].startswith("SELECT")]
    assert len(selects) > 10
    with database.engine.connect() as connection:
        plans = [
            row[3]
            for statement, values in selects
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    assert [
        plan for plan in plans if plan.startswith(("SCAN messages", "SCAN conversations"))
    ] == []
    database.dispose()


# --- the page -----------------------------------------------------------------------------------------------------


def test_the_page_has_a_definition_and_the_numbers_of_each_figure(lead: Staff) -> None:
    shown = lead.get("/console/insight")
    assert shown.status_code == 200
    for kind in insight_catalogue.KINDS.values():
        assert f'id="{kind.key}"' in shown.text
        assert kind.definition in unescape(shown.text)
    long_ago = lead.get("/console/insight", **{"from": "2020-01-01", "to": "2020-01-31"})
    assert long_ago.text.count("Too few to draw") == len(insight_catalogue.KINDS)
    assert "<img" not in long_ago.text


def test_a_picture_is_an_image_that_may_run_nothing(lead: Staff) -> None:
    drawn = lead.get("/console/insight/charts/reasons.svg", days=30)
    assert drawn.status_code == 200
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert "script-src" not in drawn.headers["content-security-policy"]
    assert drawn.headers["content-security-policy"].startswith("default-src 'none'")


def test_agents_find_no_insight(agent: Staff) -> None:
    for path in ("/insight", "/insight/charts/reasons.svg", "/insight/reasons.csv"):
        assert agent.get(f"/console{path}").status_code == 404, path


def test_a_period_that_is_none_is_said_and_the_usual_one_shown(lead: Staff) -> None:
    for query in (
        {"from": "2026-13-01"}, {"from": "2026-05-02", "to": "2026-05-01"}, {"days": "0"}, {"days": "x"},
        {"days": "9999999999"}, {"from": "1999-01-01"}, {"to": "2999-01-01"}, {"channel": "fax"},
        {"language": "xx"},
    ):  # fmt: skip
        shown = lead.get("/console/insight", **query)
        assert shown.status_code == 400, query
        assert "last 30 days" in shown.text
        assert lead.get("/console/insight/reasons.csv", **query).status_code == 404


def test_unknown_and_too_small_figures_have_no_picture(lead: Staff) -> None:
    assert lead.get("/console/insight/charts/nothing.svg").status_code == 404
    old = {"from": "2020-01-01", "to": "2020-01-31"}
    assert lead.get("/console/insight/charts/reasons.svg", **old).status_code == 404
