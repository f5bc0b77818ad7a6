"""Findings of the rules as the command line writes them."""

from __future__ import annotations

from datetime import date

from returnsdesk.cli.console import moment, money
from returnsdesk.domain.findings import Finding
from returnsdesk.services import finding_meanings
from returnsdesk.services.finding_meanings import MEANINGS

__all__ = ["MEANINGS", "day_text", "meaning"]


def meaning(finding: Finding, currency: str) -> str:
    """The sentence of a finding with its facts; amounts are in `currency`."""
    return finding_meanings.meaning(
        finding,
        lambda name, value: finding_meanings.written(
            name,
            value,
            money=lambda amount: money(amount, currency),
            moment=moment,
            day=day_text,
        ),
    )


def day_text(day: date) -> str:
    """A day with its weekday, which is what one looks for where weekends count."""
    return day.strftime("%Y-%m-%d (%a)")
