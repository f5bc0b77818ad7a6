"""The policy file and its kept versions: read as meant, kept for good, each order under its own and its market's."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
import yaml
from sqlalchemy import func, select

from returnsdesk.db.models import Order, PolicyVersion
from returnsdesk.services import policies, policy_explanations, returns
from returnsdesk.services.errors import NotFound, ServiceError
from returnsdesk.services.policy_explanations import Question
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from tests.services.shop import DELIVERED, NOW


@pytest.fixture
def policy_file(tmp_path, monkeypatch):
    """A policy file to change at will, in place of the shipped one."""
    path = tmp_path / "policy.yml"
    path.write_text(policies.POLICY_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(policies, "POLICY_FILE", path)
    return path


def replace_in(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def order_of(session, number="LL-1"):
    return session.scalars(select(Order).where(Order.number == number)).one()


def explained(session, item="LL-1-1", order="LL-1", **question):
    return policy_explanations.explain(session, Question(order, item, **question), now=NOW)


# The file


def test_norway_is_a_country_and_not_the_word_no(policy_file):
    replace_in(policy_file, "markets: {}", "markets:\n  NO:\n    window: {return_days: 60}")
    replace_in(policy_file, "label_countries: []", "label_countries: [NL, NO]")
    assert policies.active_policy("NO").window.return_days == 60
    assert policies.active_policy("NL").window.return_days == 30
    assert policies.active_policy().return_.label_countries == ["NL", "NO"]


def test_numbers_may_name_products_and_days_may_stand_without_quotes(policy_file):
    replace_in(policy_file, "days_by_product: {}", "days_by_product: {4711: 60}")
    season = "[{ bought_from: 2026-11-15, bought_to: 2026-12-24, last_day: 2027-01-31 }]"
    replace_in(policy_file, "  seasons: []", f"  seasons: {season}")
    window = policies.active_policy().window
    assert window.days_by_product == {"4711": 60}
    assert window.seasons[0].last_day == date(2027, 1, 31)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "return_days: 30",
            "return_dayz: 30",
            "policy.yml: window.return_dayz: there is no such key",
        ),
        ("  return_days: 30\n", "", "policy.yml: window.return_days: this key is missing"),
        ('EUR: "2.95"', 'EURO: "2.95"', "'EURO' is not a currency"),
        (
            "markets: {}",
            "markets: {NO: {window: {days: 1}}}",
            "markets.NO.window.days: there is no",
        ),
        ("markets: {}", "markets: {Norway: {}}", "'Norway' is not a country"),
        (
            "  return_days: 30\n",
            "  return_days: 30\n  return_days: 60\n",
            "'return_days' stands here twice",
        ),
        ("window:", "window", "cannot be read"),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_the_key(policy_file, old, new, told):
    replace_in(policy_file, old, new)
    with pytest.raises(ServiceError) as refused:
        policies.read_policy_file()
    assert told in str(refused.value)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words\n"])
def test_a_file_without_sections_is_told_so(policy_file, text):
    policy_file.write_text(text, encoding="utf-8")
    with pytest.raises(ServiceError, match="holds no sections"):
        policies.read_policy_file()


def test_a_file_that_is_not_there_is_told_so(policy_file):
    policy_file.unlink()
    with pytest.raises(ServiceError, match="cannot be read"):
        policies.active_policy()


# Versions


def test_a_changed_file_is_a_new_version_and_orders_keep_theirs(shop, policy_file):
    replace_in(policy_file, "  return_days: 30", "  return_days: 90")
    with shop.write() as session:
        version = policies.current_version(session, NOW)
        assert policies.current_version(session, NOW).id == version.id
        order_of(session, "LL-2").policy_version = version
    with shop.read() as session:
        assert session.scalar(select(func.count(PolicyVersion.id))) == 2
        assert policies.policy_of(order_of(session, "LL-1")).window.return_days == 30
        assert policies.policy_of(order_of(session, "LL-2")).window.return_days == 90
        assert [(each.orders, each.is_current) for each in policies.versions(session)] == [
            (1, True),
            (1, False),
        ]


def test_layout_and_comments_make_no_new_version(shop, policy_file):
    content = yaml.safe_load(policy_file.read_text(encoding="utf-8"))
    policy_file.write_text(yaml.safe_dump(content, sort_keys=True), encoding="utf-8")
    with shop.write() as session:
        policies.current_version(session, NOW)
        assert session.scalar(select(func.count(PolicyVersion.id))) == 1


def test_a_version_with_seasons_and_numbers_for_names_can_be_kept(shop, policy_file):
    season = "[{ bought_from: 2026-06-01, bought_to: 2026-06-24, last_day: 2026-09-30 }]"
    replace_in(policy_file, "  seasons: []", f"  seasons: {season}")
    replace_in(policy_file, "days_by_product: {}", "days_by_product: {4711: 60}")
    with shop.write() as session:
        order = order_of(session)
        order.policy_version = policies.current_version(session, NOW)
    with shop.read() as session:
        window = policies.policy_of(order_of(session)).window
        assert window.seasons[0].last_day == date(2026, 9, 30)
        # Bought on 2 June: the season's common day counts.
        assert explained(session).period.last_day == date(2026, 9, 30)


def test_an_order_has_the_policy_of_its_market(shop, policy_file):
    replace_in(
        policy_file,
        "markets: {}",
        'markets: {NL: {window: {return_days: 60}, fees: {return_by_currency: {EUR: "4.95"}}}}',
    )
    with shop.write() as session:
        version = policies.current_version(session, NOW)
        for number in ("LL-1", "LL-2"):
            order_of(session, number).policy_version = version
        order_of(session, "LL-2").country = "DE"
    with shop.read() as session:
        here, there = order_of(session, "LL-1"), order_of(session, "LL-2")
        assert policies.policy_of(here).window.return_days == 60
        assert policies.policy_of(here).fees.return_by_currency["EUR"] == 495
        assert policies.policy_of(there).window.return_days == 30
        assert policies.policy_of(there).fees.return_by_currency["EUR"] == 295
        assert explained(session).market == "NL"
        assert explained(session, "LL-2-1", "LL-2").market is None


def test_an_order_without_a_version_has_the_policy_of_today_in_its_market(shop, policy_file):
    with shop.write() as session:
        order_of(session).policy_version = None
    replace_in(policy_file, "markets: {}", "markets: {NL: {window: {return_days: 77}}}")
    with shop.read() as session:
        assert policies.policy_of(order_of(session)).window.return_days == 77
        answer = explained(session)
        assert (answer.version_digest, answer.version_since, answer.market) == (None, None, "NL")


# Explanations


def test_an_explanation_says_what_a_request_would_meet(shop):
    with shop.read() as session:
        answer = explained(session, reason="too_small")
        assert answer.is_allowed
        assert answer.version_digest == order_of(session).policy_version.digest
        assert (answer.fee_minor, answer.currency) == (295, "EUR")
        assert answer.period.start == DELIVERED
        found = [each.code for each in answer.findings]
    assert found[:2] == ["RETURN_FEE", "WINDOW_OPEN"]


def test_an_explanation_of_another_moment_is_where_the_shopper_lives(shop):
    with shop.read() as session:
        last_day = explained(session).period.last_day
        evening = datetime.combine(last_day, datetime.min.time()) + timedelta(hours=23, minutes=59)
        assert explained(session, at=evening).is_allowed
        late = explained(session, at=evening + timedelta(minutes=1))
    assert not late.is_allowed
    assert "WINDOW_EXPIRED" in [each.code for each in late.findings]


def test_an_explanation_changes_nothing_and_sees_what_is_taken(shop):
    line = RequestedLine("LL-1-1", 1, "too_small", "refund")
    request = ReturnRequest("LL-1", (line,), "original", "key")
    view = returns.create(shop, request, actor="shopper", channel="web", now=NOW)
    with shop.read() as session:
        found = {each.code: each.facts for each in explained(session, quantity=1).findings}
        assert found["ALREADY_RETURNED"]["rma_number"] == view.rma_number
        assert not session.new
        assert not session.dirty


def test_an_item_is_found_by_its_sku_in_any_case_and_what_is_not_there_is_told(shop):
    with shop.read() as session:
        assert explained(session, "SNEAKERS-42").line_external_id == "LL-1-1"
        with pytest.raises(NotFound, match="it has LL-1-1"):
            explained(session, "boots")
        with pytest.raises(NotFound, match="no order LL-99"):
            explained(session, order="LL-99")
