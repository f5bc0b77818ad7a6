"""What moves a return along: each command does its own, again changes nothing, and the wrong state is refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from returnsdesk.db.models import Event, InboundParcel, Order, OutboxJob, Reservation, Return
from returnsdesk.services import (
    exchanges,
    inspections,
    refunds,
    reopening,
    return_moves,
)
from returnsdesk.services.errors import Conflict, NotAllowed, NotFound, ServiceError
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.services.documents import (
    AGENT,
    PHOTO,
    SHIRTS,
    SHOES,
    arrived,
    commands,
    count,
    create,
    everything,
    exchange_request,
    find_return,
    inspected,
    live_units,
    notices,
    open_cases,
    return_request,
    stock_of,
    units,
)
from tests.services.shop import NOW

LATER = NOW + timedelta(days=1)


def status_of(shop, rma_number):
    return find_return(shop, rma_number).status


def set_method(shop, rma_number, method):
    with shop.write() as session:
        row = session.scalars(select(Return).where(Return.rma_number == rma_number)).one()
        row.method = method


def waiting(shop):
    """A return that a colleague has to look at."""
    view = create(shop, return_request(1, "defective"))
    assert view.status == "requested"
    return view.rma_number


def travelling(shop, request=None):
    view = create(shop, request)
    return_moves.record_scan(shop, view.rma_number, actor="carrier", now=NOW)
    return view.rma_number


def lost(shop, request=None):
    rma_number = travelling(shop, request)
    return_moves.report_lost(shop, rma_number, actor="carrier", now=LATER)
    return rma_number


def expired(shop, request=None):
    view = create(shop, request)
    return_moves.expire(shop, view.rma_number, now=NOW + timedelta(days=15))
    return view.rma_number


COMMANDS: dict[str, Callable[..., Any]] = {
    "approve": return_moves.approve,
    "decline": lambda shop, rma, **who: return_moves.decline(shop, rma, "x", "No.", **who),
    "record_scan": return_moves.record_scan,
    "record_arrival": return_moves.record_arrival,
    "report_lost": return_moves.report_lost,
    "accept_lost": return_moves.accept_lost,
    "hold": lambda shop, rma, **who: return_moves.hold(shop, rma, "x", "Wrong item.", **who),
    "resume": return_moves.resume,
    "close_short": return_moves.close_short,
    "cancel": return_moves.cancel,
    "expire": lambda shop, rma, actor, now: return_moves.expire(shop, rma, now=now),
    "reopen": reopening.reopen,
    "inspect": lambda shop, rma, **who: inspections.inspect_line(shop, rma, SHIRTS, 1, "A", **who),
}
AT: dict[str, Callable[..., str]] = {
    "requested": waiting,
    "approved": lambda shop: create(shop).rma_number,
    "in_transit": travelling,
    "arrived": lambda shop: arrived(shop).rma_number,
    "lost": lost,
    "expired": expired,
    "inspected": lambda shop: inspected(shop, create(shop).rma_number, SHIRTS, (2, "A")).rma_number,
}
# A second report of the same thing is no mistake: it changes nothing.
SAME_AGAIN = {
    ("in_transit", "record_scan"), ("arrived", "record_arrival"), ("arrived", "record_scan"), ("lost", "record_scan"),
    ("lost", "report_lost"), ("inspected", "record_arrival"), ("inspected", "record_scan"), ("expired", "expire"),
}  # fmt: skip
ALLOWED = {
    ("requested", "approve"), ("requested", "decline"), ("requested", "cancel"),
    ("approved", "record_scan"), ("approved", "record_arrival"), ("approved", "cancel"), ("approved", "expire"),
    ("in_transit", "record_arrival"), ("in_transit", "report_lost"),
    ("arrived", "hold"), ("arrived", "close_short"), ("arrived", "inspect"),
    ("lost", "record_arrival"), ("lost", "accept_lost"),
    ("expired", "reopen"), ("inspected", "hold"),
}  # fmt: skip


@pytest.mark.parametrize("state", AT)
def test_a_command_in_the_wrong_state_is_refused_and_changes_nothing(shop, state):
    rma_number = AT[state](shop)
    before = (everything(shop), find_return(shop, rma_number), units(shop))
    for command, give in COMMANDS.items():
        if (state, command) in ALLOWED | SAME_AGAIN:
            continue
        with pytest.raises(NotAllowed) as refused:
            give(shop, rma_number, actor=AGENT, now=LATER)
        assert refused.value.code == "WRONG_STATE"
        assert refused.value.facts["status"] == state
        assert (everything(shop), find_return(shop, rma_number), units(shop)) == before


@pytest.mark.parametrize(("state", "command"), sorted(SAME_AGAIN))
def test_the_same_report_again_changes_nothing(shop, state, command):
    rma_number = AT[state](shop)
    before = (everything(shop), find_return(shop, rma_number))
    COMMANDS[command](shop, rma_number, actor=AGENT, now=LATER)
    assert (everything(shop), find_return(shop, rma_number)) == before


def test_an_unknown_return_is_refused(shop):
    for give in COMMANDS.values():
        with pytest.raises(NotFound):
            give(shop, "RMA-9", actor=AGENT, now=NOW)


def test_a_declined_return_says_why_and_frees_its_units(shop):
    """I23, F31: the document ends, the order is as free as before."""
    rma_number = waiting(shop)
    for _ in range(2):
        view = return_moves.decline(
            shop, rma_number, "worn", "It was worn.", actor=AGENT, now=LATER
        )
    assert (view.status, view.closed_at) == ("declined", LATER)
    assert (view.decision_code, view.decision_text) == ("worn", "It was worn.")
    assert units(shop) == {"released": 1}
    assert commands(shop, "return").count(("decline", AGENT)) == 1
    assert notices(shop, "return") == ["request_received", "declined"]
    assert create(shop, return_request(3, key="again")).status == "approved"


def test_a_declined_exchange_frees_its_stock(shop):
    line = RequestedLine(SHOES, 1, "defective", "exchange", new_sku="sneakers-43")
    view = create(shop, ReturnRequest("LL-1", (line,), None, "key"))
    assert (view.status, stock_of(shop, "sneakers-43")) == ("requested", (1, 1))
    return_moves.decline(shop, view.rma_number, "x", "No.", actor=AGENT, now=NOW)
    assert stock_of(shop, "sneakers-43") == (1, 0)


@pytest.mark.parametrize(("code", "text"), [("", "No."), ("x", " ")])
def test_a_decision_against_the_shopper_needs_its_reason(shop, code, text):
    rma_number = waiting(shop)
    with pytest.raises(ServiceError) as refused:
        return_moves.decline(shop, rma_number, code, text, actor=AGENT, now=NOW)
    assert refused.value.code == "REASON_MISSING"
    assert status_of(shop, rma_number) == "requested"


def test_registering_and_approving_let_the_shopper_know_and_ask_for_a_label(shop):
    rma_number = waiting(shop)
    labels_wanted = select(OutboxJob).where(OutboxJob.kind == "issue_label")
    with shop.read() as session:
        assert session.scalars(labels_wanted).all() == []
    return_moves.approve(shop, rma_number, actor=AGENT, now=NOW)
    with shop.read() as session:
        assert [job.payload["rma_number"] for job in session.scalars(labels_wanted)] == [rma_number]
    assert notices(shop, "return") == ["request_received", "approved"]


def test_a_wrong_item_holds_the_return_until_a_person_goes_on(shop):
    """F28: never silent; the shopper is told, a person sees it, nothing is paid meanwhile."""
    rma_number = arrived(shop).rma_number
    view = return_moves.hold(
        shop,
        rma_number,
        "wrong_item",
        "There was a teapot.",
        actor=AGENT,
        now=NOW,
        photo_ids=(PHOTO,),
    )
    assert (view.status, view.decision_text) == ("on_hold", "There was a teapot.")
    assert open_cases(shop) == ["return_on_hold"]
    assert "on_hold" in notices(shop, "return")
    with shop.read() as session:
        event = session.scalars(select(Event).where(Event.command == "hold")).one()
        assert event.after["photos"] == [PHOTO]
    for command in ("inspect", "close_short", "hold"):
        with pytest.raises(NotAllowed):
            COMMANDS[command](shop, rma_number, actor=AGENT, now=NOW)
    with pytest.raises(NotAllowed):
        refunds.start(shop, rma_number, actor=AGENT, now=NOW)
    resumed = return_moves.resume(shop, rma_number, actor=AGENT, now=NOW)
    assert (resumed.status, resumed.decision_text) == ("arrived", None)
    assert open_cases(shop) == []
    assert inspected(shop, rma_number, SHIRTS, (2, "A")).status == "inspected"


def test_a_return_held_after_inspection_goes_on_after_inspection(shop):
    rma_number = inspected(shop, create(shop).rma_number, SHIRTS, (2, "A")).rma_number
    COMMANDS["hold"](shop, rma_number, actor=AGENT, now=NOW)
    assert return_moves.resume(shop, rma_number, actor=AGENT, now=NOW).status == "inspected"
    assert refunds.start(shop, rma_number, actor=AGENT, now=NOW).status == "refund_pending"


def test_a_lost_parcel_is_traced_and_the_shopper_asked(shop):
    """F44."""
    rma_number = lost(shop)
    assert status_of(shop, rma_number) == "lost"
    assert open_cases(shop) == ["parcel_lost"]
    assert notices(shop, "return")[-1] == "lost"
    assert units(shop) == {"held": 2}


def test_with_the_shops_label_a_lost_parcel_is_paid_and_nothing_restocked(shop):
    """F44, I24."""
    rma_number = lost(shop)
    view = return_moves.accept_lost(shop, rma_number, actor=AGENT, now=LATER)
    assert (view.status, view.inspected_at) == ("inspected", LATER)
    assert [(line.accepted, line.rejected) for line in view.lines] == [(2, 0)]
    assert (units(shop), open_cases(shop)) == ({"consumed": 2}, [])
    assert stock_of(shop, "shirt-M") == (5, 0)
    paid = refunds.start(shop, rma_number, actor=AGENT, now=LATER).refunds[0]
    assert paid.amount_minor == 6667 - 295


def test_with_a_carrier_of_the_shoppers_own_the_proof_of_posting_is_needed(shop):
    """F44."""
    rma_number = lost(shop)
    set_method(shop, rma_number, "own_carrier")
    with pytest.raises(NotAllowed) as refused:
        return_moves.accept_lost(shop, rma_number, actor=AGENT, now=LATER)
    assert refused.value.code == "PROOF_MISSING"
    assert status_of(shop, rma_number) == "lost"
    view = return_moves.accept_lost(
        shop, rma_number, actor=AGENT, now=LATER, has_proof_of_posting=True
    )
    assert view.status == "inspected"


def test_a_lost_exchange_goes_out_after_all(shop):
    rma_number = lost(shop, exchange_request())
    view = return_moves.accept_lost(shop, rma_number, actor=AGENT, now=LATER)
    assert view.exchange.status == "accepted"
    assert stock_of(shop, "sneakers-42") == (9, 0)


def test_a_lost_parcel_that_turns_up_is_inspected_as_any_other(shop):
    rma_number = lost(shop)
    view = return_moves.record_arrival(shop, rma_number, actor="carrier", now=LATER)
    assert (view.status, open_cases(shop)) == ("arrived", [])
    assert inspected(shop, rma_number, SHIRTS, (2, "A")).status == "inspected"
    assert stock_of(shop, "shirt-M") == (7, 0)


def test_a_parcel_that_turns_up_after_it_was_paid_moves_neither_state_nor_money(shop):
    """F19: receipt and money are separate commands."""
    rma_number = lost(shop)
    return_moves.accept_lost(shop, rma_number, actor=AGENT, now=LATER)
    refunds.start(shop, rma_number, actor=AGENT, now=LATER)
    for _ in range(2):
        view = return_moves.record_arrival(shop, rma_number, actor="carrier", now=LATER)
    assert (view.status, view.arrived_at) == ("refund_pending", LATER)
    assert len(view.refunds) == 1
    assert open_cases(shop) == ["parcel_turned_up"]


def test_a_parcel_is_unheard_of_when_no_carrier_reported_it_for_the_policys_days(shop):
    rma_number = travelling(shop)
    with shop.write() as session:
        session.add(
            InboundParcel(
                return_id=session.scalar(select(Return.id)), carrier="c", tracking_number="t",
                status="in_transit", last_event_at=NOW + timedelta(days=3),
            )
        )  # fmt: skip
    with shop.read() as session:
        assert return_moves.unheard_of(session, NOW + timedelta(days=12)) == []
        assert return_moves.unheard_of(session, NOW + timedelta(days=14)) == [rma_number]


def test_what_did_not_come_with_the_rest_is_closed_short_and_can_be_asked_for_again(shop):
    """F13."""
    rma_number = arrived(shop, return_request(3)).rma_number
    inspections.inspect_line(shop, rma_number, SHIRTS, 1, "A", actor=AGENT, now=NOW)
    view = return_moves.close_short(shop, rma_number, actor=AGENT, now=NOW)
    assert (view.status, view.lines[0].accepted) == ("inspected", 1)
    assert units(shop) == {"consumed": 1, "released": 2}
    assert (
        refunds.start(shop, rma_number, actor=AGENT, now=NOW).refunds[0].amount_minor == 3334 - 295
    )
    assert create(shop, return_request(2, key="rest")).status == "approved"


def test_an_empty_box_closes_without_money_and_frees_the_replacement(shop):
    """F28."""
    rma_number = arrived(shop, exchange_request()).rma_number
    view = return_moves.close_short(shop, rma_number, actor=AGENT, now=NOW)
    assert (view.status, view.exchange.status) == ("rejected", "released")
    assert (units(shop), stock_of(shop, "sneakers-43")) == ({"released": 1}, (1, 0))


def test_inspections_add_up_over_parcels(shop):
    """F13: a second parcel adds to the first, it never replaces it."""
    rma_number = arrived(shop, return_request(3)).rma_number
    inspections.inspect_line(
        shop, rma_number, SHIRTS, 1, "A", actor=AGENT, now=NOW, photo_ids=(PHOTO,)
    )
    return_moves.record_arrival(shop, rma_number, actor="carrier", now=LATER)
    inspections.inspect_line(shop, rma_number, SHIRTS, 1, "B", actor=AGENT, now=LATER)
    view = inspections.inspect_line(
        shop, rma_number, SHIRTS, 1, "C", actor=AGENT, now=LATER, reason="Torn"
    )
    assert (view.status, view.inspected_at) == ("inspected", LATER)
    assert (view.lines[0].accepted, view.lines[0].rejected) == (2, 1)
    assert view.lines[0].rejection_reasons == ("Torn",)
    # Only the unit that is as new is on the shelf again.
    assert stock_of(shop, "shirt-M") == (6, 0)
    assert commands(shop, "return").count(("inspect_line", AGENT)) == 3
    with pytest.raises(NotAllowed):
        inspections.inspect_line(shop, rma_number, SHIRTS, 1, "A", actor=AGENT, now=LATER)


def test_one_item_for_money_and_for_exchange_is_inspected_as_one(shop):
    lines = (
        RequestedLine(SHIRTS, 1, "too_small", "exchange", new_sku="shirt-L"),
        RequestedLine(SHIRTS, 1, "style", "refund"),
    )
    rma_number = arrived(shop, ReturnRequest("LL-2", lines, "original", "k")).rma_number
    view = inspections.inspect_line(shop, rma_number, SHIRTS, 2, "A", actor=AGENT, now=NOW)
    assert (view.status, [line.accepted for line in view.lines]) == ("inspected", [1, 1])
    assert view.exchange.status == "accepted"


def test_the_part_of_an_item_that_is_exchanged_can_be_decided_by_itself(shop):
    lines = (
        RequestedLine(SHIRTS, 1, "too_small", "exchange", new_sku="shirt-L"),
        RequestedLine(SHIRTS, 1, "style", "refund"),
    )
    rma_number = arrived(shop, ReturnRequest("LL-2", lines, "original", "k")).rma_number
    inspections.inspect_line(
        shop, rma_number, SHIRTS, 1, "C", actor=AGENT, now=NOW, reason="Worn", outcome="exchange"
    )
    view = inspections.inspect_line(shop, rma_number, SHIRTS, 1, "A", actor=AGENT, now=NOW)
    assert {line.outcome: line.accepted for line in view.lines} == {"exchange": 0, "refund": 1}
    assert view.exchange.status == "released"


@pytest.mark.parametrize("photo_id", ["../../etc/passwd", "", "A" * 32])
def test_a_photo_of_the_inspection_is_named_by_its_id(shop, photo_id):
    rma_number = arrived(shop).rma_number
    with pytest.raises(ServiceError) as refused:
        inspections.inspect_line(
            shop, rma_number, SHIRTS, 1, "A", actor=AGENT, now=NOW, photo_ids=(photo_id,)
        )
    assert refused.value.code == "PHOTO_UNKNOWN"
    assert units(shop) == {"held": 2}


def test_an_expired_return_is_taken_up_again_within_its_window(shop):
    """F39."""
    rma_number = expired(shop, exchange_request())
    assert (live_units(shop), stock_of(shop, "sneakers-43")) == (0, (1, 0))
    moment = NOW + timedelta(days=16)
    view = reopening.reopen(shop, rma_number, actor="shopper", now=moment)
    assert (view.status, view.closed_at) == ("approved", None)
    assert view.ship_by > moment + timedelta(days=13)
    assert (live_units(shop), stock_of(shop, "sneakers-43")) == (1, (1, 1))
    assert view.exchange.status == "held"
    with shop.read() as session:
        reservation = session.scalars(select(Reservation)).one()
        assert (reservation.state, reservation.expires_at >= view.ship_by) == ("held", True)
    done = inspected(shop, rma_number, SHOES, (1, "A"))
    sent = exchanges.ship(shop, done.exchange.number, "T-1", actor=AGENT, now=moment)
    assert (sent.status, stock_of(shop, "sneakers-43")) == ("closed", (0, 0))


def test_after_its_window_an_expired_return_stays_expired(shop):
    rma_number = expired(shop)
    before = everything(shop)
    with pytest.raises(NotAllowed) as refused:
        reopening.reopen(shop, rma_number, actor="shopper", now=NOW + timedelta(days=60))
    assert [each.code for each in refused.value.facts["findings"] if each.severity == "block"] == [
        "WINDOW_EXPIRED"
    ]
    assert (everything(shop), live_units(shop)) == (before, 0)


def test_an_expired_return_whose_units_went_elsewhere_stays_expired(shop):
    rma_number = expired(shop, return_request(3))
    create(shop, return_request(1, key="other"), now=NOW + timedelta(days=15))
    with pytest.raises(NotAllowed):
        reopening.reopen(shop, rma_number, actor="shopper", now=NOW + timedelta(days=15))
    assert (status_of(shop, rma_number), live_units(shop)) == ("expired", 1)


def test_an_expired_exchange_whose_replacement_is_sold_out_stays_expired(shop):
    """F20: all or nothing; the units are not held for a replacement that is not there."""
    rma_number = expired(shop, exchange_request())
    with shop.write() as session:
        variant = (
            session.scalars(select(Order).where(Order.number == "LL-1")).one().lines[0].variant
        )
        other = next(each for each in variant.product.variants if each.sku == "sneakers-43")
        other.stock.on_hand = 0
    with pytest.raises(Conflict) as refused:
        reopening.reopen(shop, rma_number, actor="shopper", now=NOW + timedelta(days=15))
    assert refused.value.code == "OUT_OF_STOCK"
    assert (status_of(shop, rma_number), live_units(shop)) == ("expired", 0)


def test_a_cancelled_return_holds_nothing_and_its_label_is_taken_back(shop):
    """F30: cancelling takes the label back by itself."""
    view = create(shop)
    with shop.write() as session:
        row = session.scalars(select(Return)).one()
        row.parcels.append(
            InboundParcel(
                carrier="c", tracking_number="t", status="announced", carrier_reference="ref"
            )
        )
    return_moves.cancel(shop, view.rma_number, actor="shopper", now=NOW)
    assert live_units(shop) == 0
    assert count(shop, InboundParcel.status == "voided", of=InboundParcel) == 1
    assert count(shop, OutboxJob.kind == "void_label", of=OutboxJob) == 1
