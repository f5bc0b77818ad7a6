"""Returns that the team makes for a shopper: seen first, registered after, exceptions by a lead with a reason."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from returnsdesk.db.models import Override, Return
from returnsdesk.db.session import Database
from tests.console.conftest import Staff
from tests.console.paper import actions_of, events, fields_of, registered, send, view_of

ORDER = "/console/orders/LL-10221"
LINE = "LL-10221-1"
# The sample shop's order that is long past its window.
OLD, OLD_LINE = "/console/orders/LL-10152", "LL-10152-1"


def preview(member: Staff, order: str, **typed: Any) -> httpx.Response:
    return send(member, member.get(f"{order}/return"), f"{order}/return/preview", **typed)


def test_findings_and_amounts_come_before_anything_is_registered(
    agent: Staff, database: Database
) -> None:
    before = events(database)
    page = preview(agent, ORDER, **{f"quantity-{LINE}": 1, f"reason-{LINE}": "too_large"})
    assert page.status_code == 200
    assert "Nothing is registered yet." in page.text
    assert "Goes back once it is accepted" in page.text and "Return fee" in page.text
    assert "WINDOW_OPEN" in page.text
    assert events(database) == before

    answer = send(agent, page, f"{ORDER}/return")
    assert answer.status_code == 303
    rma_number = answer.headers["location"].split("/")[-1].split("?")[0]
    view = view_of(database, rma_number)
    assert (view.status, view.lines[0].reason) == ("approved", "too_large")
    with database.read() as session:
        document = session.scalars(select(Return).where(Return.rma_number == rma_number)).one()
        assert (document.created_by, document.channel) == (f"agent {agent.email}", "console")


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({}, "Please choose at least one item"),
        ({f"quantity-{LINE}": -1}, "Please write a number from 1"),
        ({f"quantity-{LINE}": 99}, "Please write a number from 1"),
        ({f"quantity-{LINE}": "many"}, "Please write a whole number."),
        ({f"quantity-{LINE}": 1, f"reason-{LINE}": "boredom"}, "Please choose one of these."),
        ({f"quantity-{LINE}": 1, f"outcome-{LINE}": "exchange"}, "Please choose the replacement."),
    ],
)
def test_what_is_typed_wrong_is_said_and_stays(
    agent: Staff, database: Database, typed: dict[str, Any], problem: str
) -> None:
    before = events(database)
    answer = preview(agent, ORDER, **typed)
    assert answer.status_code == 422
    assert problem in answer.text
    if f"quantity-{LINE}" in typed:
        shown = fields_of(answer, f"{ORDER}/return/preview")[f"quantity-{LINE}"]
        assert shown == str(typed[f"quantity-{LINE}"])
    assert events(database) == before


def test_a_rule_in_the_way_stops_an_agent(agent: Staff, database: Database) -> None:
    page = preview(agent, OLD, **{f"quantity-{OLD_LINE}": 1})
    assert "A lead can set them aside" in page.text
    assert "return" not in actions_of(page)
    hidden: dict[str, Any] = {
        **fields_of(agent.get(f"{OLD}/return"), f"{OLD}/return/preview"),
        f"quantity-{OLD_LINE}": "1",
    }
    without = agent.client.post(f"{OLD}/return", data=hidden)
    assert without.status_code == 409 and "WINDOW_EXPIRED" in without.text
    sly = agent.client.post(f"{OLD}/return", data={**hidden, "override": "Because"})
    assert sly.status_code == 422
    assert "not eligible" not in agent.get(OLD).text


def test_a_lead_sets_it_aside_with_a_reason_that_is_kept(lead: Staff, database: Database) -> None:
    page = preview(lead, OLD, **{f"quantity-{OLD_LINE}": 1})
    assert "You would set aside:" in page.text and "WINDOW_EXPIRED" in page.text
    answer = send(lead, page, f"{OLD}/return", override="Promised by telephone")
    assert answer.status_code == 303
    shown = lead.client.get(answer.headers["location"]).text
    assert "Promised by telephone" in shown and "Henrik Sand set aside" in shown
    with database.read() as session:
        row = session.scalars(select(Override)).one()
        assert row.actor == f"agent {lead.email}" and "WINDOW_EXPIRED" in row.codes


def test_what_another_document_holds_cannot_be_set_aside(lead: Staff, database: Database) -> None:
    registered(database, "LL-10240", "LL-10240-2")
    page = preview(lead, "/console/orders/LL-10240", **{"quantity-LL-10240-2": 1})
    assert "is a fact, no rule" in page.text
    assert "return" not in actions_of(page)


def test_a_return_that_a_colleague_made_meanwhile_is_told(
    agent: Staff, lead: Staff, database: Database
) -> None:
    order = "/console/orders/LL-10240"
    first = preview(agent, order, **{"quantity-LL-10240-2": 1})
    second = preview(lead, order, **{"quantity-LL-10240-2": 1})
    assert send(agent, first, f"{order}/return").status_code == 303
    answer = send(lead, second, f"{order}/return")
    assert answer.status_code == 409
    assert "Meanwhile Mila Okafor registered the return" in answer.text


def test_an_exchange_names_its_replacement(agent: Staff, database: Database) -> None:
    page = agent.get(f"{ORDER}/return")
    sku = next(
        value for value in page.text.split('<select name="sku-')[1].split('<option value="')[2:3]
    ).split('"')[0]
    shown = preview(
        agent,
        ORDER,
        **{
            f"quantity-{LINE}": 1,
            f"reason-{LINE}": "too_small",
            f"outcome-{LINE}": "exchange",
            f"sku-{LINE}": sku,
        },
    )
    assert shown.status_code == 200 and sku in shown.text
    answer = send(agent, shown, f"{ORDER}/return")
    assert answer.status_code == 303
    assert "Exchange" in agent.client.get(answer.headers["location"]).text


def test_an_unknown_order_is_a_missing_page(agent: Staff) -> None:
    assert agent.get("/console/orders/LL-99999/return").status_code == 404
    form: dict[str, Any] = {"form_key": "k" * 20, "version": "0", "form": "staff-return"}
    for path in ("return", "return/preview"):
        assert agent.post(f"/console/orders/LL-99999/{path}", **form).status_code == 404
