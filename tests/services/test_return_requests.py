"""Registering a return: when it was asked for, who asks often, who may set rules aside, and what shoppers may say."""

import inspect
from dataclasses import fields
from datetime import timedelta

import pytest
from sqlalchemy import select

from returnsdesk.db.models import (
    Draft,
    DraftLine,
    Order,
    Override,
    PolicyVersion,
    Return,
    VerifiedSession,
)
from returnsdesk.services import (
    claims,
    drafts,
    identity,
    overrides,
    return_moves,
    returns,
    withdrawals,
)
from returnsdesk.services.errors import NotAllowed, ServiceError
from returnsdesk.services.overrides import Override as Reason
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.services.documents import (
    AGENT,
    SHIRTS,
    SHOES,
    claim_request,
    commands,
    conversation,
    count,
    create,
    everything,
    live_units,
    open_claim,
    return_request,
)
from tests.services.shop import NOW

TOO_LATE = NOW + timedelta(days=60)
BECAUSE = Reason("The parcel stood at the neighbour's for weeks.")


def change_policy(shop, **sections):
    """Let the orders have been bought under another policy."""
    with shop.write() as session:
        version = session.scalars(select(PolicyVersion)).one()
        content = dict(version.content)
        for name, values in sections.items():
            content[name] = {**content.get(name, {}), **values}
        version.content, version.digest = content, f"changed-{sections}"[:60]


def set_flag(shop, **flags):
    with shop.write() as session:
        line = session.scalars(select(Order).where(Order.number == "LL-2")).one().lines[0]
        for name, value in flags.items():
            setattr(line, name, value)


def blocking(error):
    return [each.code for each in error.value.facts["findings"] if each.severity == "block"]


def last_moment(shop):
    """The last day's noon, and the day after it, for the shirts."""
    with shop.read() as session:
        order = session.scalars(select(Order).where(Order.number == "LL-2")).one()
        line = RequestedLine(SHIRTS, 1, "style", "refund")
        found = returns.check_request(session, order, (line,), "original", NOW)
        day = next(each.facts["last_day"] for each in found if "last_day" in each.facts)
    noon = NOW.replace(year=day.year, month=day.month, day=day.day)
    return noon, noon + timedelta(days=1)


def test_what_counts_is_when_the_shopper_first_asked(shop):
    """F43."""
    in_time, after = last_moment(shop)
    with pytest.raises(NotAllowed) as refused:
        create(shop, return_request(1), now=after)
    assert blocking(refused) == ["WINDOW_EXPIRED"]
    view = create(shop, return_request(1, asked_at=in_time), now=after)
    with shop.read() as session:
        row = session.scalars(select(Return).where(Return.rma_number == view.rma_number)).one()
        assert (row.asked_at, row.requested_at) == (in_time, after)


def draft_of_one_shirt(shop, talk, now):
    drafts.start(shop, talk, {}, now=now)
    with shop.write() as session:
        draft = session.scalars(select(Draft)).one()
        order = session.scalars(select(Order).where(Order.number == "LL-2")).one()
        draft.order_id, draft.settlement = order.id, "original"
        draft.lines = [
            DraftLine(order_line=order.lines[0], quantity=1, reason="style", outcome="refund")
        ]
        session.flush()
        draft.summary_token = drafts.summary_of(session, draft, "en", now).token
        return draft.summary_token


def proven(shop, moment):
    talk = conversation(shop)
    assert identity.check_order_and_postcode(shop, talk, "LL-2", "1071KV", now=moment)
    return talk


def test_a_conversation_that_goes_on_over_the_windows_end_keeps_its_right(shop):
    """F43."""
    in_time, _ = last_moment(shop)
    evening = in_time + timedelta(hours=9)
    talk = proven(shop, evening)
    token = draft_of_one_shirt(shop, talk, evening)
    view = drafts.submit(shop, talk, token, now=evening + timedelta(hours=1, minutes=30))
    assert view.status == "approved"


def test_the_window_is_computed_again_when_the_yes_comes_days_later(shop):
    """I22: what the draft once was allowed is not trusted."""
    in_time, _ = last_moment(shop)
    talk = proven(shop, in_time)
    token = draft_of_one_shirt(shop, talk, in_time)
    with shop.write() as session:
        session.scalars(select(Draft)).one().updated_at = in_time + timedelta(days=3)
    with shop.write() as session:
        session.scalars(select(VerifiedSession)).one().expires_at = in_time + timedelta(days=9)
    with pytest.raises(NotAllowed) as refused:
        drafts.submit(shop, talk, token, now=in_time + timedelta(days=3))
    assert blocking(refused) == ["WINDOW_EXPIRED"]
    assert live_units(shop) == 0


def test_many_returns_of_one_shopper_let_a_colleague_look(shop):
    change_policy(shop, review={"many_returns": 1, "many_returns_days": 30})
    assert create(shop, return_request(1)).status == "approved"
    line = RequestedLine(SHOES, 1, "style", "refund")
    view = create(shop, ReturnRequest("LL-1", (line,), "original", "second"))
    assert view.status == "requested"


def test_returns_that_were_never_sent_or_are_long_ago_are_not_counted(shop):
    view = create(shop, return_request(1))
    return_moves.cancel(shop, view.rma_number, actor="shopper", now=NOW)
    create(shop, return_request(1, key="second"))
    with shop.read() as session:
        order = session.scalars(select(Order).where(Order.number == "LL-1")).one()
        assert returns.shopper_facts(session, order, NOW + timedelta(days=1)).recent_returns == 1
        assert returns.shopper_facts(session, order, NOW + timedelta(days=500)).recent_returns == 0


def test_a_guest_is_known_by_the_mail_address(shop):
    with shop.write() as session:
        for order in session.scalars(select(Order)):
            order.customer = None
    create(shop, return_request(1))
    with shop.read() as session:
        order = session.scalars(select(Order).where(Order.number == "LL-1")).one()
        assert returns.shopper_facts(session, order, NOW + timedelta(days=1)).recent_returns == 1


def test_a_named_agent_sets_a_rule_aside_and_says_why(shop):
    """I27."""
    with pytest.raises(NotAllowed):
        create(shop, now=TOO_LATE, actor=AGENT)
    view = create(shop, now=TOO_LATE, actor=AGENT, override=BECAUSE)
    assert view.status == "approved"
    with shop.read() as session:
        row = session.scalars(select(Override)).one()
        assert (row.actor, row.reason, row.codes) == (AGENT, BECAUSE.reason, ["WINDOW_EXPIRED"])
        assert (row.document, row.at) == ("return", TOO_LATE)
        assert overrides.of_document(session, "return", row.document_id) == [row]
    assert commands(shop, "return")[0] == ("override", AGENT)


def test_a_claim_out_of_time_can_be_taken_by_a_named_agent(shop):
    late = NOW + timedelta(days=900)
    with pytest.raises(NotAllowed) as refused:
        open_claim(shop, now=late, actor=AGENT)
    assert blocking(refused) == ["CLAIM_WINDOW_EXPIRED"]
    open_claim(shop, now=late, actor=AGENT, override=BECAUSE)
    with shop.read() as session:
        row = session.scalars(select(Override)).one()
        assert (row.document, row.codes) == ("claim", ["CLAIM_WINDOW_EXPIRED"])


def test_without_a_rule_in_the_way_nothing_is_noted(shop):
    create(shop, actor=AGENT, override=BECAUSE)
    assert count(shop, of=Override) == 0


@pytest.mark.parametrize("actor", ["shopper", "system", "cli", "agent ", "agentx"])
def test_nobody_else_sets_rules_aside(shop, actor):
    """I17."""
    before = everything(shop)
    with pytest.raises(NotAllowed) as refused:
        create(shop, now=TOO_LATE, actor=actor, override=BECAUSE)
    assert refused.value.code == "STAFF_ONLY"
    assert everything(shop) == before


def test_a_rule_is_not_set_aside_without_a_reason(shop):
    with pytest.raises(ServiceError) as refused:
        create(shop, now=TOO_LATE, actor=AGENT, override=Reason("  "))
    assert refused.value.code == "REASON_MISSING"
    assert count(shop) == 0


def test_no_override_takes_units_that_another_document_holds(shop):
    """I1: a rule can be set aside, a fact cannot."""
    open_claim(shop, claim_request(2))
    for quantity in (2, 4):
        with pytest.raises(NotAllowed):
            create(shop, return_request(quantity), actor=AGENT, override=BECAUSE)
    assert (live_units(shop), count(shop)) == (2, 0)


def test_the_way_of_sending_is_one_that_the_policy_has(shop):
    assert create(shop, return_request(1)).method == "drop_off"
    assert create(shop, return_request(1, key="own", method="own_carrier")).method == "own_carrier"
    with pytest.raises(NotAllowed):
        create(shop, return_request(1, key="pigeon", method="pigeon"))


def test_where_there_are_no_labels_the_usual_way_is_a_carrier_of_ones_own(shop):
    change_policy(shop, **{"return": {"label_countries": ["DE"]}})
    assert create(shop, return_request(1)).method == "own_carrier"


SHOPPER_FACING = {
    drafts.submit: {"database", "conversation_id", "token", "now"},
    returns.ReturnRequest: {
        "order_number", "lines", "settlement", "idempotency_key", "asked_at", "method"
    },
    returns.RequestedLine: {
        "order_line_external_id", "quantity", "reason", "outcome", "new_sku", "note"
    },
    claims.ClaimRequest: {
        "order_number", "lines", "type", "wanted", "idempotency_key", "note", "photo_ids"
    },
    withdrawals.Declaration: {
        "order_number_given", "order_id", "name", "contact", "words", "language", "idempotency_key", "lines"
    },
}  # fmt: skip


@pytest.mark.parametrize("command", SHOPPER_FACING, ids=lambda command: command.__name__)
def test_what_shoppers_say_has_no_amounts_fees_or_states(command):
    """I17, F50: commands take ids, quantities and words; a new field has to be looked at here."""
    taken = (
        {each.name for each in fields(command)}
        if isinstance(command, type)
        else set(inspect.signature(command).parameters)
    )
    assert taken == SHOPPER_FACING[command]


def test_nothing_of_a_document_is_left_when_one_line_of_it_fails(shop):
    """Refund and exchange lines in one request succeed or fail together: F21."""
    lines = (
        RequestedLine(SHIRTS, 1, "style", "refund"),
        RequestedLine(SHIRTS, 1, "too_small", "exchange", new_sku="shirt-XXL"),
    )
    before = everything(shop)
    with pytest.raises(ServiceError):
        create(shop, ReturnRequest("LL-2", lines, "original", "key"))
    assert (everything(shop), live_units(shop)) == (before, 0)
