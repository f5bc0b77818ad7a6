"""Rules of `returnsdesk policy`: it checks, explains and lists, in one sentence where something is wrong."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from returnsdesk.cli.finding_texts import MEANINGS, meaning
from returnsdesk.db.importer import import_shop
from returnsdesk.db.session import Database
from returnsdesk.domain.findings import Finding
from returnsdesk.services import policies
from returnsdesk.settings import PROJECT_ROOT
from tests.integration.conftest import Command
from tests.integration.small_shop import SmallShop, order

NOW = datetime.now(timezone.utc)


@pytest.fixture
def desk(returnsdesk: Command, desk_database: Database, tmp_path: Path) -> Command:
    """A shop with one order: two shirts that came on 4 March 2026, under the shipped policy."""
    shop = SmallShop(tmp_path / "shop")
    shop.orders = [order()]
    with desk_database.write() as session:
        version = policies.current_version(session, NOW).id
    import_shop(desk_database, shop.write(), policy_version_id=version)
    return returnsdesk


def test_another_file_is_checked_before_it_takes_the_place_of_the_first(
    returnsdesk: Command, tmp_path: Path
) -> None:
    other = tmp_path / "new.yml"
    text = policies.POLICY_FILE.read_text(encoding="utf-8")
    other.write_text(text, encoding="utf-8")
    assert returnsdesk("policy", "check", str(other)).out == "new.yml can be used.\n"
    other.write_text(text.replace("return_days: 30", "return_days: soon"), encoding="utf-8")
    refused = returnsdesk("policy", "check", str(other))
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == "New.yml: window.return_days: value is not a valid integer.\n"


def test_the_schema_is_written_as_it_stands_in_the_project(returnsdesk: Command) -> None:
    schema = (PROJECT_ROOT / "policy.schema.json").read_text(encoding="utf-8")
    answer = returnsdesk("policy", "schema")
    assert (answer.status, answer.out) == (0, schema)
    assert json.loads(answer.out)["title"] == "Returns policy"


def test_versions_are_listed_with_their_orders(desk: Command) -> None:
    (version,) = desk("policy", "versions", "--json").data
    assert (version["orders"], version["is_current"]) == (1, True)
    assert version["digest"][:12] in desk("policy", "versions").out


def test_an_explanation_names_findings_days_fee_and_version(desk: Command) -> None:
    answer = desk("policy", "explain", "100", "L1", "--at", "2026-03-10T10:00")
    assert answer.status == 0
    assert "It can come back." in answer.out
    assert "RETURN_FEE: the return costs 2.95 EUR" in answer.out
    # 30 days after Wednesday 4 March is Good Friday; the next working day comes after Easter Monday.
    assert (
        "Last day: 2026-04-07 (Tue) = 2026-03-04 (Wed) + 30 days (the policy),"
        " moved from 2026-04-03 (Fri), which is no working day"
    ) in answer.out
    assert "WITHDRAWAL_AVAILABLE: by law the shopper can withdraw until 2026-03-18" in answer.out
    (version,) = desk("policy", "versions", "--json").data
    assert f"Policy: version {version['digest'][:12]}" in answer.out


def test_an_explanation_follows_the_outcome_and_the_reason(desk: Command) -> None:
    late = ("policy", "explain", "100", "shirt-m", "--at", "2026-04-10T10:00", "--json")
    assert desk(*late).data["is_allowed"] is False
    exchange = desk(*late, "--outcome", "exchange").data
    assert (exchange["is_allowed"], exchange["fee_minor"]) == (True, 0)
    assert exchange["period"]["policy_days"] == 45
    fault = desk(*late, "--outcome", "exchange", "--reason", "defective")
    codes = {each["code"]: each["meaning"] for each in fault.data["findings"]}
    assert codes["REASON_REVIEW"] == "a colleague looks at every return with this reason"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("999", "L1"), "There is no order 999.\n"),
        (("100", "L9"), "Order #100 has no item L9; it has L1 (shirt-M).\n"),
    ],
)
def test_what_is_not_there_is_one_sentence(
    desk: Command, arguments: tuple[str, str], told: str
) -> None:
    answer = desk("policy", "explain", *arguments)
    assert (answer.status, answer.out, answer.err) == (1, "", told)


@pytest.mark.parametrize(
    "option",
    [("--reason", "ugly"), ("--outcome", "swap"), ("--at", "tomorrow"), ("--quantity", "0")],
)
def test_a_wrong_option_is_a_wrong_call(desk: Command, option: tuple[str, str]) -> None:
    answer = desk("policy", "explain", "100", "L1", *option)
    assert answer.status == 2
    assert option[0] in answer.err


def test_every_finding_of_the_rules_has_a_sentence() -> None:
    sources = [
        *(PROJECT_ROOT / "returnsdesk" / "domain").glob("*.py"),
        PROJECT_ROOT / "returnsdesk" / "services" / "returns.py",
    ]
    given = {
        code
        for source in sources
        for code in re.findall(r'Finding\(\s*"([A-Z_]+)"', source.read_text(encoding="utf-8"))
    }
    assert len(given) > 30
    assert given == set(MEANINGS)
    for code in given:
        assert re.fullmatch(r"[^{}]+", meaning(Finding(code, "info"), "EUR"))
