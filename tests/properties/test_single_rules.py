"""The invariants that need no history: each tried alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
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
    PolicyVersion,
    Shipment,
    VerifiedSession,
)
from returnsdesk.domain import windows
from returnsdesk.domain.policy import digest_of
from returnsdesk.services import (
    drafts,
    identity,
    labels,
    notices,
    parcels,
    policies,
    returns,
    withdrawals,
)
from returnsdesk.services.errors import NotAllowed, ServiceError
from returnsdesk.services.returns import RequestedLine
from returnsdesk.services.withdrawals import Declaration
from tests.properties.profiles import PROFILE
from tests.properties.random_shops import (
    AGENT,
    CONVERSATION,
    START,
    STRANGER,
)
from tests.properties.single_shop import (
    ask,
    opened,
)
from tests.properties.small_database import SmallDatabase

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
        session.execute(update(Shipment).values(delivered_at=START - timedelta(days=4000)))


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
