"""What shoppers can use gives no command of the team, and no text states an amount of its own."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from returnsdesk.services.claims import ClaimRequest
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from returnsdesk.services.withdrawals import Declaration
from returnsdesk.settings import PROJECT_ROOT

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
