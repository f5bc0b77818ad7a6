"""Claims: what is claimed is held, a person decides, and the remedy follows once; refused commands change nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from returnsdesk.db.models import (
    Claim,
    Exchange,
    Order,
    OutboxJob,
    Payment,
    Refund,
    Return,
    Shipment,
    UnitClaim,
)
from returnsdesk.services import (
    claim_decisions,
    claims,
    exchanges,
    ledger,
    orders,
    refunds,
    reopening,
    return_moves,
    returns,
)
from returnsdesk.services.errors import Conflict, NotAllowed, NotFound, ServiceError
from returnsdesk.services.overrides import Override
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.services.documents import (
    AGENT,
    PHOTO,
    SHIRTS,
    SHOES,
    at_once,
    claim_request,
    commands,
    conversation,
    count,
    create,
    everything,
    exchange_request,
    find_return,
    in_transit,
    inspected,
    live_units,
    not_sent,
    notices,
    open_cases,
    open_claim,
    return_request,
    stock_of,
    units,
)
from tests.services.shop import NOW

LATER = NOW + timedelta(days=1)
OTHER_PHOTO = "f" * 32


def approve(shop, number, resolution="refund", **more):
    return claim_decisions.approve(shop, number, resolution, actor=AGENT, now=LATER, **more)


def deny(shop, number):
    return claim_decisions.deny(shop, number, "It was worn.", actor=AGENT, now=LATER)


def settle(shop, view):
    for refund in view.refunds:
        for part in refund.parts:
            refunds.settle_part(shop, part.id, f"ref-{part.id}", now=LATER)


def find(shop, number):
    with shop.read() as session:
        return claims.find(session, number)


def blocking(error):
    return [each.code for each in error.value.facts["findings"] if each.severity == "block"]


def test_a_claim_gets_a_number_holds_its_units_and_waits_for_a_person(shop):
    view = open_claim(shop, claim_request(2))
    assert (view.number, view.status, view.paid_minor) == ("CLM-1001", "open", 3334 + 3333)
    assert units(shop) == {"held": 2}
    assert open_cases(shop) == ["claim"]
    assert notices(shop, "claim") == ["claim_received"]
    assert commands(shop, "claim") == [("open_claim", "shopper")]
    assert count(shop, of=Refund) == count(shop, of=Return) == 0


def test_without_the_photo_that_the_policy_wants_a_claim_waits_for_it(shop):
    number = open_claim(shop, claim_request(photo_ids=())).number
    assert find(shop, number).status == "need_evidence"
    assert (notices(shop, "claim"), open_cases(shop)) == (["claim_needs_evidence"], ["claim"])
    for _ in range(2):
        view = claims.add_evidence(shop, number, PHOTO, actor="shopper", now=LATER)
    assert (view.status, view.photo_ids) == ("open", (PHOTO,))
    assert notices(shop, "claim") == ["claim_needs_evidence", "claim_received"]
    assert commands(shop, "claim")[1:] == [("add_evidence", "shopper")]


def test_what_never_arrived_needs_no_photo(shop):
    in_transit(shop, "LL-2", shipped_at=NOW - timedelta(days=9))
    assert open_claim(shop, claim_request(3, "never_arrived", photo_ids=())).status == "open"
    assert units(shop) == {"held": 3}


def test_what_never_arrived_can_be_claimed_only_after_the_policys_days(shop):
    in_transit(shop, "LL-2", shipped_at=NOW - timedelta(days=2))
    with pytest.raises(NotAllowed) as refused:
        open_claim(shop, claim_request(3, "never_arrived"))
    assert blocking(refused) == ["CLAIM_TOO_EARLY"]
    assert live_units(shop) == 0


def test_what_has_not_left_cannot_be_claimed(shop):
    """The order can be called off instead: F5."""
    not_sent(shop, "LL-2")
    with pytest.raises(NotAllowed) as refused:
        open_claim(shop, claim_request(1, "missing"))
    assert blocking(refused) == ["NOT_SHIPPED"]


def test_units_on_their_way_that_a_claim_holds_cannot_be_returned_when_they_come(shop):
    """I1: the ledger counts them for ever, whatever the carrier reports afterwards."""
    in_transit(shop, "LL-2", shipped_at=NOW - timedelta(days=9))
    open_claim(shop, claim_request(1, "never_arrived"))
    days = timedelta(days=3)
    with shop.read() as session:
        line = session.scalars(select(Claim)).one().lines[0].order_line
        facts = ledger.line_facts(session, line)
        assert (facts.claimed, facts.blocking_document, facts.blocking_state) == (
            1,
            "CLM-1001",
            "open",
        )
    with pytest.raises(NotAllowed):
        create(shop, return_request(3), now=NOW + days)
    assert create(shop, return_request(2, key="rest"), now=NOW + days).status == "approved"
    assert units(shop) == {"held": 3}


def test_a_claimed_unit_that_is_on_its_way_takes_nothing_from_those_that_arrived(shop):
    with shop.write() as session:
        order = session.scalars(select(Order).where(Order.number == "LL-2")).one()
        second = Shipment(order=order, tracking_number="T-2", shipped_at=NOW - timedelta(days=1))
        order.shipments.append(second)
        order.lines[0].units[2].shipment = second
    open_claim(
        shop, claim_request(1, "never_arrived"), actor=AGENT, override=Override("Proven lost")
    )
    assert create(shop, return_request(2)).status == "approved"
    with shop.read() as session:
        held = session.scalars(select(UnitClaim).order_by(UnitClaim.id)).all()
        assert [each.unit.position for each in held] == [2, 0, 1]


@pytest.mark.parametrize("order", ["claim first", "return first"])
def test_a_unit_is_in_a_return_an_exchange_or_a_claim_but_never_in_two(shop, order):
    """F3, I13."""
    ask = (
        lambda: open_claim(shop, claim_request(lines=((SHOES, 1),), order_number="LL-1")),
        lambda: create(shop, exchange_request()),
    )
    first, second = ask if order == "claim first" else ask[::-1]
    first()
    before = everything(shop)
    with pytest.raises(NotAllowed) as refused:
        second()
    assert blocking(refused)[0] in ("CLAIM_IN_PROGRESS", "ALREADY_RETURNED")
    assert (everything(shop), live_units(shop)) == (before, 1)


def test_what_a_shopper_has_is_shown_as_held_by_its_claim(shop):
    open_claim(shop, claim_request(lines=((SHOES, 1),), order_number="LL-1"))
    with shop.read() as session:
        line = session.scalars(select(Claim)).one().lines[0].order_line
        found = orders.item_view(session, line, "en", NOW).findings
    finding = next(each for each in found if each.code == "CLAIM_IN_PROGRESS")
    assert finding.facts["document"] == "CLM-1001"


def test_the_same_item_named_twice_counts_with_both_quantities(shop):
    """F6."""
    with pytest.raises(NotAllowed) as refused:
        open_claim(shop, claim_request(lines=((SHIRTS, 2), (SHIRTS, 2))))
    assert blocking(refused) == ["QTY_EXCEEDS"]
    assert len(open_claim(shop, claim_request(lines=((SHIRTS, 1), (SHIRTS, 1)))).lines) == 1


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (claim_request(order_number="LL-9"), NotFound),
        (claim_request(lines=((SHOES, 1),)), NotFound),
        (claim_request(lines=()), ServiceError),
        (claim_request(0), ServiceError),
        (claim_request(claim_type="ugly"), ServiceError),
        (claim_request(wanted="a present"), ServiceError),
        (claim_request(photo_ids=("../x",)), ServiceError),
        (claim_request(4), NotAllowed),
    ],
    ids=["order", "foreign line", "nothing", "no units", "type", "wish", "photo", "too many"],
)
def test_a_refused_claim_changes_nothing(shop, wanted, error):
    before = everything(shop)
    with pytest.raises(error):
        open_claim(shop, wanted)
    assert (everything(shop), count(shop, of=Claim)) == (before, 0)


def test_shoppers_can_show_only_photos_that_they_sent_themselves(shop):
    talk = conversation(shop, "LL-2")
    with pytest.raises(ServiceError) as refused:
        open_claim(shop, claim_request(photo_ids=(OTHER_PHOTO,)), conversation_id=talk)
    assert refused.value.code == "PHOTO_UNKNOWN"
    number = open_claim(shop, conversation_id=talk).number
    with pytest.raises(ServiceError):
        claims.add_evidence(
            shop, number, OTHER_PHOTO, actor="shopper", now=NOW, conversation_id=talk
        )
    assert find(shop, number).photo_ids == (PHOTO,)


def test_a_claim_belongs_to_a_conversation_that_has_proven_its_order(shop):
    """I15, F37."""
    stranger = conversation(shop, "LL-1")
    with pytest.raises(NotAllowed) as refused:
        open_claim(shop, conversation_id=stranger)
    assert refused.value.code == "NOT_VERIFIED"
    number = open_claim(shop, claim_request(photo_ids=())).number
    with pytest.raises(NotAllowed):
        claims.add_evidence(shop, number, PHOTO, actor="shopper", now=NOW, conversation_id=stranger)
    assert find(shop, number).status == "need_evidence"


def test_a_claim_asked_for_twice_is_one_claim(shop):
    assert open_claim(shop).number == open_claim(shop).number
    assert (count(shop, of=Claim), units(shop), len(open_cases(shop))) == (1, {"held": 1}, 1)


def test_a_denied_claim_says_why_and_frees_its_units_and_its_case(shop):
    number = open_claim(shop).number
    for _ in range(2):
        view = deny(shop, number)
    assert (view.status, view.decision_text, view.closed_at) == ("denied", "It was worn.", LATER)
    assert (units(shop), open_cases(shop)) == ({"released": 1}, [])
    assert notices(shop, "claim") == ["claim_received", "claim_denied"]
    assert commands(shop, "claim")[1:] == [("deny", AGENT)]
    with pytest.raises(NotAllowed):
        approve(shop, number)
    with pytest.raises(NotAllowed):
        claims.add_evidence(shop, number, OTHER_PHOTO, actor="shopper", now=LATER)
    assert create(shop, return_request(3)).status == "approved"


def test_a_denial_without_words_is_refused(shop):
    number = open_claim(shop).number
    with pytest.raises(ServiceError):
        claim_decisions.deny(shop, number, " ", actor=AGENT, now=NOW)
    assert find(shop, number).status == "open"


def test_goods_that_never_came_are_paid_for_at_once(shop):
    in_transit(shop, "LL-2", shipped_at=NOW - timedelta(days=9))
    number = open_claim(shop, claim_request(2, "never_arrived")).number
    for _ in range(2):
        view = approve(shop, number)
    assert (view.status, view.keep_item, view.rma_number) == ("approved", True, None)
    assert [refund.amount_minor for refund in view.refunds] == [3334 + 3333]
    assert (units(shop), open_cases(shop)) == ({"consumed": 2}, [])
    settle(shop, view)
    assert (find(shop, number).status, find(shop, number).closed_at) == ("resolved", LATER)
    assert {"claim_received", "claim_approved", "claim_resolved"} <= set(notices(shop, "claim"))
    assert [name for name, _ in commands(shop, "claim")] == ["open_claim", "approve", "resolve"]


def test_damaged_goods_come_back_at_no_cost_before_they_are_paid(shop):
    """The return takes the units over in the same transaction: they are never free in between."""
    number = open_claim(shop, claim_request(2)).number
    view = approve(shop, number)
    assert (view.keep_item, view.refunds) == (False, ())
    assert units(shop) == {"released": 2, "held": 2}
    back = find_return(shop, view.rma_number)
    assert (back.status, back.fee_minor, back.claim_number) == ("approved", 0, number)
    assert [(line.quantity, line.paid_minor) for line in back.lines] == [(2, 3334 + 3333)]
    assert count(shop, OutboxJob.kind == "issue_label", of=OutboxJob) == 1
    inspected(shop, back.rma_number, SHIRTS, (2, "B"))
    paid = refunds.start(shop, back.rma_number, actor=AGENT, now=LATER)
    assert paid.refunds[0].amount_minor == 3334 + 3333
    settle(shop, paid)
    assert find_return(shop, back.rma_number).status == "closed"
    assert find(shop, number).status == "resolved"


def test_a_return_of_a_claim_is_not_counted_against_the_shopper(shop):
    approve(shop, open_claim(shop).number)
    create(shop, return_request(1))
    with shop.read() as session:
        order = session.scalars(select(Claim)).one().order
        assert returns.shopper_facts(session, order, LATER).recent_returns == 1


def test_a_replacement_is_the_same_again_and_goes_out_at_once(shop):
    """F23: like for like is a claim, never an exchange."""
    request = claim_request(lines=((SHOES, 1),), order_number="LL-1", wanted="replacement")
    number = open_claim(shop, request).number
    view = approve(shop, number, "replacement", keep_item=True)
    assert (view.exchange.status, stock_of(shop, "sneakers-42")) == ("accepted", (9, 1))
    assert units(shop) == {"consumed": 1}
    exchanges.ship_for_claim(shop, view.exchange.number, "T-9", actor=AGENT, now=LATER)
    assert stock_of(shop, "sneakers-42") == (8, 0)
    assert (find(shop, number).status, find(shop, number).refunds) == ("resolved", ())


def test_a_replacement_that_is_sold_out_leaves_the_claim_open(shop):
    number = open_claim(
        shop, claim_request(lines=((SHOES, 1),), order_number="LL-1", wanted="replacement")
    ).number
    before = everything(shop)
    with pytest.raises(Conflict):
        approve(shop, number, "replacement", skus={SHOES: "sneakers-44"})
    assert (everything(shop), find(shop, number).status) == (before, "open")
    assert (units(shop), count(shop, of=Exchange)) == ({"held": 1}, 0)


def test_what_is_replaced_comes_back_without_being_paid_as_well(shop):
    """I5: replacement and money together are never more than what was paid."""
    request = claim_request(lines=((SHOES, 1),), order_number="LL-1", wanted="replacement")
    number = open_claim(shop, request).number
    view = approve(shop, number, "replacement")
    with pytest.raises(NotAllowed):
        return_moves.cancel(shop, view.rma_number, actor="shopper", now=LATER)
    exchanges.ship_for_claim(shop, view.exchange.number, "T-9", actor=AGENT, now=LATER)
    assert find(shop, number).status == "approved"
    closed = inspected(shop, view.rma_number, SHOES, (1, "B"))
    assert (closed.status, closed.refunds) == ("closed", ())
    assert find(shop, number).status == "resolved"
    with pytest.raises(NotAllowed):
        refunds.start(shop, view.rma_number, actor=AGENT, now=LATER)


def test_goods_that_were_replaced_and_never_sent_back_are_never_paid(shop):
    """F26: a person decides; nothing is charged, and the unit cannot be returned for money."""
    request = claim_request(lines=((SHOES, 1),), order_number="LL-1", wanted="replacement")
    view = approve(shop, open_claim(shop, request).number, "replacement")
    return_moves.expire(shop, view.rma_number, now=LATER + timedelta(days=30))
    assert open_cases(shop) == ["goods_not_sent_back"]
    assert live_units(shop) == 1
    line = RequestedLine(SHOES, 1, "style", "refund")
    with pytest.raises(NotAllowed):
        create(shop, ReturnRequest("LL-1", (line,), "original", "again"), now=LATER)
    with shop.read() as session:
        assert all(payment.refunded_minor == 0 for payment in session.scalars(select(Payment)))


@pytest.mark.parametrize("end", ["cancel", "expire"])
def test_goods_of_a_claim_that_do_not_come_back_are_for_a_person_and_may_still_come(shop, end):
    number = open_claim(shop).number
    rma_number = approve(shop, number).rma_number
    if end == "cancel":
        return_moves.cancel(shop, rma_number, actor="shopper", now=LATER)
    else:
        return_moves.expire(shop, rma_number, now=LATER)
        reopening.reopen(shop, rma_number, actor=AGENT, now=LATER + timedelta(days=90))
    assert open_cases(shop) == ["goods_not_sent_back"]
    assert live_units(shop) == (0 if end == "cancel" else 1)


def test_a_part_is_paid_back_and_the_goods_stay(shop):
    number = open_claim(shop, claim_request(1)).number
    view = approve(shop, number, "partial_refund_keep", amount_minor=1000)
    assert (view.keep_item, [each.amount_minor for each in view.refunds]) == (True, [1000])
    assert units(shop) == {"consumed": 1}


def test_no_more_is_paid_than_was_paid(shop):
    """I5."""
    number = open_claim(shop, claim_request(1)).number
    before = everything(shop)
    with pytest.raises(NotAllowed):
        approve(shop, number, "partial_refund_keep", amount_minor=3335)
    assert (everything(shop), find(shop, number).status, units(shop)) == (
        before,
        "open",
        {"held": 1},
    )
    assert count(shop, of=Refund) == 0


@pytest.mark.parametrize(
    ("resolution", "more", "error"),
    [
        ("gift", {}, ServiceError),
        ("partial_refund_keep", {}, ServiceError),
        ("refund", {"amount_minor": 0, "keep_item": True}, ServiceError),
        ("refund", {"amount_minor": 100}, ServiceError),
        ("refund", {"skus": {SHIRTS: "shirt-M"}}, ServiceError),
        ("replacement", {"amount_minor": 100}, ServiceError),
        ("replacement", {"skus": {"LL-9-1": "shirt-M"}}, NotFound),
        ("replacement", {"skus": {SHIRTS: "none"}}, ServiceError),
        ("both", {}, ServiceError),
        ("both", {"skus": {SHIRTS: "shirt-M"}}, ServiceError),
    ],
)
def test_a_decision_that_cannot_be_changes_nothing(shop, resolution, more, error):
    number = open_claim(shop).number
    before = everything(shop)
    with pytest.raises(error):
        approve(shop, number, resolution, **more)
    assert (everything(shop), find(shop, number).status, units(shop)) == (
        before,
        "open",
        {"held": 1},
    )


def test_another_decision_after_the_first_is_refused(shop):
    number = open_claim(shop).number
    approve(shop, number, "refund", keep_item=True)
    for command in (lambda: approve(shop, number, "replacement"), lambda: deny(shop, number)):
        with pytest.raises(NotAllowed) as refused:
            command()
        assert refused.value.code == "WRONG_STATE"
    assert find(shop, number).resolution == "refund"


def test_a_person_may_decide_without_the_photo(shop):
    number = open_claim(shop, claim_request(photo_ids=())).number
    assert approve(shop, number, "refund", keep_item=True).status == "approved"


def test_an_unknown_claim_is_refused(shop):
    with pytest.raises(NotFound):
        approve(shop, "CLM-9")
    with pytest.raises(NotFound):
        deny(shop, "CLM-9")
    with pytest.raises(NotFound):
        claims.add_evidence(shop, "CLM-9", PHOTO, actor=AGENT, now=NOW)


def test_claims_are_found_by_number_and_by_order(shop):
    view = open_claim(shop)
    with shop.read() as session:
        assert claims.find(session, " clm-1001 ") == view
        assert claims.find(session, "CLM-9") is None
        order_id = session.scalars(select(Claim)).one().order_id
        assert claims.of_order(session, order_id) == [view]


def test_of_claims_and_returns_at_once_each_unit_goes_to_one(shop):
    """F1, I1: whoever is second is refused; nothing is held twice."""

    def ask(index):
        if index % 2:
            return open_claim(shop, claim_request(1, key=f"claim-{index}"))
        return create(shop, return_request(1, key=f"return-{index}"))

    outcomes = at_once(ask, 12)
    assert len([each for each in outcomes if not isinstance(each, Exception)]) == 3
    assert all(isinstance(each, NotAllowed) for each in outcomes if isinstance(each, Exception))
    assert units(shop) == {"held": 3}


def test_a_claim_decided_many_times_at_once_is_decided_once(shop):
    number = open_claim(shop, claim_request(1)).number
    outcomes = at_once(lambda _: approve(shop, number, "refund", keep_item=True), 8)
    assert {view.status for view in outcomes} == {"approved"}
    assert (count(shop, of=Refund), units(shop)) == (1, {"consumed": 1})


def test_a_claim_approved_and_denied_at_once_is_one_of_both(shop):
    number = open_claim(shop, claim_request(1)).number

    def decide(index):
        return deny(shop, number) if index % 2 else approve(shop, number, keep_item=True)

    outcomes = at_once(decide, 8)
    statuses = {view.status for view in outcomes if not isinstance(view, Exception)}
    assert statuses == {find(shop, number).status}
    assert units(shop) == ({"released": 1} if statuses == {"denied"} else {"consumed": 1})
