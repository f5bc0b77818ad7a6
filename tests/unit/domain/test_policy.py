"""The policy's values: what is refused, what markets change, and the schema that editors check the file with."""

from __future__ import annotations

import copy
import re
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from returnsdesk.domain.policy import Policy, content_for, digest_of
from returnsdesk.domain.policy_schema import policy_schema, schema_text
from returnsdesk.services.policies import read_policy_file
from returnsdesk.settings import PROJECT_ROOT
from tests.unit.domain.facts import CONTENT, policy_with

SCHEMA_FILE = PROJECT_ROOT / "policy.schema.json"
# As the file stood before sections were added: orders of that time still have it.
OLDEST = yaml.safe_load(
    """
window: {return_days: 30, exchange_days: 45, move_to_working_day: true, days_in_transit_if_unknown: 7,
  extra_days_by_tier: {silver: 7}}
exclusions: {final_sale: true, hygiene: true, personalised: true, categories: [gift_card]}
fees: {return_by_currency: {EUR: "2.95"}, waived_for_outcomes: [exchange], waived_for_settlements: [],
  waived_for_reasons: [defective], waived_for_tiers: []}
exchange: {allowed: true, same_product_without_difference: true, reserve_days: 14}
review: {above_by_currency: {EUR: "750.00"}}
return: {address: "Street 1", ship_by_days: 14, inspection_working_days: 3}
refund: {working_days_by_method: {credit_card: [3, 5]}}
"""
)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The shipped content with one key set."""
    content = copy.deepcopy(CONTENT)
    *sections, key = path.split(".")
    place = content
    for section in sections:
        place = place.setdefault(section, {})
    place[key] = value
    return content


def faults(content: dict[str, Any]) -> list[tuple[Any, ...]]:
    with pytest.raises(ValidationError) as refused:
        Policy.parse_obj(content)
    return [each["loc"] for each in refused.value.errors()]


def test_the_oldest_version_stays_readable():
    policy = Policy.parse_obj(OLDEST)
    assert policy.fees.return_by_currency == {"EUR": 295}
    assert (policy.withdrawal.days, policy.claims.days, policy.markets) == (14, 730, {})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("window.return_dayz", 30),
        ("window.return_days", -1),
        ("window.return_days", 30.5),
        ("window.return_days", 3651),
        ("window.extra_days_by_tier", {"gold": -3}),
        ("window.days_by_category", {"shoes": "many"}),
        ("window.tenure", [{"years": 0, "extra_days": 3}]),
        ("fees.return_by_currency", {"EUR": "2.955"}),
        ("fees.return_by_currency", {"EUR": "-1.00"}),
        ("fees.return_by_currency", {"EURO": "1.00"}),
        ("fees.return_by_currency", "2.95"),
        ("fees.waived_for_reasons", ["ugly"]),
        ("fees.waived_for_outcomes", ["swap"]),
        ("fees.waived_for_settlements", ["cash"]),
        ("review.reasons", ["ugly"]),
        ("review.above_by_currency", {"eur": "1.00"}),
        ("return.label_countries", ["NL", "Norway"]),
        ("return.country", "XX"),
        ("return.methods", []),
        ("return.methods", ["pigeon"]),
        ("refund.order", "random"),
        ("refund.working_days_by_method", {}),
        ("refund.working_days_by_method", {"paypal": [5, 2]}),
        ("claims.photo_required_for", ["ugly"]),
        ("exchange.dearer", "charge"),
    ],
)
def test_a_wrong_value_is_refused_and_its_key_named(path, value):
    located = {".".join(str(part) for part in loc) for loc in faults(changed(path, value))}
    assert any(each.startswith(path) for each in located), located


def test_withdrawal_cannot_be_shorter_than_the_law_nor_repayment_slower():
    assert faults(changed("withdrawal.days", 13)) == [("withdrawal", "days")]
    assert faults(changed("withdrawal.refund_days", 15)) == [("withdrawal", "refund_days")]
    assert faults(changed("withdrawal.goods_back_days", 13)) == [("withdrawal", "goods_back_days")]


def test_the_days_of_a_season_follow_each_other():
    season = {"bought_from": "2026-12-24", "bought_to": "2026-11-15", "last_day": "2027-01-31"}
    assert faults(changed("window.seasons", [season])) == [("window", "seasons", 0, "last_day")]


# Markets


def test_a_market_changes_what_it_names_and_nothing_else():
    content = changed(
        "markets",
        {
            "NO": {
                "window": {"return_days": 60, "extra_days_by_tier": {"gold": 30}},
                "fees": {"return_by_currency": {"NOK": "49.00"}},
                "return": {"label_countries": ["NO"]},
            }
        },
    )
    norway = Policy.parse_obj(content_for(content, "NO"))
    assert norway.window.return_days == 60
    assert norway.window.exchange_days == 45
    assert norway.window.extra_days_by_tier == {"silver": 7, "gold": 30}
    assert norway.fees.return_by_currency["NOK"] == 4900
    assert norway.fees.return_by_currency["EUR"] == 295
    assert norway.return_.label_countries == ["NO"]
    everywhere = Policy.parse_obj(content_for(content, "SE"))
    assert everywhere == policy_with()


def test_merging_a_market_leaves_the_kept_content_alone():
    content = changed("markets", {"NO": {"window": {"return_days": 60}}})
    before = copy.deepcopy(content)
    content_for(content, "NO")
    assert content == before


@pytest.mark.parametrize(
    ("market", "where"),
    [
        ({"NO": {"window": {"return_dayz": 60}}}, "__root__.markets.NO.window.return_dayz"),
        ({"NO": {"window": {"return_days": -1}}}, "__root__.markets.NO.window.return_days"),
        (
            {"NO": {"window": {"return_days": 60}}, "DE": {"windows": {}}},
            "__root__.markets.DE.windows",
        ),
        ({"no": {}}, "__root__.markets.no"),
        ({"Norway": {}}, "__root__.markets.Norway"),
        ({"NO": {"markets": {}}}, "__root__.markets.NO"),
        ({"NO": []}, "__root__.markets.NO"),
        ({"NO": None}, "__root__.markets.NO"),
    ],
)
def test_every_market_must_make_a_policy_of_a_country_that_exists(market, where):
    found = [".".join(str(part) for part in loc) for loc in faults(changed("markets", market))]
    assert where in found


def test_a_fault_of_the_policy_itself_is_not_repeated_for_every_market():
    content = changed("markets", {"NO": {"window": {"return_days": 60}}})
    content["window"]["return_days"] = -1
    assert faults(content) == [("window", "return_days")]


def test_a_digest_depends_on_the_content_and_not_on_its_order():
    turned = {key: CONTENT[key] for key in reversed(list(CONTENT))}
    assert digest_of(turned) == digest_of(CONTENT)
    assert digest_of(changed("window.return_days", 31)) != digest_of(CONTENT)


# The schema


def test_the_schema_in_the_project_is_that_of_the_model():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "write it anew: returnsdesk policy schema > policy.schema.json"
    )


def test_the_policy_file_names_the_schema_and_follows_it():
    text = (PROJECT_ROOT / "policy.yml").read_text(encoding="utf-8")
    assert text.startswith(f"# yaml-language-server: $schema=./{SCHEMA_FILE.name}\n")
    jsonschema.Draft7Validator.check_schema(policy_schema())
    jsonschema.validate(CONTENT, policy_schema())
    jsonschema.validate(OLDEST, policy_schema())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("window.return_dayz", 30),
        ("window.return_days", "soon"),
        ("fees.return_by_currency", {"EUR": "2,95"}),
        ("fees.return_by_currency", {"euro": "2.95"}),
        ("refund.order", "random"),
        ("markets", {"Norway": {}}),
        ("markets", {"NO": {"window": {"return_dayz": 1}}}),
    ],
)
def test_an_editor_sees_what_is_wrong(path, value):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(path, value), policy_schema())


def test_an_editor_takes_a_market_with_one_key():
    jsonschema.validate(
        changed("markets", {"NO": {"window": {"return_days": 60}}}), policy_schema()
    )


def test_every_key_says_what_it_means():
    for name, section in policy_schema()["definitions"].items():
        for key, field in section["properties"].items():
            assert field.get("description"), f"{name}.{key}"


# The guide

GUIDE = PROJECT_ROOT / "docs" / "policy.md"


def test_the_guide_explains_every_key_and_no_other():
    text = GUIDE.read_text(encoding="utf-8")
    _, *parts = re.split(r"^## `(\w+)`.*$", text, flags=re.MULTILINE)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    assert set(sections) == set(Policy.schema()["properties"])
    for name, section in sections.items():
        if name == "markets":
            continue
        rows = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
        explained = [key for row in rows for key in re.findall(r"`(\w+)`", row)]
        keys = CONTENT[name].keys()
        assert sorted(explained) == sorted(keys), name


def test_the_guide_s_examples_make_a_policy_together_and_use_every_key(tmp_path):
    examples = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    together = tmp_path / "policy.yml"
    together.write_text("\n".join(examples), encoding="utf-8")
    content = read_policy_file(together)
    assert {name: set(keys) for name, keys in content.items() if name != "markets"} == {
        name: set(keys) for name, keys in CONTENT.items() if name != "markets"
    }
    jsonschema.validate(content, policy_schema())
