"""The invariants that need no history: each tried alone, on random shops."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import event, select, update

from returnsdesk.clients.carrier import DELIVERED as HAS_ARRIVED
from returnsdesk.clients.carrier import IN_TRANSIT, LOST, CarrierReport
from returnsdesk.db.models import (
    Draft,
    DraftLine,
    Order,
    OrderLine,
    Payment,
    PolicyVersion,
    Shipment,
    Variant,
    VerifiedSession,
)
from returnsdesk.domain import windows
from returnsdesk.domain.policy import digest_of
from returnsdesk.services import (
    drafts,
    exchange_endings,
    exchanges,
    identity,
    inspections,
    labels,
    notices,
    parcels,
    policies,
    refunds,
    return_moves,
    returns,
    withdrawal_returns,
    withdrawals,
)
from returnsdesk.services.claims import ClaimRequest
from returnsdesk.services.errors import NotAllowed, ServiceError
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from returnsdesk.services.views import ReturnView
from returnsdesk.services.withdrawals import Declaration
from returnsdesk.settings import PROJECT_ROOT
from tests.properties.profiles import PROFILE
from tests.properties.random_shops import (
    AGENT,
    CONVERSATION,
    DELIVERED,
    START,
    STRANGER,
    LinePlan,
    OrderPlan,
    ShopPlan,
    put_in,
    shop_plans,
)
from tests.properties.small_database import SmallDatabase

FREE_OF_CHARGE = "not_as_described"
ALL_DELIVERED = shop_plans.map(
    lambda plan: dataclasses.replace(
        plan,
        orders=tuple(
            dataclasses.replace(
                order,
                refunded_before=0,
                lines=tuple(
                    dataclasses.replace(line, parcels=(DELIVERED,) * len(line.parcels))
                    for line in order.lines
                ),
            )
            for order in plan.orders
        ),
    )
)
ONE_SHIRT = ShopPlan(
    currency="EUR",
    orders=(OrderPlan((LinePlan(0, 0, 2999, 0, (DELIVERED,)),), 0, 0, (("credit_card", 1),), 0),),
    prices=((2999, 2999, 2999), (100, 100, 100)),
    stock=((1, 1, 1), (1, 1, 1)),
    tier="none",
    reads_texts=False,
    same_price_swap=True,
    other_products=False,
    refund_order="proportional",
    bonus_percent=0,
)


@contextmanager
def opened(empty_shop: Path, plan: ShopPlan = ONE_SHIRT) -> Iterator[SmallDatabase]:
    """A shop for one example."""
    shop = SmallDatabase(empty_shop)
    try:
        with shop.database.write() as session:
            put_in(session, plan)
        yield shop
    finally:
        shop.close()


def ask(
    shop: SmallDatabase, lines: list[RequestedLine], order: str = "LL-0", key: str = "key"
) -> Any:
    """Register a return."""
    request = ReturnRequest(order, tuple(lines), "original", key)
    view = returns.create(
        shop.database,
        request,
        actor="shopper",
        channel="web",
        now=START,
        conversation_id=CONVERSATION,
    )
    if view.status == "requested":
        return_moves.approve(shop.database, view.rma_number, actor=AGENT, now=START)
    return view


def comes_back(shop: SmallDatabase, view: ReturnView) -> None:
    """All of it arrives and is accepted."""
    return_moves.record_arrival(shop.database, view.rma_number, actor="carrier", now=START)
    for line in view.lines:
        inspections.inspect_line(
            shop.database, view.rma_number, line.line_external_id, line.quantity, "A", actor=AGENT,
            now=START, outcome=line.outcome,
        )  # fmt: skip


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


# Which commands the assistant and the shopper's pages may give.
FOR_SHOPPERS = {
    "cases.open_case", "claims.add_evidence", "claims.open_claim", "conversations.accept", "conversations.end",
    "conversations.start", "drafts.submit", "drafts.start", "exchange_endings.convert_to_return",
    "exchanges.choose_again", "feedback.rate", "feedback.add_photo", "labels.choose_method", "return_moves.cancel",
    "returns.create", "withdrawal_returns.open_return", "withdrawals.declare",
}  # fmt: skip
# What only the team, the warehouse, the carrier or the payment provider may say.
NOT_FOR_SHOPPERS = re.compile(
    r"received|accepted|rejected|grade|fee|price|location|status|override|(?<!_)amount|settle(?!ment)|refunded"
)
STAFF_ONLY = {
    "claim_decisions", "credits.give_coupon", "inspections", "overrides", "refund_parts", "refunds", "reopening",
    "staff", "stock", "exchanges.ship", "exchanges.deliver", "labels.issue_label", "return_moves.approve",
    "return_moves.decline", "return_moves.record_arrival", "return_moves.record_scan", "return_moves.accept_lost",
    "return_moves.hold", "return_moves.resume", "return_moves.close_short", "return_moves.expire",
    "differences.pay_difference", "differences.waive_difference", "withdrawals.refuse", "exchanges.ship_for_claim",
}  # fmt: skip


def used_services(file: Path) -> set[str]:
    """`module` and `module.name` of all that a file uses of the services."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    modules: dict[str, str] = {}
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "returnsdesk.services":
            modules |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "returnsdesk.services."
        ):
            module = str(node.module).rpartition(".")[2]
            used |= {f"{module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id, "")
            used |= {f"{module}.{node.attr}"} if module else set()
    return used | set(modules.values())


def test_i17_what_shoppers_use_gives_no_command_of_the_team() -> None:
    files = [*(PROJECT_ROOT / "actions").rglob("*.py")]
    files += [
        PROJECT_ROOT / "returnsdesk" / "desk" / name
        for name in ("tracking.py", "channels/web.py", "ratings.py", "photos.py", "labels.py")
    ]
    assert len(files) > 10
    found = {f"{file.name}: {use}" for file in files for use in used_services(file) & STAFF_ONLY}
    assert found == set()


def test_i17_no_command_of_shoppers_takes_an_amount_or_a_decision() -> None:
    checked = 0
    for name in sorted(FOR_SHOPPERS):
        module, _, function = name.partition(".")
        command = getattr(import_module(f"returnsdesk.services.{module}"), function, None)
        if command is None:
            continue
        checked += 1
        parameters = {each for each in inspect.signature(command).parameters if each != "override"}
        assert [each for each in parameters if NOT_FOR_SHOPPERS.search(each)] == [], name
    for record in (RequestedLine, ReturnRequest, ClaimRequest, Declaration):
        fields = [each.name for each in dataclasses.fields(record)]
        assert [each for each in fields if NOT_FOR_SHOPPERS.search(each)] == []
    assert checked > 10


REPORTS = [
    CarrierReport("sample", f"event-{number}", "", status, START + timedelta(hours=hour))
    for number, (status, hour) in enumerate(
        [(IN_TRANSIT, 1), (IN_TRANSIT, 2), ("sorted", 3), (LOST, 4), (HAS_ARRIVED, 5)]
    )
]


@PROFILE
@given(
    kept=st.sets(st.integers(0, len(REPORTS) - 1), min_size=1),
    order=st.permutations(list(range(len(REPORTS))) * 2),
)
def test_i20_reports_of_carriers_count_once_and_in_any_order(
    empty_shop: Path, kept: set[int], order: list[int]
) -> None:
    def ends(numbers: list[int]) -> list[Any]:
        with opened(empty_shop) as shop:
            view = ask(shop, [RequestedLine("LL-0-0", 1, "style", "refund")])
            made = labels.issue_label(shop.database, view.rma_number, actor=AGENT, now=START)
            tracking_number = made.parcels[0].tracking_number
            for number in numbers:
                report = dataclasses.replace(REPORTS[number], tracking_number=tracking_number)
                parcels.apply_event(shop.database, report, now=START + timedelta(days=1))
            return [
                *shop.values("SELECT status FROM returns"),
                *shop.values("SELECT status FROM inbound_parcels"),
                *shop.values("SELECT last_event_at FROM inbound_parcels"),
                *shop.values("SELECT shipped_at IS NOT NULL FROM returns"),
                *shop.values("SELECT arrived_at IS NOT NULL FROM returns"),
                *shop.values("SELECT event_id FROM carrier_events ORDER BY event_id"),
            ]

    assert ends([number for number in order if number in kept]) == ends(sorted(kept))


@PROFILE
@given(
    days_then=st.integers(14, 90), days_now=st.integers(14, 90), tries_on_day=st.integers(0, 120)
)
def test_i21_the_policy_that_counts_is_the_one_it_was_bought_under(
    empty_shop: Path, days_then: int, days_now: int, tries_on_day: int
) -> None:
    with opened(empty_shop) as shop, pytest.MonkeyPatch.context() as patch:
        content = policies.read_policy_file()
        then = {**content, "window": {**content["window"], "return_days": days_then}}
        now = {**content, "window": {**content["window"], "return_days": days_now}}
        with shop.database.write() as session:
            version = session.scalars(select(PolicyVersion)).one()
            version.content, version.digest = then, digest_of(then)
        patch.setattr(policies, "read_policy_file", lambda *_arguments: now)
        delivered_at = START - timedelta(days=5)
        last_day = windows.last_day(delivered_at, days_then, "NL", to_working_day=True)
        at = delivered_at + timedelta(days=tries_on_day)
        with shop.database.read() as session:
            order = session.scalars(select(Order)).one()
            line = RequestedLine("LL-0-0", 1, "style", "refund")
            found = returns.check_request(session, order, (line,), "original", at)
        codes = {finding.code for finding in found}
        is_over = windows.local_date(at, "NL") > last_day
        assert ("WINDOW_EXPIRED" in codes, "WINDOW_OPEN" in codes) == (is_over, not is_over)


def _take_the_unit(shop: SmallDatabase) -> None:
    ask(shop, [RequestedLine("LL-0-0", 1, "style", "refund")], key="somebody else")


def _cancel_the_order(shop: SmallDatabase) -> None:
    with shop.database.write() as session:
        session.execute(update(Order).values(status="cancelled"))


def _deliver_long_ago(shop: SmallDatabase) -> None:
    with shop.database.write() as session:
        session.execute(update(Shipment).values(delivered_at=START - timedelta(days=400)))


def _take_the_parcel_back(shop: SmallDatabase) -> None:
    with shop.database.write() as session:
        session.execute(update(Shipment).values(cancelled=True))


def _log_out(shop: SmallDatabase) -> None:
    identity.forget(shop.database, CONVERSATION)


def _make_it_final_sale(shop: SmallDatabase) -> None:
    with shop.database.write() as session:
        session.execute(update(OrderLine).values(final_sale=True))


CHANGES: list[Callable[[SmallDatabase], None]] = [
    _take_the_unit, _cancel_the_order, _deliver_long_ago, _take_the_parcel_back, _log_out, _make_it_final_sale,
]  # fmt: skip


@pytest.mark.parametrize("change", [*CHANGES, None])
def test_i22_the_rules_are_looked_at_again_at_the_yes(
    empty_shop: Path, change: Callable[[SmallDatabase], None] | None
) -> None:
    with opened(empty_shop) as shop:
        with shop.database.write() as session:
            order = session.scalars(select(Order)).one()
            draft = Draft(
                conversation_id=CONVERSATION, state="open", wish={}, order_id=order.id, settlement="original",
                created_at=START, updated_at=START,
            )  # fmt: skip
            draft.lines = [
                DraftLine(
                    order_line_id=order.lines[0].id, quantity=1, reason="style", outcome="refund"
                )
            ]
            session.add(draft)
            session.flush()
            draft.summary_token = token = drafts.summary_of(session, draft, "en", START).token
        submit = partial(drafts.submit, shop.database, CONVERSATION, token)
        if change is None:
            assert submit(now=START).status == "approved"
            return
        change(shop)
        commits, there = shop.commits(), len(shop.values("SELECT id FROM returns"))
        with pytest.raises(ServiceError):
            submit(now=START)
        assert shop.commits() == commits
        assert len(shop.values("SELECT id FROM returns")) == there


@PROFILE
@given(number=st.integers(0, 9), right_postcode=st.booleans())
def test_i25_an_unknown_order_and_a_wrong_proof_look_the_same(
    empty_shop: Path, number: int, right_postcode: bool
) -> None:
    assume(not (number == 0 and right_postcode))
    with opened(empty_shop) as shop:
        postcode = "1071 KV" if right_postcode else "9999 ZZ"
        statements: list[str] = []
        engine = shop.database.engine
        event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
        check = partial(identity.check_order_and_postcode, shop.database, STRANGER)
        assert check(f"LL-{number}", postcode, now=START) is False
        found = [" ".join(statement.split()[:3]) for statement in statements]
        statements.clear()
        assert check("LL-77", "1234 AB", now=START) is False
        # The same questions to the database, so that time tells nothing either.
        assert [" ".join(statement.split()[:3]) for statement in statements] == found
        assert (
            shop.values("SELECT id FROM verified_sessions WHERE conversation_id = :c", c=STRANGER)
            == []
        )


def test_i25_a_code_is_promised_alike_whether_or_not_the_address_has_orders(
    empty_shop: Path,
) -> None:
    with opened(empty_shop) as shop:
        for address in ("noor@mail.example", "nobody@mail.example"):
            identity.request_code(shop.database, STRANGER, address, key="k", now=START)
            with shop.database.read() as session:
                assert identity.is_code_pending(session, STRANGER, START)
            # A wrong code opens nothing, and says nothing of whether there was one to guess.
            code = shop.values(
                "SELECT json_extract(payload, '$.code') FROM outbox_jobs ORDER BY id DESC"
            )
            wrong = "000001" if code[0] == "000000" else "000000"
            check = partial(identity.check_code, shop.database, STRANGER, wrong, key="k")
            assert check(now=START) is False
        with shop.database.read() as session:
            assert (
                session.scalars(
                    select(VerifiedSession).where(VerifiedSession.conversation_id == STRANGER)
                ).all()
                == []
            )


@pytest.mark.parametrize("proof", [_log_out, None])
def test_i15_a_conversation_that_has_proven_nothing_registers_nothing(
    empty_shop: Path, proof: Callable[[SmallDatabase], None] | None
) -> None:
    with opened(empty_shop) as shop:
        conversation = CONVERSATION if proof else STRANGER
        with shop.database.write() as session:
            order = session.scalars(select(Order)).one()
            draft = Draft(
                conversation_id=conversation, state="open", wish={}, order_id=order.id, settlement="original",
                created_at=START, updated_at=START,
            )  # fmt: skip
            draft.lines = [
                DraftLine(
                    order_line_id=order.lines[0].id, quantity=1, reason="style", outcome="refund"
                )
            ]
            session.add(draft)
            session.flush()
            draft.summary_token = token = drafts.summary_of(session, draft, "en", START).token
        if proof:
            proof(shop)
        with pytest.raises(NotAllowed):
            drafts.submit(shop.database, conversation, token, now=START)
        assert shop.values("SELECT id FROM returns") == []


FAULTS: list[Exception] = [
    RuntimeError("broken"), ServiceError("NO_ADDRESS", "no address"), OSError("disk"), ValueError("template"),
]  # fmt: skip


@PROFILE
@given(
    order_number=st.text(max_size=130),
    words=st.text(min_size=1, max_size=300),
    name=st.text(max_size=250),
    contact=st.one_of(st.just(""), st.emails(), st.text(max_size=260)),
    knows_order=st.booleans(),
    lines=st.lists(st.tuples(st.text(max_size=5), st.integers(-2, 5)), max_size=2),
    fault=st.one_of(st.none(), st.sampled_from(FAULTS)),
)
def test_i28_a_declaration_of_withdrawal_is_stored_whatever_else_fails(
    empty_shop: Path,
    order_number: str,
    words: str,
    name: str,
    contact: str,
    knows_order: bool,
    lines: list[tuple[str, int]],
    fault: Exception | None,
) -> None:
    def fail(*_arguments: Any, **_named: Any) -> None:
        raise fault

    texts = (order_number, words, name, contact, *(line for line, _quantity in lines))
    # PostgreSQL stores no NUL and no half of a character; the channels let neither in.
    assume(all(_is_storable(text) for text in texts))
    with opened(empty_shop) as shop, pytest.MonkeyPatch.context() as patch:
        if fault is not None:
            patch.setattr(notices, "announce_withdrawal", fail)
        declaration = Declaration(
            order_number,
            1 if knows_order else None,
            name,
            contact,
            words,
            "nl",
            "key",
            tuple(lines),
        )
        view = withdrawals.declare(
            shop.database, declaration, actor="shopper", channel="web", now=START, conversation_id=CONVERSATION
        )  # fmt: skip
        (row,) = shop.rows("SELECT * FROM withdrawals")
        assert (row["words"], row["number"], row["status"]) == (words, view.number, "declared")
        is_acknowledged = row["receipt_sent_at"] is not None
        assert is_acknowledged == bool(shop.values("SELECT id FROM notifications"))
        # What could not be acknowledged by the machine is for a person, at once.
        assert is_acknowledged or shop.values("SELECT id FROM cases WHERE priority = 'high'")
        assert is_acknowledged or fault is not None or not contact


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


# Numbers in texts that are neither amounts nor dates: clock times, "24/7", SMS, sizes of files and the like.
_AMOUNT_OR_DATE = re.compile(
    r"(?:€|EUR|NOK|PLN|\bkr\b|zł|\$|£)\s?\d|\d+[.,]\d{2}\b|\d\s?(?:€|EUR|NOK|PLN|kr\b|zł)"
    r"|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b20\d{2}-\d{2}-\d{2}\b|\bRMA-\d"
)


def test_i29_no_text_says_an_amount_or_a_date_of_its_own() -> None:
    texts = 0
    found = []
    for file in sorted((PROJECT_ROOT / "data" / "responses").glob("*.yml")):
        for text in _texts_in(yaml.safe_load(file.read_text(encoding="utf-8"))):
            texts += 1
            # An example of how to write something is no statement about the record.
            if _AMOUNT_OR_DATE.search(text) and not re.search(
                r"(?i)example|bijv|z\.\s?B|f\.eks|np\.", text
            ):
                found.append(f"{file.name}: {text[:80]}")
    assert texts > 500
    assert found == []


def _texts_in(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _texts_in(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts_in(value)


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
