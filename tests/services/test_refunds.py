"""Refunds: how much goes back, by which way, and that every part of it is paid once whatever happens."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from returnsdesk.db.models import Order, Payment, RefundPart, Return, Withdrawal, WithdrawalLine
from returnsdesk.services import claim_closing, exchange_endings, exchanges, refund_parts, refunds
from returnsdesk.services.errors import NotAllowed, NotFound, ServiceError
from returnsdesk.services.returns import RequestedLine
from tests.services.money import (
    SHIRTS,
    Desk,
    Provider,
    accepted,
    arrive,
    claim_on_shirts,
    codes,
    create,
    find,
    free,
    inspect,
    jobs_waiting,
    notices_of,
    paid_back,
    reasons_of_cases,
    refunds_of,
    the_claim,
    use_policy,
)
from tests.services.shop import NOW


def start(shop, view, now=NOW):
    return refunds.start(shop, view.rma_number, actor="agent x", now=now)


def withdraw(shop, view, delivery_minor, *, from_part=False):
    """Make a return one that follows a withdrawal, of an order whose delivery was paid by card."""
    with shop.write() as session:
        document = session.scalars(select(Return).where(Return.rma_number == view.rma_number)).one()
        order = document.order
        order.shipping_paid_minor = delivery_minor
        order.payments[0].captured_minor += delivery_minor
        document.withdrawal = Withdrawal(
            number="W-1", order=order, created_by="shopper", channel="web", language="en", words="I withdraw",
            status="return_opened", declared_at=NOW, idempotency_key="w-1",
            lines=[WithdrawalLine(order_line=order.lines[0], quantity=2)] if from_part else [],
        )  # fmt: skip


# How much


def test_a_withdrawal_from_the_whole_order_pays_delivery_back(shop):
    view = accepted(shop, free(3))
    withdraw(shop, view, 495)
    refund = start(shop, view).refunds[0]
    assert refund.amount_minor == 10000 + 495
    assert refund.breakdown == {"items_minor": 10000, "fee_minor": 0, "shipping_minor": 495}


def test_a_withdrawal_pays_no_more_of_the_delivery_than_the_standard_one_costs(shop):
    use_policy(shop, refund={"standard_delivery_by_currency": {"EUR": "4.95"}})
    view = accepted(shop, free(3))
    withdraw(shop, view, 1495)
    assert start(shop, view).refunds[0].breakdown["shipping_minor"] == 495


def test_a_withdrawal_from_a_part_keeps_the_delivery(shop):
    view = accepted(shop, free(2))
    withdraw(shop, view, 495, from_part=True)
    assert start(shop, view).refunds[0].amount_minor == 3334 + 3333


def test_a_return_of_everything_keeps_the_delivery_unless_it_was_a_withdrawal(shop):
    view = accepted(shop, free(3))
    with shop.write() as session:
        session.execute(update(Order).values(shipping_paid_minor=495))
        session.execute(update(Payment).values(captured_minor=Payment.captured_minor + 495))
    assert start(shop, view).refunds[0].amount_minor == 10000


def test_a_fee_never_makes_a_refund_negative(shop):
    use_policy(shop, fees={"return_by_currency": {"EUR": "500.00"}})
    view = accepted(shop, RequestedLine(SHIRTS, 1, "style", "refund"))
    started = start(shop, view)
    assert started.refunds[0].amount_minor == 0
    assert started.refunds[0].breakdown["fee_minor"] == 3334
    assert started.status == "closed"


@pytest.mark.parametrize(
    ("order", "parts"),
    [
        ("proportional", [("credit_card", 4667), ("gift_card", 2000)]),
        ("credit_first", [("credit_card", 3667), ("gift_card", 3000)]),
        ("credit_last", [("credit_card", 6667)]),
    ],
)
def test_the_policy_says_which_payment_takes_back_first(shop, order, parts):
    use_policy(shop, refund={"order": order})
    refund = start(shop, accepted(shop, free(2))).refunds[0]
    assert [(part.kind, part.amount_minor) for part in refund.parts] == parts


def test_no_more_goes_back_than_is_left_of_the_payments_and_a_person_is_told(shop):
    view = accepted(shop, free(3))
    with shop.write() as session:
        session.execute(update(Payment).values(refunded_minor=Payment.captured_minor))
        card = session.scalars(select(Payment).where(Payment.kind == "credit_card")).all()[-1]
        card.refunded_minor = 2000
    refund = start(shop, view).refunds[0]
    assert [(part.kind, part.amount_minor) for part in refund.parts] == [("credit_card", 5000)]
    assert paid_back(shop) == [7000, 3000]
    assert reasons_of_cases(shop) == ["refund_capped"]


def test_a_line_is_never_paid_back_twice_across_documents(shop):
    with the_claim(shop, claim_on_shirts(shop)) as (session, claim):
        refunds.start_for_claim(session, claim, actor="agent x", now=NOW)
        # The claim is over and its unit free again, though its money has gone back.
        claim.lines[0].unit_claims[0].state = "released"
    view = accepted(shop, free(3))
    with shop.write() as session:
        # More was paid, for delivery: what is left of the payments is no reason here.
        session.execute(update(Payment).values(captured_minor=Payment.captured_minor + 5000))
    assert start(shop, view).refunds[0].amount_minor == 10000 - 3333
    assert sum(paid_back(shop)) == 10000
    assert reasons_of_cases(shop) == []


# Several refunds of one return


def test_units_accepted_later_get_a_second_refund_and_nothing_new_gets_none(shop):
    view = accepted(shop, free(1), free(1, "exchange", "shirt-L"))
    first = start(shop, view)
    assert [refund.amount_minor for refund in first.refunds] == [3334]
    exchange_endings.convert_to_return(
        shop, view.exchange.number, "original", actor="shopper", now=NOW
    )
    second = start(shop, view)
    assert [refund.amount_minor for refund in second.refunds] == [3334, 3333]
    assert start(shop, view).refunds == second.refunds
    assert [key for key, *_rest in refunds_of(shop)] == [
        f"{view.rma_number}-1",
        f"{view.rma_number}-2",
    ]
    assert second.status == "refund_pending"
    Desk(shop, Provider()).run()
    assert find(shop, view.rma_number).status == "closed"


def test_the_fee_is_kept_once(shop):
    use_policy(shop, fees={"waived_for_outcomes": []})
    refund = RequestedLine(SHIRTS, 1, "style", "refund")
    view = accepted(shop, refund, RequestedLine(SHIRTS, 1, "style", "exchange", "shirt-L"))
    start(shop, view)
    exchange_endings.convert_to_return(
        shop, view.exchange.number, "original", actor="shopper", now=NOW
    )
    refunded = start(shop, view).refunds
    assert [refund.breakdown["fee_minor"] for refund in refunded] == [295, 0]


def test_a_return_with_money_still_owed_does_not_close(shop):
    view = accepted(shop, free(1), free(1, "exchange", "shirt-L"))
    start(shop, view)
    Desk(shop, Provider()).run()
    assert find(shop, view.rma_number).status == "refund_pending"
    exchanges.ship(shop, view.exchange.number, "T-1", actor="agent x", now=NOW)
    assert find(shop, view.rma_number).status == "closed"


# Store credit


def test_store_credit_is_one_code_and_closes_the_return(shop):
    view = accepted(shop, free(2), settlement="store_credit")
    start(shop, view)
    # It needs no payment provider.
    Desk(shop, None).run()
    (credit,) = codes(shop)
    assert (credit.amount_minor, credit.currency) == (6667, "EUR")
    assert credit.expires_at == NOW + timedelta(days=730)
    closed = find(shop, view.rma_number)
    assert closed.status == "closed"
    assert [part.credit_code for part in closed.refunds[0].parts] == [credit.code]
    assert sum(paid_back(shop)) == 6667


def test_credit_reported_twice_is_one_code(shop):
    view = accepted(shop, free(2), settlement="store_credit")
    (part,) = start(shop, view).refunds[0].parts
    for _ in range(2):
        refunds.settle_part(shop, part.id, None, now=NOW)
    assert len(codes(shop)) == 1


def test_a_bonus_is_a_coupon_on_top_that_counts_for_nothing(shop):
    use_policy(shop, refund={"credit_bonus_percent": 10})
    view = accepted(shop, free(3), settlement="store_credit")
    start(shop, view)
    Desk(shop, None).run()
    assert [coupon.amount_minor for coupon in codes(shop, "coupon")] == [1000]
    assert [credit.amount_minor for credit in codes(shop)] == [10000]
    assert sum(paid_back(shop)) == 10000


# What becomes of the parts


def test_every_part_is_paid_once_however_often_its_answer_is_lost(shop):
    provider, view = Provider(), accepted(shop, free(2))
    start(shop, view)
    provider.mood = "answer lost"
    desk = Desk(shop, provider)
    desk.run()
    assert find(shop, view.rma_number).status == "refund_pending"
    provider.mood = "settled"
    asked = provider.requests
    desk.run(NOW + timedelta(minutes=5))
    # Found by its key, not asked for again.
    assert provider.requests == asked
    assert sorted(amount for amount, _method in provider.paid.values()) == [2000, 4667]
    assert find(shop, view.rma_number).status == "closed"


def test_a_provider_that_is_down_leaves_the_part_and_opens_a_case_after_some_tries(shop):
    provider, view = Provider(), accepted(shop, free(2), key="k")
    start(shop, view)
    provider.mood = "down"
    desk = Desk(shop, provider)
    for minutes in (0, 5):
        desk.run(NOW + timedelta(minutes=minutes))
    assert reasons_of_cases(shop) == []
    desk.run(NOW + timedelta(minutes=20))
    assert reasons_of_cases(shop) == ["refund_unanswered", "refund_unanswered"]
    assert [part.status for part in find(shop, view.rma_number).refunds[0].parts] == [
        "sending",
        "sending",
    ]
    provider.mood = "settled"
    desk.run(NOW + timedelta(hours=2))
    assert find(shop, view.rma_number).status == "closed"


def test_a_part_that_is_pending_is_looked_at_until_it_is_settled(shop):
    provider, view = Provider(), accepted(shop, free(2))
    start(shop, view)
    provider.mood = "pending"
    desk = Desk(shop, provider)
    desk.run()
    assert {part.status for part in find(shop, view.rma_number).refunds[0].parts} == {"pending"}
    assert find(shop, view.rma_number).refunds[0].status == "pending"
    later = NOW
    for expected in (5, 10, 20):
        (due, *_rest) = jobs_waiting(shop, refund_parts.CHECK_REFUND_PART)
        assert due - later == timedelta(minutes=expected)
        later = due
        desk.run(later)
    assert provider.requests == 2
    assert notices_of(shop, "refunded") == 0
    provider.mood = "settled"
    desk.run(later + timedelta(hours=1))
    assert find(shop, view.rma_number).status == "closed"
    assert notices_of(shop, "refunded") == 1


def test_a_pending_part_that_bounces_fails_and_is_told(shop):
    provider, view = Provider(), accepted(shop, free(2))
    start(shop, view)
    provider.mood = "pending"
    desk = Desk(shop, provider)
    desk.run()
    provider.mood = "bounced"
    desk.run(NOW + timedelta(minutes=6))
    assert find(shop, view.rma_number).refunds[0].status == "failed"
    assert set(reasons_of_cases(shop)) == {"refund_failed"}


def test_a_refused_part_keeps_the_return_open_until_a_person_finds_another_way(shop):
    use_policy(shop, refund={"order": "credit_last"})
    provider, view = Provider(), accepted(shop, free(2))
    (part,) = start(shop, view).refunds[0].parts
    provider.mood = "refused"
    desk = Desk(shop, provider)
    desk.run()
    refused = find(shop, view.rma_number)
    assert (refused.status, refused.refunds[0].status) == ("refund_pending", "failed")
    assert refused.refunds[0].settled_at is None
    assert reasons_of_cases(shop) == ["refund_failed"]
    # It is not asked for again by itself.
    desk.run(NOW + timedelta(days=1))
    assert provider.requests == 1

    refunds.replace_failed_part(shop, part.id, settlement="store_credit", actor="agent x", now=NOW)
    desk.run(NOW + timedelta(days=1))
    closed = find(shop, view.rma_number)
    assert closed.status == "closed"
    (part,) = closed.refunds[0].parts
    assert (part.kind, part.amount_minor, part.status) == ("store_credit", 6667, "settled")
    assert part.credit_code == codes(shop)[0].code
    assert provider.paid == {}


def test_a_refused_part_can_be_asked_for_again_under_its_key(shop):
    provider, view = Provider(), accepted(shop, free(2))
    start(shop, view)
    provider.mood = "refused"
    desk = Desk(shop, provider)
    desk.run()
    provider.mood = "settled"
    for part in find(shop, view.rma_number).refunds[0].parts:
        refunds.retry_part(shop, part.id, actor="agent x", now=NOW)
    desk.run()
    assert find(shop, view.rma_number).status == "closed"
    assert set(provider.paid) == {f"{view.rma_number}-1-1", f"{view.rma_number}-1-2"}


def test_only_a_failed_part_can_be_retried_or_replaced(shop):
    (part, _other) = start(shop, accepted(shop, free(2))).refunds[0].parts
    with pytest.raises(NotAllowed):
        refunds.retry_part(shop, part.id, actor="agent x", now=NOW)
    with pytest.raises(NotAllowed):
        refunds.replace_failed_part(
            shop, part.id, settlement="store_credit", actor="agent x", now=NOW
        )
    with pytest.raises(ServiceError):
        refunds.replace_failed_part(shop, part.id, settlement="cash", actor="agent x", now=NOW)
    with pytest.raises(NotFound):
        refunds.retry_part(shop, 999, actor="agent x", now=NOW)


def test_a_settled_part_stays_settled_whatever_comes_after(shop):
    parts = start(shop, accepted(shop, free(2))).refunds[0].parts
    refunds.settle_part(shop, parts[0].id, "ref", now=NOW)
    refunds.fail_part(shop, parts[0].id, "late", now=NOW)
    refunds.mark_pending(shop, parts[0].id, "late", now=NOW)
    refunds.record_failure(shop, parts[0].id, "late", now=NOW)
    with shop.read() as session:
        part = session.get(RefundPart, parts[0].id)
        assert (part.status, part.provider_reference, part.failures) == ("settled", "ref", 0)


def test_the_shopper_hears_of_the_refund_when_its_last_part_is_paid(shop):
    parts = start(shop, accepted(shop, free(2))).refunds[0].parts
    refunds.settle_part(shop, parts[0].id, "a", now=NOW)
    assert notices_of(shop, "refunded") == 0
    refunds.settle_part(shop, parts[1].id, "b", now=NOW)
    assert notices_of(shop, "refunded") == 1


def test_without_a_provider_the_money_waits(shop):
    view = accepted(shop, free(2))
    start(shop, view)
    Desk(shop, None).run()
    assert len(jobs_waiting(shop, refunds.SEND_REFUND_PART)) == 2
    assert find(shop, view.rma_number).status == "refund_pending"


# Claims


def test_a_claim_pays_back_what_was_paid_for_its_units_and_is_resolved(shop):
    claim_id = claim_on_shirts(shop, 2)
    with the_claim(shop, claim_id) as (session, claim):
        refund = refunds.start_for_claim(session, claim, actor="agent x", now=NOW)
        assert refund.amount_minor == 6666
        assert refunds.start_for_claim(session, claim, actor="agent x", now=NOW) is refund
    assert [(key, purpose) for key, purpose, *_rest in refunds_of(shop)] == [("CL-1002-1", "claim")]
    Desk(shop, Provider()).run()
    with the_claim(shop, claim_id) as (_session, claim):
        assert (claim.status, claim.closed_at) == ("resolved", NOW)
    assert notices_of(shop, "claim_resolved") == 1


def test_two_equal_partial_refunds_of_a_claim_are_two_and_the_rest_is_the_limit(shop):
    claim_id = claim_on_shirts(shop, 1, "partial_refund_keep")
    with the_claim(shop, claim_id) as (session, claim):
        for _ in range(2):
            refunds.start_for_claim(session, claim, 1000, actor="agent x", now=NOW)
        with pytest.raises(NotAllowed) as refused:
            refunds.start_for_claim(session, claim, 9000, actor="agent x", now=NOW)
    assert (refused.value.code, refused.value.facts) == (
        "AMOUNT_EXCEEDS",
        {"available_minor": 1333},
    )
    assert [amount for _key, _purpose, amount, _status in refunds_of(shop)] == [1000, 1000]


def test_a_claim_never_pays_more_than_its_units_cost(shop):
    with the_claim(shop, claim_on_shirts(shop, 1)) as (session, claim):
        refunds.start_for_claim(session, claim, 3333, actor="agent x", now=NOW)
        with pytest.raises(NotAllowed):
            refunds.start_for_claim(session, claim, 1, actor="agent x", now=NOW)


def test_a_claim_is_not_resolved_before_anything_was_done_for_it(shop):
    with the_claim(shop, claim_on_shirts(shop)) as (session, claim):
        claim_closing.close_claim_if_done(session, claim, actor="agent x", now=NOW)
        assert claim.status == "approved"


# At the same time


def test_refunds_of_two_returns_at_once_never_take_more_than_was_paid(shop):
    views = [accepted(shop, free(1), key=f"k{index}") for index in range(3)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda view: start(shop, view), views * 2))
    assert paid_back(shop) == [7000, 3000]
    assert len(refunds_of(shop)) == 3


def test_a_part_settled_by_many_at_once_closes_the_return_once(shop):
    view = accepted(shop, free(2))
    parts = start(shop, view).refunds[0].parts
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda index: refunds.settle_part(shop, parts[index % 2].id, f"r{index}", now=NOW),
                range(8),
            )
        )
    assert find(shop, view.rma_number).status == "closed"
    assert notices_of(shop, "refunded") == 1


def test_an_inspection_in_steps_is_refunded_when_it_is_complete(shop):
    view = create(shop, free(2))
    arrive(shop, view.rma_number)
    inspect(shop, view.rma_number, SHIRTS, 1)
    with pytest.raises(NotAllowed):
        start(shop, view)
    inspect(shop, view.rma_number, SHIRTS, 1, "C")
    assert start(shop, view).refunds[0].amount_minor == 3334
