"""Exchanges: what may be chosen, what a difference in price does, and that kept stock always finds its end."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from returnsdesk.db.models import Claim, Return
from returnsdesk.services import (
    differences,
    exchange_endings,
    exchange_setbacks,
    exchanges,
    refunds,
    reopening,
    return_moves,
    stock,
)
from returnsdesk.services.errors import Conflict, NotAllowed, NotFound, ServiceError
from returnsdesk.services.views import ReturnView
from tests.services.money import (
    SHIRTS,
    SHOES,
    Desk,
    Provider,
    accepted,
    arrive,
    claim_on_shirts,
    codes,
    create,
    exchange_of,
    find,
    free,
    inspect,
    notices_of,
    paid_back,
    reasons_of_cases,
    refunds_of,
    reservations_match_the_stock,
    set_price,
    stock_of,
    swap,
    the_claim,
    use_policy,
)
from tests.services.shop import NOW

HOUR = timedelta(hours=1)
AGENT = "agent x"


@pytest.fixture
def priced(shop):
    """Sizes are exchanged at their prices of today, and for other products as well."""
    use_policy(shop, exchange={"same_product_without_difference": False, "other_products": True})
    return shop


def ship(shop, view, now=NOW):
    return exchanges.ship(shop, view.exchange.number, "T-9", actor=AGENT, now=now)


def dearer(shop, sku="sneakers-43", more=1500):
    """An exchange for shoes that cost more today; its payment link is out."""
    set_price(shop, sku, 8995 + more)
    provider = Provider()
    desk = Desk(shop, provider)
    view = create(shop, swap(sku), order="LL-1", settlement=None)
    desk.run()
    return find(shop, view.rma_number), provider, desk


def pay(shop, view, provider, desk, now=NOW):
    provider.paid_links.add(exchange_of(shop, view.exchange.number).payment_reference)
    desk.look(now)


# What may be chosen


def test_another_size_costs_nothing_more_whatever_it_costs_today(shop):
    set_price(shop, "sneakers-43", 19995)
    view = create(shop, swap("sneakers-43"), order="LL-1", settlement=None)
    assert (view.exchange.difference_minor, view.exchange.difference_status) == (0, "none")


@pytest.mark.parametrize(
    ("sku", "code"),
    [("shirt-L", "OTHER_PRODUCT"), ("sneakers-42", "SAME_VARIANT"), ("none", "VARIANT_UNKNOWN")],
)
def test_a_replacement_that_the_rules_forbid_changes_nothing(shop, sku, code):
    with pytest.raises(ServiceError) as refused:
        create(shop, swap(sku), order="LL-1", settlement=None)
    assert refused.value.code == code
    assert refunds_of(shop) == []
    reservations_match_the_stock(shop)


def test_several_lines_are_exchanged_together_or_not_at_all(priced):
    set_price(priced, "sneakers-43", 3334)
    lines = swap("shirt-L", SHIRTS, 1), free(1)
    view = create(priced, *lines, settlement="original")
    assert stock_of(priced, "shirt-L") == (5, 1)
    assert view.exchange.difference_minor == 3500 - 3334
    with pytest.raises(Conflict):
        create(priced, swap("sneakers-44", SHIRTS, 1), key="k2", settlement=None)
    reservations_match_the_stock(priced)


def test_a_dearer_replacement_is_refused_where_the_policy_says_so(priced):
    use_policy(priced, exchange={"same_product_without_difference": False, "dearer": "refuse"})
    set_price(priced, "sneakers-43", 9995)
    with pytest.raises(NotAllowed) as refused:
        create(priced, swap("sneakers-43"), order="LL-1", settlement=None)
    assert (refused.value.code, refused.value.facts) == (
        "PRICE_DIFFERS",
        {"difference_minor": 1000},
    )
    assert stock_of(priced, "sneakers-43") == (1, 0)


# A dearer replacement


def test_a_dearer_replacement_is_sent_once_its_link_is_paid(priced):
    view, provider, desk = dearer(priced)
    assert (view.exchange.difference_status, view.exchange.difference_minor) == ("due", 1500)
    assert view.exchange.payment_url == f"https://pay.example/{view.exchange.number}-link-1"
    assert view.exchange.payment_due_at == NOW + 48 * HOUR
    assert provider.links == {f"{view.exchange.number}-link-1": 1500}
    assert notices_of(priced, "payment_due") == 1
    arrive(priced, view.rma_number)
    inspect(priced, view.rma_number, SHOES, 1)
    with pytest.raises(NotAllowed) as refused:
        ship(priced, view)
    assert refused.value.code == "DIFFERENCE_DUE"
    for _ in range(2):
        pay(priced, view, provider, desk)
    sent = ship(priced, view)
    assert (sent.status, sent.exchange.difference_status) == ("closed", "paid")
    assert refunds_of(priced) == []


def test_what_is_not_paid_in_time_is_free_for_others_and_the_shopper_chooses_again(priced):
    view, _provider, desk = dearer(priced)
    desk.look(NOW + 48 * HOUR + timedelta(minutes=14))
    assert exchange_of(priced, view.exchange.number).status == "held"
    desk.look(NOW + 48 * HOUR + timedelta(minutes=16))
    missed = exchange_of(priced, view.exchange.number)
    assert (missed.status, missed.difference_status, missed.payment_url) == (
        "choose_again",
        "none",
        None,
    )
    assert stock_of(priced, "sneakers-43") == (1, 0)
    assert notices_of(priced, "payment_missed") == 1
    with pytest.raises(NotAllowed):
        ship(priced, view)


def test_a_link_that_may_have_been_paid_is_waited_for_while_the_provider_is_away(priced):
    view, provider, desk = dearer(priced)
    provider.mood = "down"
    desk.look(NOW + 60 * HOUR)
    assert exchange_of(priced, view.exchange.number).difference_status == "due"
    provider.mood = "settled"
    pay(priced, view, provider, desk, NOW + 61 * HOUR)
    assert exchange_of(priced, view.exchange.number).difference_status == "paid"


def test_no_link_is_made_before_a_colleague_has_approved(priced):
    use_policy(
        priced,
        exchange={"same_product_without_difference": False},
        review={"above_by_currency": {"EUR": "10.00"}},
    )
    view, provider, desk = dearer(priced)
    assert (view.status, view.exchange.payment_url, provider.links) == ("requested", None, {})
    desk.look(NOW + 60 * HOUR)
    assert exchange_of(priced, view.exchange.number).difference_status == "due"
    return_moves.approve(priced, view.rma_number, actor=AGENT, now=NOW + 60 * HOUR)
    desk.look(NOW + 60 * HOUR)
    made = exchange_of(priced, view.exchange.number)
    assert made.payment_due_at == NOW + 108 * HOUR
    assert len(provider.links) == 1


def test_a_provider_that_was_away_makes_the_link_later(priced):
    set_price(priced, "sneakers-43", 9995)
    provider = Provider()
    provider.mood = "down"
    desk = Desk(priced, provider)
    view = create(priced, swap("sneakers-43"), order="LL-1", settlement=None)
    desk.run()
    provider.mood = "settled"
    desk.look(NOW + HOUR)
    assert exchange_of(priced, view.exchange.number).payment_due_at == NOW + 49 * HOUR
    assert list(provider.links) == [f"{view.exchange.number}-link-1"]


def test_what_was_paid_goes_back_by_the_link_when_the_goods_are_not_accepted(priced):
    view, provider, desk = dearer(priced)
    pay(priced, view, provider, desk)
    arrive(priced, view.rma_number)
    inspect(priced, view.rma_number, SHOES, 1, "C")
    desk.run()
    assert [row[1:] for row in refunds_of(priced)] == [("payment_link", 1500, "settled")]
    assert list(provider.paid.values()) == [(1500, f"ref-{view.exchange.number}-link-1")]
    # None of it is taken from the payments of the order.
    assert paid_back(priced, "LL-1") == [0]
    assert find(priced, view.rma_number).refunds[0].parts[0].kind == "payment_link"


@pytest.mark.parametrize("paid", ["before", "after"])
def test_what_was_paid_goes_back_when_the_return_is_cancelled(priced, paid):
    view, provider, desk = dearer(priced)
    if paid == "before":
        pay(priced, view, provider, desk)
    return_moves.cancel(priced, view.rma_number, actor="shopper", now=NOW)
    if paid == "after":
        pay(priced, view, provider, desk)
    desk.run()
    assert list(provider.paid.values()) == [(1500, f"ref-{view.exchange.number}-link-1")]
    desk.look(NOW + 60 * HOUR)
    assert len(provider.paid) == 1
    reservations_match_the_stock(priced)


def test_a_link_of_a_cancelled_return_is_forgotten_when_it_runs_out(priced):
    view, _provider, desk = dearer(priced)
    return_moves.cancel(priced, view.rma_number, actor="shopper", now=NOW)
    desk.look(NOW + 60 * HOUR)
    ended = exchange_of(priced, view.exchange.number)
    assert (ended.status, ended.difference_status) == ("released", "none")
    assert notices_of(priced, "payment_missed") == 0


def test_units_that_are_not_accepted_get_their_share_of_the_difference_back(priced):
    set_price(priced, "shirt-L", 4000)
    provider = Provider()
    desk = Desk(priced, provider)
    view = create(priced, swap("shirt-L", SHIRTS, 2), settlement=None)
    desk.run()
    # Two at 40.00 for 33.34 and 33.33.
    assert provider.links == {f"{view.exchange.number}-link-1": 8000 - 6667}
    pay(priced, view, provider, desk)
    arrive(priced, view.rma_number)
    inspect(priced, view.rma_number, SHIRTS, 1)
    inspect(priced, view.rma_number, SHIRTS, 1, "C")
    desk.run()
    assert [amount for amount, _method in provider.paid.values()] == [1333 - (4000 - 3334)]
    assert ship(priced, view).exchange.difference_minor == 4000 - 3334
    reservations_match_the_stock(priced)


def test_a_return_that_is_opened_again_asks_for_its_difference_again(priced):
    set_price(priced, "shirt-L", 4000)
    provider = Provider()
    desk = Desk(priced, provider)
    view = create(priced, swap("shirt-L", SHIRTS, 2), settlement=None)
    desk.run()
    pay(priced, view, provider, desk)
    return_moves.expire(priced, view.rma_number, now=NOW)
    desk.run()
    assert [amount for amount, _method in provider.paid.values()] == [1333]
    reopening.reopen(priced, view.rma_number, actor="shopper", now=NOW)
    desk.run()
    assert list(provider.links.values()) == [1333, 1333]
    pay(priced, view, provider, desk)
    arrive(priced, view.rma_number)
    inspect(priced, view.rma_number, SHIRTS, 1)
    inspect(priced, view.rma_number, SHIRTS, 1, "C")
    desk.run()
    assert [amount for amount, _method in provider.paid.values()] == [1333, 1333 - (4000 - 3334)]
    reservations_match_the_stock(priced)


def test_the_team_can_waive_a_difference_before_the_link_is_out(priced):
    set_price(priced, "sneakers-43", 9995)
    view = create(priced, swap("sneakers-43"), order="LL-1", settlement=None)
    waive = partial(differences.waive_difference, priced, actor=AGENT, now=NOW)
    with pytest.raises(ServiceError):
        waive(view.exchange.number, reason=" ")
    waive(view.exchange.number, reason="our mistake")
    Desk(priced, Provider()).look()
    arrive(priced, view.rma_number)
    inspect(priced, view.rma_number, SHOES, 1)
    assert ship(priced, view).exchange.difference_status == "waived"


# A cheaper replacement


@pytest.mark.parametrize("way", ["original", "store_credit"])
def test_a_cheaper_replacement_pays_the_rest_back_once_the_goods_are_accepted(priced, way):
    use_policy(priced, exchange={"same_product_without_difference": False, "cheaper": way})
    set_price(priced, "sneakers-43", 7995)
    view = create(priced, swap("sneakers-43"), order="LL-1", settlement=None)
    assert (view.exchange.difference_status, view.exchange.difference_minor) == ("owed", -1000)
    assert refunds_of(priced) == []
    arrive(priced, view.rma_number)
    inspect(priced, view.rma_number, SHOES, 1)
    provider = Provider()
    assert [row[1:3] for row in refunds_of(priced)] == [("difference", 1000)]
    assert ship(priced, view).status == "inspected"
    Desk(priced, provider).run()
    assert find(priced, view.rma_number).status == "closed"
    assert paid_back(priced, "LL-1") == [1000]
    assert len(codes(priced)) == (1 if way == "store_credit" else 0)


def test_a_cheaper_replacement_for_goods_that_are_not_accepted_pays_nothing(priced):
    set_price(priced, "sneakers-43", 7995)
    view = create(priced, swap("sneakers-43"), order="LL-1", settlement=None)
    arrive(priced, view.rma_number)
    inspect(priced, view.rma_number, SHOES, 1, "C")
    assert refunds_of(priced) == []


def test_one_dearer_and_one_cheaper_replacement_count_together(priced):
    set_price(priced, "shirt-L", 3000)
    view = create(priced, swap("shirt-L", SHIRTS, 2), free(1), settlement="original")
    assert view.exchange.difference_minor == 6000 - 6667


# Choosing again


def lose_stock(shop, sku="sneakers-43", left=0):
    return stock.correct_count(shop, sku, left, actor=AGENT, now=NOW)


def test_a_count_that_finds_less_takes_the_newest_reservations(shop):
    first = create(shop, swap("shirt-L", SHIRTS, 1), key="k1", settlement=None)
    second = create(shop, swap("shirt-L", SHIRTS, 1), key="k2", settlement=None)
    assert lose_stock(shop, "shirt-L", 1) == (second.exchange.number,)
    assert exchange_of(shop, first.exchange.number).status == "held"
    assert exchange_of(shop, second.exchange.number).status == "choose_again"
    assert stock_of(shop, "shirt-L") == (1, 1)
    assert notices_of(shop, "choose_again") == 1
    assert lose_stock(shop, "shirt-L", 1) == ()
    reservations_match_the_stock(shop)


def test_units_that_were_not_found_never_become_available_while_they_are_taken_back(
    shop, monkeypatch
):
    for index in range(3):
        create(shop, swap("shirt-L", SHIRTS, 1), key=f"k{index}", settlement=None)
    seen = []
    announce = exchange_setbacks.announce

    def look(session, exchange, notice, *, now):
        item = exchange.lines[0].variant.stock
        seen.append(item.on_hand - item.reserved)
        announce(session, exchange, notice, now=now)

    monkeypatch.setattr(exchange_setbacks, "announce", look)
    lose_stock(shop, "shirt-L", 1)
    assert seen == [0, 0]
    assert stock_of(shop, "shirt-L") == (1, 1)


@pytest.mark.parametrize("counted", [0, 3, 9])
def test_a_count_without_reservations_is_just_the_count(shop, counted):
    assert lose_stock(shop, "shirt-L", counted) == ()
    assert stock_of(shop, "shirt-L") == (counted, 0)


def test_a_count_of_nothing_or_below_zero_is_refused(shop):
    with pytest.raises(NotFound):
        lose_stock(shop, "none", 1)
    with pytest.raises(ServiceError):
        lose_stock(shop, "shirt-L", -1)


def test_another_replacement_is_chosen_under_the_same_rules(shop):
    view = create(shop, swap("sneakers-43"), order="LL-1", settlement=None)
    lose_stock(shop)
    choose = partial(exchanges.choose_again, shop, view.exchange.number, actor="shopper", now=NOW)
    for sku, error in (
        ("sneakers-44", Conflict),
        ("sneakers-42", NotAllowed),
        ("shirt-L", NotAllowed),
    ):
        with pytest.raises(error):
            choose({SHOES: sku})
    with pytest.raises(ServiceError):
        choose({})
    with pytest.raises(NotFound):
        choose({"other": "sneakers-41"})
    assert choose({SHOES: "sneakers-41"}).status == "held"
    with pytest.raises(NotAllowed):
        choose({SHOES: "sneakers-42.5"})
    assert stock_of(shop, "sneakers-41") == (4, 1)
    arrive(shop, view.rma_number)
    inspect(shop, view.rma_number, SHOES, 1)
    assert ship(shop, view).status == "closed"
    reservations_match_the_stock(shop)


def test_stock_lost_after_the_inspection_is_chosen_again_and_sent(shop):
    view = accepted(shop, swap("sneakers-43"), order="LL-1", settlement=None)
    lose_stock(shop)
    with pytest.raises(NotAllowed):
        ship(shop, view)
    assert find(shop, view.rma_number).status == "inspected"
    exchanges.choose_again(
        shop, view.exchange.number, {SHOES: "sneakers-41"}, actor="shopper", now=NOW
    )
    assert ship(shop, view).status == "closed"


def test_a_cheaper_second_choice_gives_back_what_the_link_took_too_much(priced):
    view, provider, desk = dearer(priced, more=1500)
    pay(priced, view, provider, desk)
    lose_stock(priced)
    set_price(priced, "sneakers-41", 8995 + 500)
    exchanges.choose_again(
        priced, view.exchange.number, {SHOES: "sneakers-41"}, actor="shopper", now=NOW
    )
    assert refunds_of(priced) == []
    arrive(priced, view.rma_number)
    inspect(priced, view.rma_number, SHOES, 1)
    desk.run()
    assert list(provider.paid.values()) == [(1000, f"ref-{view.exchange.number}-link-1")]
    assert ship(priced, view).status == "closed"


def test_a_dearer_second_choice_asks_for_the_rest_by_a_new_link(priced):
    view, provider, desk = dearer(priced, more=1500)
    pay(priced, view, provider, desk)
    lose_stock(priced)
    set_price(priced, "sneakers-41", 8995 + 2000)
    exchanges.choose_again(
        priced, view.exchange.number, {SHOES: "sneakers-41"}, actor="shopper", now=NOW
    )
    desk.run()
    assert provider.links[f"{view.exchange.number}-link-2"] == 500
    pay(priced, view, provider, desk)
    return_moves.cancel(priced, view.rma_number, actor="shopper", now=NOW)
    desk.run()
    assert sorted(amount for amount, _method in provider.paid.values()) == [500, 1500]


def test_many_who_choose_again_at_once_do_not_share_the_last_one(shop):
    views = [
        create(shop, swap("shirt-L", SHIRTS, 1), key=f"k{index}", settlement=None)
        for index in range(3)
    ]
    lose_stock(shop, "shirt-L", 0)
    lose_stock(shop, "shirt-L", 1)

    def choose(view):
        try:
            return exchanges.choose_again(
                shop, view.exchange.number, {SHIRTS: "shirt-L"}, actor="shopper", now=NOW
            )
        except Conflict:
            return None

    with ThreadPoolExecutor(3) as pool:
        chosen = list(pool.map(choose, views))
    assert len([each for each in chosen if each]) == 1
    assert stock_of(shop, "shirt-L") == (1, 1)
    reservations_match_the_stock(shop)


# Money instead


def test_an_exchange_becomes_a_refund_at_what_was_paid(shop):
    set_price(shop, "sneakers-42", 12995)
    view = accepted(shop, swap("sneakers-43"), order="LL-1", settlement=None)
    lose_stock(shop)
    exchange_endings.convert_to_return(
        shop, view.exchange.number, "store_credit", actor="shopper", now=NOW
    )
    started = refunds.start(shop, view.rma_number, actor=AGENT, now=NOW)
    assert (started.settlement, started.refunds[0].amount_minor) == ("store_credit", 8995)
    assert [line.outcome for line in started.lines] == ["refund"]
    with pytest.raises(NotAllowed):
        ship(shop, view)
    reservations_match_the_stock(shop)


def test_before_the_goods_are_back_it_becomes_an_ordinary_return(shop):
    view = create(shop, swap("shirt-L", SHIRTS, 1), free(1))
    exchange_endings.convert_to_return(
        shop, view.exchange.number, "original", actor="shopper", now=NOW
    )
    assert stock_of(shop, "shirt-L") == (5, 0)
    arrive(shop, view.rma_number)
    # The units of one item are one line now.
    inspect(shop, view.rma_number, SHIRTS, 2)
    assert find(shop, view.rma_number).exchange.status == "released"
    assert (
        refunds.start(shop, view.rma_number, actor=AGENT, now=NOW).refunds[0].amount_minor == 6667
    )


def test_a_difference_that_went_back_already_is_not_paid_again(priced):
    set_price(priced, "shirt-L", 3000)
    view = create(priced, swap("shirt-L", SHIRTS, 1), settlement=None)
    arrive(priced, view.rma_number)
    inspect(priced, view.rma_number, SHIRTS, 1)
    assert [row[1:3] for row in refunds_of(priced)] == [("difference", 334)]
    exchange_endings.convert_to_return(
        priced, view.exchange.number, "original", actor="shopper", now=NOW
    )
    refunds.start(priced, view.rma_number, actor=AGENT, now=NOW)
    assert [row[1:3] for row in refunds_of(priced)] == [("difference", 334), ("items", 3000)]


def test_what_was_sent_cannot_become_money(shop):
    view = accepted(shop, swap("sneakers-43"), order="LL-1", settlement=None)
    ship(shop, view)
    with pytest.raises(NotAllowed):
        exchange_endings.convert_to_return(
            shop, view.exchange.number, "original", actor="shopper", now=NOW
        )
    with pytest.raises(ServiceError):
        exchange_endings.convert_to_return(
            shop, view.exchange.number, "cash", actor="shopper", now=NOW
        )


# Time


def test_stock_is_kept_no_longer_than_the_policy_says_unless_the_parcel_is_on_its_way(shop):
    late = create(shop, swap("shirt-L", SHIRTS, 1), key="k1", settlement=None)
    posted = create(shop, swap("shirt-L", SHIRTS, 1), key="k2", settlement=None)
    return_moves.record_scan(shop, posted.rma_number, actor="carrier", now=NOW + timedelta(days=10))
    assert exchange_endings.release_expired(shop, now=NOW + timedelta(days=13)) == []
    over = NOW + timedelta(days=25)
    assert exchange_endings.release_expired(shop, now=over) == [late.exchange.number]
    assert exchange_endings.release_expired(shop, now=over) == []
    assert exchange_of(shop, late.exchange.number).status == "choose_again"
    assert exchange_of(shop, posted.exchange.number).status == "held"
    assert stock_of(shop, "shirt-L") == (5, 1)


def test_a_replacement_is_delivered_once_and_not_before_it_was_sent(shop):
    view = accepted(shop, swap("sneakers-43"), order="LL-1", settlement=None)
    with pytest.raises(NotAllowed):
        exchanges.deliver(shop, view.exchange.number, actor="carrier", now=NOW)
    ship(shop, view)
    for hours in (1, 2):
        delivered = exchanges.deliver(
            shop, view.exchange.number, actor="carrier", now=NOW + hours * HOUR
        )
    assert (delivered.status, delivered.delivered_at) == ("delivered", NOW + HOUR)
    assert ship(shop, view).exchange.status == "delivered"
    assert notices_of(shop, "exchange_shipped") == 1


# Claims


def test_a_claim_is_replaced_like_for_like_and_resolved_when_it_is_sent(shop):
    claim_id = claim_on_shirts(shop, 2, "replacement")
    with the_claim(shop, claim_id) as (session, claim):
        for _ in range(2):
            exchange = exchanges.add_for_claim(
                session, claim, {SHIRTS: "shirt-M"}, actor=AGENT, now=NOW
            )
        assert exchange.status == "accepted"
        number = exchange.number
    assert stock_of(shop, "shirt-M") == (5, 2)
    # It is owed: time does not take it away.
    assert exchange_endings.release_expired(shop, now=NOW + timedelta(days=90)) == []
    for _ in range(2):
        sent = exchanges.ship_for_claim(shop, number, "T-1", actor=AGENT, now=NOW)
    assert sent.status == "shipped"
    assert stock_of(shop, "shirt-M") == (3, 0)
    with the_claim(shop, claim_id) as (_session, claim):
        assert claim.status == "resolved"


def test_what_was_replaced_is_not_paid_back_as_well(shop):
    claim_id = claim_on_shirts(shop, 1, "both")
    with the_claim(shop, claim_id) as (session, claim):
        exchanges.add_for_claim(session, claim, {SHIRTS: "shirt-M"}, actor=AGENT, now=NOW)
        with pytest.raises(NotAllowed):
            refunds.start_for_claim(session, claim, actor=AGENT, now=NOW)


def test_what_was_paid_back_is_not_replaced_as_well(shop):
    claim_id = claim_on_shirts(shop, 1)
    with the_claim(shop, claim_id) as (session, claim):
        refunds.start_for_claim(session, claim, actor=AGENT, now=NOW)
    with (
        pytest.raises(NotAllowed, match="paid back"),
        the_claim(shop, claim_id) as (session, claim),
    ):
        exchanges.add_for_claim(session, claim, {SHIRTS: "shirt-M"}, actor=AGENT, now=NOW)
    reservations_match_the_stock(shop)


def test_a_replacement_of_a_claim_that_is_sold_out_changes_nothing(shop):
    lose_stock(shop, "shirt-L", 0)
    claim_id = claim_on_shirts(shop, 1, "replacement")
    with pytest.raises(Conflict), the_claim(shop, claim_id) as (session, claim):
        exchanges.add_for_claim(session, claim, {SHIRTS: "shirt-L"}, actor=AGENT, now=NOW)
    with shop.read() as session:
        assert session.get(Claim, claim_id).exchange is None


def test_a_replacement_of_a_claim_that_got_lost_becomes_money(shop):
    claim_id = claim_on_shirts(shop, 1, "replacement")
    with the_claim(shop, claim_id) as (session, claim):
        number = exchanges.add_for_claim(
            session, claim, {SHIRTS: "shirt-L"}, actor=AGENT, now=NOW
        ).number
    lose_stock(shop, "shirt-L", 0)
    assert exchange_of(shop, number).status == "choose_again"
    exchange_endings.convert_to_return(shop, number, "original", actor=AGENT, now=NOW)
    Desk(shop, Provider()).run()
    assert [row[1:] for row in refunds_of(shop)] == [("claim", 3333, "settled")]
    with the_claim(shop, claim_id) as (_session, claim):
        assert claim.status == "resolved"


# Everything together


@pytest.mark.parametrize("seed", range(6))
def test_no_history_leaves_stock_kept_for_nobody(priced, seed):
    chance = random.Random(seed)
    for sku in ("shirt-L", "sneakers-41", "sneakers-43"):
        set_price(priced, sku, chance.choice([3000, 3334, 4500]))
    provider = Provider()
    desk = Desk(priced, provider)
    views: list[ReturnView] = []
    for step in range(25):
        now = NOW + step * timedelta(hours=9)
        with suppress(ServiceError):
            views = _one_step(priced, chance, views, provider, desk, now)
        reservations_match_the_stock(priced)
    for view in views:
        _end(priced, view)
    reservations_match_the_stock(priced)
    desk.look(NOW + timedelta(days=12))
    with priced.read() as session:
        for document in session.scalars(select(Return)):
            assert document.exchange is None or document.exchange.status in ("released", "shipped")
    assert all(back <= 10000 for back in paid_back(priced))
    assert "refund_capped" not in reasons_of_cases(priced)


def _end(shop, view):
    with suppress(ServiceError):
        return_moves.cancel(shop, view.rma_number, actor="x", now=NOW)
    with suppress(ServiceError):
        exchange_endings.convert_to_return(
            shop, view.exchange.number, "original", actor="x", now=NOW
        )


def _one_step(shop, chance, views, provider, desk, now):
    sku = chance.choice(["shirt-L", "sneakers-41", "sneakers-43"])
    if not views or chance.random() < 0.2:
        lines = swap(sku, SHIRTS, chance.choice([1, 1, 2]))
        made = create(shop, lines, key=f"k{len(views)}-{now}", settlement=None, now=now)
        desk.run(now)
        return [*views, made]
    view = chance.choice(views)
    rma_number, number = view.rma_number, view.exchange.number
    steps = [
        lambda: arrive(shop, rma_number, now),
        lambda: inspect(shop, rma_number, SHIRTS, 1, chance.choice("AAC"), now),
        lambda: exchanges.ship(shop, number, "T", actor="x", now=now),
        lambda: return_moves.cancel(shop, rma_number, actor="x", now=now),
        lambda: exchanges.choose_again(shop, number, {SHIRTS: sku}, actor="x", now=now),
        lambda: pay(shop, view, provider, desk, now),
        lambda: exchange_endings.convert_to_return(shop, number, "original", actor="x", now=now),
        lambda: stock.correct_count(shop, sku, chance.randint(0, 4), actor="x", now=now),
    ]
    chance.choice(steps)()
    return views
