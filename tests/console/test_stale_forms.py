"""Forms that are out of date, sent twice, or broken: nothing is lost, done twice, or changed silently."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from returnsdesk.db.session import Database
from returnsdesk.services import labels, return_moves
from tests.console.conftest import Staff
from tests.console.paper import (
    act,
    actions_of,
    address_of,
    events,
    fields_of,
    now,
    return_in,
    send,
    view_of,
)

ONE_PIECE: dict[str, Any] = {"quantity-LL-10240-2": 1}


def test_a_form_from_before_a_colleagues_decision_says_who_decided_what(
    agent: Staff, lead: Staff, database: Database
) -> None:
    rma_number = return_in(database, "requested")
    address = address_of(rma_number)
    preview = send(
        lead, lead.get(address), f"{address}/decline/preview", code="used", text="It was worn."
    )
    act(agent, address, "approve")
    before = events(database)

    answer = send(lead, preview, f"{address}/decline")

    assert answer.status_code == 409
    assert "Meanwhile Mila Okafor approved it at" in answer.text
    assert "nothing was changed" in answer.text
    assert "approve" not in actions_of(answer)
    assert events(database) == before
    assert view_of(database, rma_number).decision_text is None


def test_what_was_typed_stays_when_the_form_was_out_of_date(
    agent: Staff, lead: Staff, database: Database
) -> None:
    rma_number = return_in(database, "arrived")
    address = address_of(rma_number)
    stale = lead.get(address)
    preview = send(
        agent, agent.get(address), f"{address}/hold/preview", code="dispute", text="Wait."
    )
    send(agent, preview, f"{address}/hold")
    act(agent, address, "resume")

    answer = send(
        lead, stale, f"{address}/inspect", grade="C", quantity="1", reason="The sole is torn"
    )
    assert answer.status_code == 409
    assert "Meanwhile Mila Okafor put it on hold" in answer.text
    assert fields_of(answer, f"{address}/inspect")["reason"] == "The sole is torn"
    assert view_of(database, rma_number).lines[0].rejected == 0


def test_after_looking_the_same_form_is_taken(
    agent: Staff, lead: Staff, database: Database
) -> None:
    rma_number = return_in(database, "arrived")
    address = address_of(rma_number)
    stale = lead.get(address)
    preview = send(
        agent, agent.get(address), f"{address}/hold/preview", code="dispute", text="Wait."
    )
    send(agent, preview, f"{address}/hold")
    act(agent, address, "resume")
    refused = send(lead, stale, f"{address}/inspect", grade="B", quantity="1")
    assert send(lead, refused, f"{address}/inspect").status_code == 303
    assert view_of(database, rma_number).lines[0].accepted == 1


def test_what_the_worker_does_meanwhile_is_no_reason_to_refuse(
    agent: Staff, database: Database
) -> None:
    rma_number = return_in(database, "approved")
    address = address_of(rma_number)
    page = agent.get(address)
    labels.issue_label(database, rma_number, actor="system", now=now())
    assert send(agent, page, f"{address}/cancel").status_code == 303
    assert view_of(database, rma_number).status == "cancelled"


def test_a_state_that_the_carrier_changed_is_told_as_well(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "label_issued")
    address = address_of(rma_number)
    page = agent.get(address)
    return_moves.record_scan(database, rma_number, actor="carrier", now=now())
    answer = send(agent, page, f"{address}/cancel")
    assert answer.status_code == 409
    assert "Meanwhile The carrier reported the parcel handed in" in answer.text
    assert view_of(database, rma_number).status == "in_transit"


def test_a_form_sent_twice_finds_the_result_of_the_first(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "requested")
    address = address_of(rma_number)
    page = agent.get(address)
    first = send(agent, page, f"{address}/approve")
    before = events(database)
    second = send(agent, page, f"{address}/approve")
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert events(database) == before


def test_a_form_sent_many_times_at_once_does_its_work_once(
    agent: Staff, database: Database
) -> None:
    order = "/console/orders/LL-10240"
    preview = send(
        agent,
        agent.get(f"{order}/return"),
        f"{order}/return/preview",
        **ONE_PIECE,
    )
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: send(agent, preview, f"{order}/return"), range(5)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1


def test_a_refused_form_may_be_sent_again(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "arrived")
    address = address_of(rma_number)
    page = agent.get(address)
    wrong = send(agent, page, f"{address}/inspect", quantity="0")
    assert wrong.status_code == 422
    assert send(agent, page, f"{address}/inspect", quantity="1").status_code == 303


def test_a_form_without_its_hidden_fields_changes_nothing(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "requested")
    address = address_of(rma_number)
    before = events(database)
    assert agent.post(f"{address}/approve").status_code == 403
    assert agent.post(f"{address}/approve", form_key="k" * 20).status_code == 422
    assert agent.post(f"{address}/approve", form_key="k" * 20, version="x").status_code == 422
    foreign = fields_of(agent.get(address), f"{address}/approve") | {"csrf": "0" * 64}
    assert agent.client.post(f"{address}/approve", data=foreign).status_code == 403
    assert events(database) == before
