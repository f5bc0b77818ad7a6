"""Returns in the console: the list and its filters, the page of one, and what its state allows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from returnsdesk.db.models import AuditEntry, Event, OutboxJob, Override, Return
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services import labels, return_lists, return_moves
from tests.console.conftest import Staff
from tests.console.paper import (
    act,
    actions_of,
    address_of,
    events,
    now,
    registered,
    return_in,
    send,
    view_of,
)


def test_the_list_is_narrowed_by_its_address(agent: Staff, database: Database) -> None:
    requested, arrived = return_in(database, "requested"), return_in(database, "arrived")
    everything = agent.get("/console/returns").text
    assert requested in everything and arrived in everything

    some = agent.get("/console/returns", status="requested").text
    assert requested in some and arrived not in some
    faulty = agent.get("/console/returns", reason="defective").text
    assert requested in faulty and arrived not in faulty


def test_a_return_is_found_by_order_by_mail_and_by_its_number(
    agent: Staff, database: Database
) -> None:
    rma_number = return_in(database, "requested")
    order_number = view_of(database, rma_number).order_number
    with database.read() as session:
        document = session.scalars(select(Return).where(Return.rma_number == rma_number)).one()
        email = document.order.email_norm
    for words in (order_number.lower(), email.upper()):
        assert rma_number in agent.get("/console/returns", search=words).text
    answer = agent.get("/console/returns", search=rma_number.lower())
    assert (answer.status_code, answer.headers["location"]) == (303, address_of(rma_number))
    assert "No return fits" in agent.get("/console/returns", search="nobody@mail.example").text


def test_the_list_goes_on_where_the_page_ended(agent: Staff, database: Database) -> None:
    seen: list[str] = []
    cursor = None
    with pytest.MonkeyPatch.context() as patch, database.read() as session:
        patch.setattr(return_lists, "PER_PAGE", 4)
        while True:
            page = return_lists.latest(session, return_lists.Filters(), now=now(), cursor=cursor)
            seen += [row.rma_number for row in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break
        total = len(session.scalars(select(Return.id)).all())
    assert len(seen) == len(set(seen)) == total
    assert agent.get("/console/returns", after="nonsense").status_code == 200


def test_mail_addresses_are_masked_and_reading_is_recorded(
    agent: Staff, database: Database
) -> None:
    rma_number = return_in(database, "requested")
    with database.read() as session:
        document = session.scalars(select(Return).where(Return.rma_number == rma_number)).one()
        email = document.order.email_norm
        note = document.lines[0].note
    page = agent.get(address_of(rma_number)).text
    assert email not in page and note not in page
    assert email not in agent.get("/console/returns").text
    with database.read() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.subject == "return", AuditEntry.action == "read")
        ).one()
        assert (entry.actor, entry.subject_id) == (agent.email, rma_number)


def test_an_unknown_return_answers_like_any_page_that_is_missing(agent: Staff) -> None:
    missing = agent.get("/console/returns/RMA-9999")
    nowhere = agent.get("/console/nowhere")
    assert missing.status_code == nowhere.status_code == 404
    assert "There is nothing here" in missing.text
    unknown = agent.post(
        "/console/returns/RMA-9999/approve", form_key="k" * 20, version="1", form="approve"
    )
    assert unknown.status_code == 404


def test_the_page_offers_what_the_state_allows_and_no_more(
    agent: Staff, database: Database
) -> None:
    requested = actions_of(agent.get(address_of(return_in(database, "requested"))))
    assert {"approve", "preview", "cancel", "extend"} <= requested
    assert not {"inspect", "receive", "release", "resume"} & requested
    arrived = actions_of(agent.get(address_of(return_in(database, "arrived"))))
    assert {"inspect", "close-short"} <= arrived
    assert not {"approve", "cancel", "receive"} & arrived
    closed = actions_of(agent.get(address_of(return_in(database, "closed"))))
    assert not {"approve", "inspect", "cancel", "release", "reopen"} & closed


def test_findings_are_told_in_plain_words(agent: Staff, database: Database) -> None:
    page = agent.get(address_of(return_in(database, "requested"))).text
    assert "A colleague looks at every return with this reason" in page
    assert "REASON_REVIEW" in page


def test_approving_is_signed_by_the_agent(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "requested")
    page = act(agent, address_of(rma_number), "approve")
    assert "The return is approved" in page.text
    assert "Mila Okafor approved it" in page.text
    assert view_of(database, rma_number).status == states.APPROVED
    with database.read() as session:
        event = session.scalars(select(Event).where(Event.command == "approve")).all()[-1]
        change = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "change", AuditEntry.subject == "return")
        ).one()
        assert event.actor == f"agent {agent.email}"
        assert (change.subject, change.subject_id) == ("return", rma_number)


def test_declining_shows_first_what_the_shopper_will_read(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "requested")
    address, before = address_of(rma_number), events(database)
    words = "Die Lampe wurde <nicht> bei uns gekauft."
    preview = send(
        agent,
        agent.get(address),
        f"{address}/decline/preview",
        code="not_ours",
        text=words,
    )
    assert preview.status_code == 200
    assert "konnten wir nicht zustimmen" in preview.text
    assert "Die Lampe wurde &lt;nicht&gt; bei uns gekauft." in preview.text
    assert events(database) == before

    answer = send(agent, preview, f"{address}/decline")
    assert answer.status_code == 303
    view = view_of(database, rma_number)
    assert (view.status, view.decision_code, view.decision_text) == ("declined", "not_ours", words)


def test_declining_needs_a_reason_and_words(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "requested")
    address = address_of(rma_number)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"code": "", "text": "Because."}, "Please choose a reason."),
        ({"code": "used", "text": "  "}, "The shopper has to be told why."),
        ({"code": "used", "text": "x" * 2001}, "At most 2000 characters"),
    ]
    for typed, problem in wrong:
        answer = send(agent, agent.get(address), f"{address}/decline/preview", **typed)
        assert answer.status_code == 422
        assert problem in answer.text
        assert typed["text"].strip() in answer.text
        direct: dict[str, Any] = {
            **typed,
            "form": "decline",
            "version": "99999999",
            "form_key": "k" * 20,
        }
        assert agent.post(f"{address}/decline", **direct).status_code == 422
    assert view_of(database, rma_number).status == states.REQUESTED


def test_a_held_return_goes_on_where_it_stood(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "arrived")
    address = address_of(rma_number)
    preview = send(
        agent,
        agent.get(address),
        f"{address}/hold/preview",
        code="wrong_item",
        text="Another pair was in the parcel.",
    )
    assert send(agent, preview, f"{address}/hold").status_code == 303
    page = agent.get(address)
    assert "Another pair was in the parcel." in page.text
    act(agent, address, "resume")
    assert view_of(database, rma_number).status == states.ARRIVED


def test_a_lost_parcel_is_reported_and_accepted(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "in_transit")
    address = address_of(rma_number)
    act(agent, address, "lost")
    assert "parcel lost" in agent.get("/console/cases", queue="parcels").text
    act(agent, address, "accept-lost")
    assert view_of(database, rma_number).status == states.INSPECTED
    assert "parcel lost" not in agent.get("/console/cases", queue="parcels").text


def test_more_time_is_given_to_post_a_parcel(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "label_issued")
    address = address_of(rma_number)
    before = view_of(database, rma_number).ship_by
    until = (before + timedelta(days=7)).date().isoformat()

    for wrong, problem in (
        ((before - timedelta(days=2)).date().isoformat(), "later than the present one"),
        ("soon", "Please choose a day."),
        ("9999-12-01", "At most 180 days"),
    ):
        answer = send(
            agent, agent.get(address), f"{address}/extend", until=wrong, reason="On holiday"
        )
        assert answer.status_code == 422 and problem in answer.text
    assert view_of(database, rma_number).ship_by == before

    act(agent, address, "extend", until=until, reason="On holiday")
    assert view_of(database, rma_number).ship_by > before + timedelta(days=6)


def test_a_new_label_takes_the_place_of_the_old_one(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "label_issued")
    old = view_of(database, rma_number).parcels[-1].tracking_number
    page = agent.get(f"{address_of(rma_number)}/label.pdf")
    assert page.content.startswith(b"%PDF")
    act(agent, address_of(rma_number), "label")
    assert view_of(database, rma_number).parcels == ()
    with database.read() as session:
        job = session.scalars(
            select(OutboxJob).where(OutboxJob.kind == "issue_label", OutboxJob.state == "waiting")
        ).all()[-1]
        assert job.payload == {"rma_number": rma_number}
    new = labels.issue_label(database, rma_number, actor="system", now=now()).parcels[-1]
    assert new.tracking_number != old


def test_cancelling_frees_the_items(agent: Staff, database: Database) -> None:
    rma_number = return_in(database, "label_issued")
    act(agent, address_of(rma_number), "cancel")
    assert view_of(database, rma_number).status == states.CANCELLED


def test_an_expired_return_is_reopened_within_its_window_by_an_agent(
    agent: Staff, database: Database
) -> None:
    rma_number = return_in(database, "expired")
    act(agent, address_of(rma_number), "reopen")
    assert view_of(database, rma_number).status == states.APPROVED


def test_outside_its_window_only_a_lead_reopens_it_with_a_reason(
    agent: Staff, lead: Staff, database: Database
) -> None:
    rma_number = return_in(database, "expired")
    address = address_of(rma_number)
    with database.write() as session:
        document = session.scalars(select(Return).where(Return.rma_number == rma_number)).one()
        for shipment in document.order.shipments:
            shipment.shipped_at = now() - timedelta(days=200)
            shipment.delivered_at = now() - timedelta(days=198)
    refused = send(agent, agent.get(address), f"{address}/reopen")
    assert refused.status_code == 409
    assert "WINDOW_EXPIRED" in refused.text and "Nothing was changed" in refused.text
    assert "reopen-anyway" not in actions_of(agent.get(address))
    hidden: dict[str, Any] = {
        "form": "x",
        "version": "99999999",
        "form_key": "k" * 20,
        "reason": "Promised",
    }
    assert agent.post(f"{address}/reopen-anyway", **hidden).status_code == 404

    missing = send(lead, lead.get(address), f"{address}/reopen-anyway", reason=" ")
    assert missing.status_code == 422
    page = act(lead, address, "reopen-anyway", reason="Promised by phone")
    assert view_of(database, rma_number).status == states.APPROVED
    assert "Henrik Sand set aside" in page.text and "Promised by phone" in page.text
    with database.read() as session:
        override = session.scalars(select(Override)).one()
        assert override.codes == ["WINDOW_EXPIRED"]


def test_an_exchange_is_sent_or_turned_into_money(agent: Staff, database: Database) -> None:
    rma_number = next(
        row for row in _exchanges(database) if view_of(database, row).status == "in_transit"
    )
    address = address_of(rma_number)
    page = agent.get(address)
    assert "reserved until" in page.text and "more on the shelf" in page.text
    act(agent, address, "receive")
    line = view_of(database, rma_number).lines[0]
    act(agent, address, "inspect", grade="A", quantity=line.quantity)
    empty = send(agent, agent.get(address), f"{address}/ship", tracking=" ")
    assert empty.status_code == 422 and "Please write the tracking number." in empty.text
    act(agent, address, "ship", tracking="3SABC123")
    exchange = view_of(database, rma_number).exchange
    assert exchange is not None
    assert (exchange.status, exchange.tracking_number) == ("shipped", "3SABC123")


def test_money_in_place_of_a_replacement(agent: Staff, database: Database) -> None:
    rma_number = next(
        row for row in _exchanges(database) if view_of(database, row).status == "in_transit"
    )
    act(agent, address_of(rma_number), "convert", settlement="store_credit")
    view = view_of(database, rma_number)
    assert [line.outcome for line in view.lines] == ["refund"]
    assert view.settlement == "store_credit"


def test_taking_work_opens_a_case_that_is_closed_with_the_work(
    agent: Staff, lead: Staff, database: Database
) -> None:
    rma_number = return_in(database, "requested")
    address = address_of(rma_number)
    stale = lead.get(address)
    act(agent, address, "take")
    assert "Mila Okafor" in agent.get("/console/cases", whose="mine").text
    refused = send(lead, stale, f"{address}/take")
    assert refused.status_code == 409
    assert "Mila Okafor" in refused.text
    act(agent, address, "approve")
    assert "to approve" not in agent.get("/console/cases", whose="mine").text


def test_the_timeline_tells_everything_in_order(agent: Staff, database: Database) -> None:
    rma_number = registered(database, "LL-10221", "LL-10221-1")
    return_moves.record_scan(database, rma_number, actor="carrier", now=now())
    page = agent.get(address_of(rma_number)).text
    steps = ["The shopper registered the return", "The carrier reported the parcel handed in"]
    places = [page.index(step) for step in steps]
    assert places == sorted(places)
    assert "Notice “on its way” by e-mail waits to be sent" in page


def _exchanges(database: Database) -> list[str]:
    with database.read() as session:
        rows = session.scalars(select(Return).order_by(Return.id))
        return [row.rma_number for row in rows if row.exchange is not None]
