"""Statutory withdrawals: stored and acknowledged before anything else, then the return, then the money."""

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import select

from returnsdesk.db.models import (
    Notification,
    Order,
    OrderLine,
    OrderUnit,
    Return,
    UnitClaim,
    Withdrawal,
)
from returnsdesk.domain.money import split_evenly
from returnsdesk.services import (
    notices,
    policies,
    refunds,
    reopening,
    return_moves,
    withdrawal_returns,
    withdrawals,
)
from returnsdesk.services.errors import NotAllowed, NotFound, ServiceError
from returnsdesk.services.withdrawals import Declaration
from tests.services.documents import (
    AGENT,
    SHIRTS,
    at_once,
    claim_request,
    commands,
    conversation,
    count,
    create,
    everything,
    find_return,
    in_transit,
    inspected,
    live_units,
    not_sent,
    open_cases,
    open_claim,
    order_id,
    return_request,
    units,
)
from tests.services.documents import notices as mails
from tests.services.shop import DELIVERED, NOW

LATER = NOW + timedelta(days=1)
WORDS = "I withdraw from my contract."


def declaration(shop, order="LL-2", key="w-1", **more):
    more = {
        "words": WORDS,
        "contact": "anna@other.example",
        "order_id": order and order_id(shop, order),
        **more,
    }
    return Declaration(
        order_number_given=order or "my last one", name="Anna", language="nl", idempotency_key=key, **more
    )  # fmt: skip


def declare(shop, wanted=None, now=NOW, **more):
    more = {"actor": AGENT, "channel": "web", **more}
    return withdrawals.declare(shop, wanted or declaration(shop), now=now, **more)


def open_return(shop, number, now=NOW, **more):
    return withdrawal_returns.open_return(shop, number, actor=AGENT, now=now, **more)


def refuse(shop, number):
    return withdrawals.refuse(shop, number, "It was too late.", actor=AGENT, now=LATER)


def find(shop, number):
    with shop.read() as session:
        return withdrawals.find(session, number)


def contacts(shop):
    with shop.read() as session:
        rows = session.scalars(
            select(Notification)
            .where(Notification.document == "withdrawal")
            .order_by(Notification.id)
        )
        return [(row.channel, row.recipient, row.language) for row in rows]


def test_a_declaration_is_stored_and_acknowledged_at_once_with_its_deadlines(shop):
    """I28; Directive 2011/83/EU, art. 11(3), 13(1) and 14(1)."""
    view = declare(shop)
    assert (view.number, view.status, view.order_number) == ("WD-1001", "declared", "LL-2")
    assert (view.words, view.declared_at, view.receipt_sent_at) == (WORDS, NOW, NOW)
    # 10 June in Amsterdam, 14 days on: the last second of 24 June there.
    assert view.goods_by == datetime(2026, 6, 24, 21, 59, 59, tzinfo=timezone.utc)
    assert view.refund_due_at == datetime(2026, 6, 24, 21, 59, 59, tzinfo=timezone.utc)
    assert contacts(shop) == [("email", "anna@other.example", "nl")]
    assert mails(shop, "withdrawal") == ["withdrawal_received"]
    assert commands(shop, "withdrawal") == [("declare", AGENT)]
    assert count(shop, of=Return) == live_units(shop) == 0


def test_a_declaration_is_stored_even_if_its_receipt_fails(shop, monkeypatch):
    """I28."""

    def broken(*_args, **_more):
        raise RuntimeError("no templates")

    monkeypatch.setattr(notices, "announce_withdrawal", broken)
    view = declare(shop)
    assert (view.status, view.receipt_sent_at) == ("declared", None)
    assert open_cases(shop) == ["withdrawal_notice_failed"]
    monkeypatch.undo()
    assert declare(shop, now=LATER).receipt_sent_at == LATER
    assert (count(shop, of=Withdrawal), len(contacts(shop))) == (1, 1)


def test_a_declaration_without_an_address_is_stored_and_answered_by_a_person(shop):
    """I28: there is nobody to write to, and the declaration counts all the same."""
    number = declare(shop, declaration(shop, None, contact="")).number
    view = find(shop, number)
    assert (view.status, view.receipt_sent_at) == ("declared", None)
    assert view.refund_due_at > NOW
    assert sorted(open_cases(shop)) == ["withdrawal", "withdrawal_notice_failed"]
    assert refuse(shop, number).status == "refused"
    assert open_cases(shop) == ["withdrawal_notice_failed"]


def test_a_declaration_is_stored_even_if_the_policy_cannot_be_read(shop, monkeypatch):
    """I28."""

    def unreadable():
        raise ServiceError("POLICY_UNREADABLE", "policy.yml cannot be read")

    monkeypatch.setattr(policies, "active_policy", unreadable)
    view = declare(shop, declaration(shop, None))
    assert (view.status, view.receipt_sent_at) == ("declared", NOW)
    assert view.goods_by == datetime(2026, 6, 24, 23, 59, 59, tzinfo=timezone.utc)


def test_a_declaration_from_an_unknown_order_is_stored_for_a_person(shop):
    number = declare(shop, declaration(shop, None)).number
    assert contacts(shop) == [("email", "anna@other.example", "nl")]
    assert open_cases(shop) == ["withdrawal"]
    view = open_return(shop, number)
    assert (view.status, view.rma_number, open_cases(shop)) == ("declared", None, ["withdrawal"])
    assert open_return(shop, number) == view
    assert open_cases(shop) == ["withdrawal"]
    with pytest.raises(NotFound):
        open_return(shop, number, order_number="LL-9")
    opened = open_return(shop, number, order_number="LL-2")
    assert (opened.status, opened.order_number) == ("return_opened", "LL-2")
    assert (find_return(shop, opened.rma_number).order_number, open_cases(shop)) == ("LL-2", [])


def test_an_order_that_is_known_is_not_changed_for_another(shop):
    number = declare(shop).number
    with pytest.raises(NotAllowed) as refused:
        open_return(shop, number, order_number="LL-1")
    assert refused.value.code == "OTHER_ORDER"
    assert find(shop, number).status == "declared"


def test_an_order_that_the_shopper_has_not_proven_is_left_to_a_person(shop):
    """F37, I15: the declaration counts, and opens nothing of somebody else's order."""
    talk = conversation(shop)
    view = declare(shop, actor="shopper", conversation_id=talk)
    assert (view.status, view.order_number, view.order_number_given) == ("declared", None, "LL-2")
    assert ("web", talk, "nl") in contacts(shop)


def test_the_shopper_of_a_proven_order_withdraws_from_it(shop):
    talk = conversation(shop, "LL-2")
    view = declare(shop, actor="shopper", conversation_id=talk)
    assert view.order_number == "LL-2"
    assert sorted(channel for channel, _, _ in contacts(shop)) == ["email", "web"]


@pytest.mark.parametrize("lines", [(("LL-9-1", 1),), ((SHIRTS, 0),), ((SHIRTS, 4),)])
def test_lines_that_the_order_does_not_have_are_left_to_a_person(shop, lines):
    """Nothing is guessed, and never is a part taken for the whole."""
    view = declare(shop, declaration(shop, lines=lines))
    assert (view.status, view.order_number, view.lines) == ("declared", None, ())


def test_the_same_key_is_one_declaration(shop):
    assert declare(shop) == declare(shop, now=LATER)
    assert (count(shop, of=Withdrawal), len(contacts(shop))) == (1, 1)


def test_the_same_words_in_a_conversation_within_a_day_are_one_declaration(shop):
    talk = conversation(shop, "LL-2")
    numbers = [
        declare(shop, declaration(shop, key=key), now=now, conversation_id=talk).number
        for key, now in (
            ("w-1", NOW),
            ("w-2", NOW + timedelta(hours=23)),
            ("w-3", NOW + timedelta(hours=25)),
        )
    ]
    assert numbers == ["WD-1001", "WD-1001", "WD-1002"]


def test_other_words_in_a_conversation_are_another_declaration(shop):
    talk = conversation(shop, "LL-2")
    declare(shop, conversation_id=talk)
    other = declaration(shop, key="w-2", words="And from the shoes.")
    assert declare(shop, other, conversation_id=talk).number == "WD-1002"


def test_the_same_words_many_times_at_once_are_one_declaration(shop):
    talk = conversation(shop, "LL-2")
    outcomes = at_once(
        lambda index: declare(shop, declaration(shop, key=f"w-{index}"), conversation_id=talk), 8
    )
    assert {view.number for view in outcomes} == {"WD-1001"}
    assert count(shop, of=Withdrawal) == 1


def test_a_withdrawal_from_the_whole_order_brings_all_of_it_back(shop):
    """F46: no reason, no offer to keep it, no look by a colleague."""
    number = declare(shop).number
    for _ in range(2):
        view = open_return(shop, number)
    document = find_return(shop, view.rma_number)
    assert (document.status, document.settlement) == ("approved", "original")
    assert (document.withdrawal_number, document.ship_by) == (number, view.goods_by)
    assert [(line.quantity, line.outcome) for line in document.lines] == [(3, "refund")]
    assert (units(shop), count(shop)) == ({"held": 3}, 1)
    assert commands(shop, "withdrawal") == [("declare", AGENT), ("open_return", AGENT)]
    assert commands(shop, "return") == [("open_for_withdrawal", AGENT)]


def test_a_withdrawal_from_a_part_brings_that_part_back(shop):
    number = declare(shop, declaration(shop, lines=((SHIRTS, 1), (SHIRTS, 1)))).number
    document = find_return(shop, open_return(shop, number).rma_number)
    assert [line.quantity for line in document.lines] == [2]
    assert create(shop, return_request(1)).status == "approved"


def test_when_its_money_has_gone_back_a_withdrawal_is_refunded(shop):
    number = declare(shop).number
    rma_number = open_return(shop, number).rma_number
    inspected(shop, rma_number, SHIRTS, (3, "A"))
    parts = refunds.start(shop, rma_number, actor=AGENT, now=LATER).refunds[0].parts
    refunds.settle_part(shop, parts[0].id, "ref-0", now=LATER)
    assert find(shop, number).status == "return_opened"
    for part in parts[1:]:
        refunds.settle_part(shop, part.id, f"ref-{part.id}", now=LATER)
    assert find(shop, number).status == "refunded"
    assert commands(shop, "withdrawal")[-1][0] == "refunded"


def test_the_shops_window_and_its_sales_do_not_stand_in_the_way(shop):
    """Directive 2011/83/EU: a final sale can be withdrawn from; the shop's own rules come after the law."""
    with shop.write() as session:
        session.scalars(
            select(OrderLine).where(OrderLine.external_id == SHIRTS)
        ).one().final_sale = True
    with pytest.raises(NotAllowed):
        create(shop, return_request(1, "style"))
    assert open_return(shop, declare(shop).number).rma_number is not None


def test_the_moment_of_the_declaration_counts_however_late_the_return_is_opened(shop):
    last_moment = DELIVERED + timedelta(days=14)
    number = declare(shop, now=last_moment).number
    view = open_return(shop, number, now=last_moment + timedelta(days=5))
    document = find_return(shop, view.rma_number)
    assert document.ship_by > last_moment + timedelta(days=18)


def test_a_declaration_out_of_time_is_stored_and_waits_for_a_person(shop):
    number = declare(shop, now=DELIVERED + timedelta(days=20)).number
    assert mails(shop, "withdrawal") == ["withdrawal_received"]
    view = open_return(shop, number, now=DELIVERED + timedelta(days=20))
    assert (view.status, view.rma_number, open_cases(shop)) == ("declared", None, ["withdrawal"])
    assert live_units(shop) == 0
    for _ in range(2):
        refused = refuse(shop, number)
    assert (refused.status, refused.decision_text) == ("refused", "It was too late.")
    assert open_cases(shop) == []
    assert mails(shop, "withdrawal") == ["withdrawal_received", "withdrawal_refused"]
    with pytest.raises(NotAllowed):
        open_return(shop, number)


def test_a_refusal_needs_its_words_and_is_too_late_once_goods_are_on_their_way(shop):
    number = declare(shop).number
    with pytest.raises(ServiceError):
        withdrawals.refuse(shop, number, "", actor=AGENT, now=NOW)
    open_return(shop, number)
    with pytest.raises(NotAllowed) as refused:
        refuse(shop, number)
    assert refused.value.code == "WRONG_STATE"
    assert find(shop, number).status == "return_opened"


def test_goods_that_have_not_been_sent_wait_for_a_person(shop):
    """Withdrawing before the goods arrive is a right; what to do with the parcel is for a person."""
    not_sent(shop, "LL-2")
    view = open_return(shop, declare(shop).number)
    assert (view.status, view.rma_number, open_cases(shop)) == ("declared", None, ["withdrawal"])


def test_goods_on_their_way_wait_and_the_return_is_opened_when_they_are_there(shop):
    in_transit(shop, "LL-2", shipped_at=NOW - timedelta(days=1))
    number = declare(shop).number
    assert open_return(shop, number).rma_number is None
    assert open_cases(shop) == ["withdrawal"]
    view = open_return(shop, number, now=NOW + timedelta(days=10))
    assert (view.status, open_cases(shop)) == ("return_opened", [])


def test_what_the_law_excepts_waits_for_a_person_and_the_rest_comes_back(shop):
    with shop.write() as session:
        order = session.scalars(select(Order).where(Order.number == "LL-2")).one()
        parcel = order.lines[0].units[0].shipment
        engraved = OrderLine(
            external_id="LL-2-2", position=1, variant=order.lines[0].variant, sku="shirt-M",
            name="Shirt", options={}, quantity=1, unit_price_minor=3500, paid_minor=3500, personalised=True,
        )  # fmt: skip
        engraved.units = [
            OrderUnit(position=0, paid_minor=share, shipment=parcel)
            for share in split_evenly(3500, 1)
        ]
        order.lines.append(engraved)
    view = open_return(shop, declare(shop).number)
    document = find_return(shop, view.rma_number)
    assert [line.line_external_id for line in document.lines] == [SHIRTS]
    assert open_cases(shop) == ["withdrawal"]


def test_units_that_come_back_already_need_no_second_return(shop):
    """I1, F3: a withdrawal takes what no other document holds."""
    create(shop, return_request(1))
    open_claim(shop, claim_request(1))
    view = open_return(shop, declare(shop).number)
    assert [line.quantity for line in find_return(shop, view.rma_number).lines] == [1]
    assert (units(shop), open_cases(shop)) == ({"held": 3}, ["claim"])


def test_a_part_that_another_document_holds_waits_for_a_person(shop):
    create(shop, return_request(3))
    before = units(shop)
    view = open_return(shop, declare(shop, declaration(shop, lines=((SHIRTS, 1),))).number)
    assert (view.rma_number, open_cases(shop), units(shop)) == (None, ["withdrawal"], before)


def test_of_withdrawal_and_return_at_once_each_unit_goes_to_one(shop):
    """F1, I1."""
    number = declare(shop).number

    def ask(index):
        if index == 0:
            return open_return(shop, number)
        return create(shop, return_request(1, key=f"key-{index}"))

    at_once(ask, 8)
    assert live_units(shop) == 3
    with shop.read() as session:
        held = session.scalars(select(UnitClaim.order_unit_id)).all()
        assert len(set(held)) == len(held)


def test_a_return_opened_many_times_at_once_is_one_return(shop):
    number = declare(shop).number
    outcomes = at_once(lambda _: open_return(shop, number), 8)
    assert len({view.rma_number for view in outcomes}) == 1
    assert (count(shop), units(shop)) == (1, {"held": 3})


def test_the_goods_of_a_withdrawal_that_were_not_posted_can_still_be_sent(shop):
    rma_number = open_return(shop, declare(shop).number).rma_number
    return_moves.expire(shop, rma_number, now=NOW + timedelta(days=30))
    view = reopening.reopen(shop, rma_number, actor=AGENT, now=NOW + timedelta(days=31))
    assert (view.status, live_units(shop)) == ("approved", 3)


def test_withdrawals_whose_money_is_due_are_listed_until_it_is_back(shop):
    number = declare(shop).number
    declare(shop, declaration(shop, "LL-1", key="w-2"), now=LATER)
    with shop.read() as session:
        assert withdrawals.due_by(session, NOW + timedelta(days=13)) == []
        assert withdrawals.due_by(session, NOW + timedelta(days=15)) == [number]
    refuse(shop, number)
    with shop.read() as session:
        assert withdrawals.due_by(session, NOW + timedelta(days=15)) == []


def test_an_unknown_withdrawal_is_refused(shop):
    before = everything(shop)
    for command in (open_return, refuse):
        with pytest.raises(NotFound):
            command(shop, "WD-9")
    assert everything(shop) == before


def test_withdrawals_are_found_by_number_and_by_order(shop):
    view = declare(shop)
    with shop.read() as session:
        assert withdrawals.find(session, "wd-1001 ") == view
        assert withdrawals.of_order(session, order_id(shop, "LL-2")) == [view]
