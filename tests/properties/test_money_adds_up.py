"""What is paid back is what was paid, to the cent, and what was promised: on random shops."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from returnsdesk.db.models import (
    Draft,
    DraftLine,
    Order,
    OrderLine,
    Payment,
    Variant,
)
from returnsdesk.services import (
    drafts,
    exchange_endings,
    exchanges,
    refunds,
    returns,
    withdrawal_returns,
    withdrawals,
)
from returnsdesk.services.errors import NotAllowed
from returnsdesk.services.returns import RequestedLine
from returnsdesk.services.views import ReturnView
from returnsdesk.services.withdrawals import Declaration
from tests.properties.profiles import PROFILE
from tests.properties.random_shops import (
    AGENT,
    CONVERSATION,
    START,
    ShopPlan,
)
from tests.properties.single_shop import (
    ALL_DELIVERED,
    FREE_OF_CHARGE,
    ask,
    comes_back,
    opened,
)
from tests.properties.small_database import SmallDatabase


@PROFILE
@given(plan=ALL_DELIVERED, new_price=st.integers(0, 99_999))
def test_i14_what_was_exchanged_is_worth_what_was_paid_whatever_it_costs_now(
    empty_shop: Path, plan: ShopPlan, new_price: int
) -> None:
    plan = dataclasses.replace(plan, same_price_swap=True, stock=((9,) * 3,) * 2)
    with opened(empty_shop, plan) as shop:
        bought = plan.orders[0].lines[0]
        other = f"product{bought.product}-{'SML'[(bought.size + 1) % 3]}"
        quantity = len(bought.parcels)
        view = ask(shop, [RequestedLine("LL-0-0", quantity, "too_small", "exchange", other)])
        comes_back(shop, view)
        with shop.database.write() as session:
            session.execute(update(Variant).values(price_minor=new_price))
        exchange_endings.convert_to_return(
            shop.database, view.exchange.number, "original", actor="shopper", now=START
        )
        with shop.database.read() as session:
            before = returns.find(session, view.rma_number)
            paid = session.scalars(
                select(OrderLine.paid_minor).where(OrderLine.external_id == "LL-0-0")
            ).one()
        given_back = sum(refund.amount_minor for refund in before.refunds)
        if paid:
            refunds.start(shop.database, view.rma_number, actor=AGENT, now=START)
            given_back = shop.values("SELECT sum(amount_minor) FROM refunds")[0]
        assert given_back == paid


@PROFILE
@given(plan=ALL_DELIVERED)
def test_i14_what_a_replacement_stands_for_is_never_paid_back_as_well(
    empty_shop: Path, plan: ShopPlan
) -> None:
    plan = dataclasses.replace(plan, same_price_swap=True, stock=((9,) * 3,) * 2)
    with opened(empty_shop, plan) as shop:
        bought = plan.orders[0].lines[0]
        other = f"product{bought.product}-{'SML'[(bought.size + 1) % 3]}"
        quantity = len(bought.parcels)
        view = ask(shop, [RequestedLine("LL-0-0", quantity, "too_small", "exchange", other)])
        comes_back(shop, view)
        exchanges.ship(shop.database, view.exchange.number, "OUT", actor=AGENT, now=START)
        with pytest.raises(NotAllowed):
            ask(shop, [RequestedLine("LL-0-0", 1, FREE_OF_CHARGE, "refund")], key="again")
        assert shop.values("SELECT id FROM refunds") == []


@PROFILE
@given(plan=ALL_DELIVERED, pieces=st.data())
def test_i29_a_summary_says_what_the_record_says_now(
    empty_shop: Path, plan: ShopPlan, pieces: st.DataObject
) -> None:
    quantity = pieces.draw(st.integers(1, len(plan.orders[0].lines[0].parcels)))
    with opened(empty_shop, plan) as shop:
        with shop.database.write() as session:
            order = session.scalars(select(Order).where(Order.number == "LL-0")).one()
            draft = Draft(
                conversation_id=CONVERSATION, state="open", wish={}, order_id=order.id, settlement="original",
                created_at=START, updated_at=START,
            )  # fmt: skip
            draft.lines = [
                DraftLine(
                    order_line_id=order.lines[0].id,
                    quantity=quantity,
                    reason="style",
                    outcome="refund",
                )
            ]
            session.add(draft)
            session.flush()
            summary = drafts.summary_of(session, draft, "en", START)
            draft.summary_token = summary.token
        view = drafts.submit(shop.database, CONVERSATION, summary.token, now=START)
        comes_back(shop, view)
        if summary.refund_minor + summary.fee_minor:
            refunds.start(shop.database, view.rma_number, actor=AGENT, now=START)
        # What was promised before the yes is what was paid.
        assert (
            shop.values("SELECT sum(amount_minor) FROM refunds")[0] or 0
        ) == summary.refund_minor


@PROFILE
@given(plan=ALL_DELIVERED, shuffled=st.randoms(use_true_random=False))
def test_i30_refunds_in_any_pieces_add_up_to_the_order_to_the_cent(
    empty_shop: Path, plan: ShopPlan, shuffled: Any
) -> None:
    with opened(empty_shop, plan) as shop:
        pieces = [
            (position, 1)
            for position, line in enumerate(plan.orders[0].lines)
            for _ in line.parcels
        ]
        shuffled.shuffle(pieces)
        while pieces:
            size = shuffled.randint(1, len(pieces))
            part, pieces = pieces[:size], pieces[size:]
            wanted = [
                RequestedLine(f"LL-0-{position}", quantity, FREE_OF_CHARGE, "refund")
                for position, quantity in part
            ]
            view = ask(shop, wanted, key=f"key-{len(pieces)}")
            comes_back(shop, view)
            _refund_and_settle(shop, view)
        with shop.database.read() as session:
            order = session.scalars(select(Order).where(Order.number == "LL-0")).one()
            given_back = sum(payment.refunded_minor for payment in order.payments)
            assert given_back == sum(line.paid_minor for line in order.lines)
            captured = sum(payment.captured_minor for payment in order.payments)
            assert captured - given_back == order.shipping_paid_minor


def _refund_and_settle(shop: SmallDatabase, view: ReturnView) -> None:
    with shop.database.read() as session:
        is_open = returns.find(session, view.rma_number).status != "closed"
    if is_open:
        started = refunds.start(shop.database, view.rma_number, actor=AGENT, now=START)
        for refund in started.refunds:
            for part in refund.parts:
                refunds.settle_part(shop.database, part.id, "reference", now=START)
    with shop.database.read() as session:
        assert returns.find(session, view.rma_number).status == "closed"


@PROFILE
@given(plan=ALL_DELIVERED)
def test_i30_a_withdrawal_from_everything_gives_back_the_whole_order(
    empty_shop: Path, plan: ShopPlan
) -> None:
    with opened(empty_shop, dataclasses.replace(plan, tier="gold")) as shop:
        declaration = Declaration("LL-0", 1, "Noor", "noor@mail.example", "I withdraw", "nl", "key")
        declared = withdrawals.declare(
            shop.database, declaration, actor="shopper", channel="web", now=START, conversation_id=CONVERSATION
        )  # fmt: skip
        opened_view = withdrawal_returns.open_return(
            shop.database, declared.number, actor="shopper", now=START
        )
        with shop.database.read() as session:
            view = returns.find(session, opened_view.rma_number)
        comes_back(shop, view)
        with shop.database.read() as session:
            is_open = returns.find(session, view.rma_number).status == "inspected"
        if is_open:
            refunds.start(shop.database, view.rma_number, actor=AGENT, now=START)
        with shop.database.read() as session:
            payments = session.scalars(
                select(Payment).join(Order).where(Order.number == "LL-0")
            ).all()
            assert all(each.refunded_minor == each.captured_minor for each in payments)
