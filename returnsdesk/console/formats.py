"""How pages write amounts, codes and findings: the filters of the console's templates about documents."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, Final

from babel.dates import format_date, format_timedelta

from returnsdesk import formatting
from returnsdesk.console.rendering import moment, templates
from returnsdesk.domain.findings import Finding
from returnsdesk.services import finding_meanings

_GOOD: Final = frozenset(
    {"closed", "settled", "shipped", "delivered", "resolved", "refunded", "accepted", "sent"}
)
_BAD: Final = frozenset(
    {"lost", "denied", "refused", "rejected", "declined", "failed", "dead", "expired", "block"}
)
_WARN: Final = frozenset(
    {"requested", "on_hold", "open", "need_evidence", "declared", "choose_again", "review", "high"}
)
_MUTED: Final = frozenset({"cancelled", "released", "dropped", "done", "info"})

_WORDS: Final = {
    "need_evidence": "waits for a photo",
    "return_opened": "return opened",
    "to_approve": "to approve",
    "nlu_fallback": "not understood",
    "info": "good to know",
    "block": "in the way",
    "review": "a look first",
    "original": "the way it was paid",
    "job_dead": "job set aside",
    "outbox_job": "job",
}
_MAIL: Final = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"',;]+")
_LONG_NUMBER: Final = re.compile(r"(?<![\w-])\+?\d[\d ().-]{7,}\d(?!\w)")


def money(amount_minor: int, currency: str) -> str:
    """An amount in minor units as the team reads it."""
    return formatting.money(amount_minor, currency, "en")


def words(code: object) -> str:
    """A code of the record in words: "label_issued" is "label issued"."""
    text = str(code)
    return _WORDS.get(text, text.replace("_", " "))


def badge(code: object) -> str:
    """The class of the badge for a state or severity."""
    text = str(code)
    for names, kind in ((_GOOD, "good"), (_BAD, "bad"), (_WARN, "warn"), (_MUTED, "muted")):
        if text in names:
            return f"badge-{kind}"
    return "badge-info"


def day(value: date | None) -> str:
    """A calendar day with its weekday."""
    return format_date(value, "EEE d MMM y", locale="en_GB") if value else ""


def age(since: datetime, now: datetime) -> str:
    """How long something has waited: "3 days"."""
    return format_timedelta(now - since, locale="en_GB", threshold=1.2)


def meaning(finding: Finding, currency: str) -> str:
    """What a finding says, in plain words."""
    sentence = finding_meanings.meaning(
        finding,
        lambda name, value: finding_meanings.written(
            name,
            value,
            money=lambda amount: money(amount, currency),
            moment=moment,
            day=day,
        ),
    )
    return sentence[:1].upper() + sentence[1:]


def scrubbed(text: object) -> str:
    """A text of a machine, such as an error, without mail addresses and telephone numbers."""
    found = _MAIL.sub("•••@•••", "" if text is None else str(text))
    return _LONG_NUMBER.sub("•••", found)


def code_meaning(code: str) -> str:
    """What a finding's code means without its facts."""
    sentence = finding_meanings.MEANINGS.get(code, code.lower().replace("_", " "))
    return re.sub(r"\s*[(:;]?[^(:;]*\{\w+\}[^;]*", "", sentence) or words(code.lower())


_FILTERS: Final[dict[str, Any]] = {
    "price": money,
    "in_words": words,
    "state_badge": badge,
    "on_day": day,
    "for_how_long": age,
    "finding_meaning": meaning,
    "scrubbed": scrubbed,
    "in_options": formatting.options,
}
templates.env.filters.update(_FILTERS)
templates.env.globals["names_of_amounts"] = {
    "items_minor": "Items as they were paid",
    "fee_minor": "Return fee",
    "shipping_minor": "Delivery",
    "difference_minor": "Difference in price",
    "total_minor": "Goes back",
}
