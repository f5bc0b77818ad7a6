"""The lines of notices: items, money, replacements and addresses, each as one sentence or entry of a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from returnsdesk import formatting, outcome_words
from returnsdesk.services.notice_facts import (
    Credit,
    Item,
    NoticeFacts,
    PaidBack,
    Replacement,
)
from returnsdesk.services.tracking import Tracking
from returnsdesk.texts import render


def one_line(text: str) -> str:
    """A name as a line can hold it."""
    return " ".join(text.split())


def is_web_address(url: str | None) -> bool:
    """Whether a reader may be led there."""
    return urlsplit(url or "").scheme in ("http", "https")


def is_by_own_carrier(found: Tracking) -> bool:
    """Whether the shopper sends the parcel by a carrier of their own."""
    return found.standing.document.method == "own_carrier"


def item(found: Item, language: str) -> str:
    """Units with what the shopper gets for them, or with what the check said."""
    details = []
    if found.accepted or found.rejected:
        if found.accepted:
            details.append(render("tracking_item_accepted", language, count=found.accepted))
        if found.rejected:
            details.append(_rejected(found, language))
    elif found.outcome == "exchange":
        new = formatting.options(found.new_options or {})
        details.append(
            render("tracking_item_exchange", language, new=new)
            if new
            else render("notice_item_replaced", language)
        )
    elif found.outcome:
        details.append(render("tracking_item_refund", language))
    named = f"{found.quantity} × {one_line(formatting.item(found.name, found.options))}"
    return f"{named}: {', '.join(details)}" if details else named


def _rejected(found: Item, language: str) -> str:
    text = render("tracking_item_rejected", language, count=found.rejected)
    reasons = "; ".join(one_line(reason) for reason in found.rejection_reasons)
    return f"{text} ({reasons})" if reasons else text


def total(refunds: Iterable[PaidBack], language: str) -> str:
    """All that was paid back so far as one amount; all refunds of a document are in its order's currency."""
    settled = [refund for refund in refunds if refund.paid_on is not None]
    if not settled:
        return ""
    amount = sum(refund.amount_minor for refund in settled)
    return formatting.money(amount, settled[0].currency, language)


def refund(found: PaidBack, language: str) -> Iterator[str]:
    """How much goes back which way, when it shows, what was taken off, and the codes of credit."""
    amount = formatting.money(found.amount_minor, found.currency, language)
    ways = outcome_words.ways_back(found.ways, language)
    if found.paid_on and found.shows_from and found.shows_to:
        paid = outcome_words.Paid(found.paid_on, found.shows_from, found.shows_to)
        yield outcome_words.paid_back(amount, ways, paid, language)
    else:
        yield render("refunds_status_sending", language, amount=amount, ways=ways)
    if found.fee_minor:
        yield outcome_words.fee_taken_off(found.fee_minor, found.currency, language)
    for credit in found.credits:
        yield _credit(credit, found.currency, language)


def expected(found: Tracking, language: str) -> list[str]:
    """What comes back if everything is accepted, and the way it goes; nothing where that is not known yet."""
    document = found.standing.document
    if found.expected_minor is None:
        return []
    return outcome_words.expected_back(
        found.expected_minor,
        document.fee_minor,
        document.currency,
        document.settlement,
        language,
    )


def address(found: Tracking, language: str) -> Iterator[str]:
    """Where a parcel goes that the shopper sends by a carrier of their own, and who pays for it."""
    yield render("tracking_address", language, number=found.standing.document.rma_number)
    yield from (line for line in found.postal_address.splitlines() if line.strip())
    postage = "paid" if found.is_postage_paid else "by_shopper"
    yield render(f"returns_postage_{postage}", language)


def replacement(found: Replacement | None, language: str) -> str:
    """The items that are sent in place of others."""
    return formatting.enumeration(_names(found), language) if found else ""


def replacement_status(facts: NoticeFacts, language: str) -> str:
    """Where the replacement stands."""
    found = facts.replacement
    if found is None:
        return ""
    return outcome_words.replacement_stands(found.status, _names(found), found.shipped_on, language)


def _names(found: Replacement) -> list[str]:
    return [one_line(formatting.item(name, options)) for name, options in found.items]


def _credit(found: Credit, currency: str, language: str) -> str:
    amount = formatting.money(found.amount_minor, currency, language)
    if found.expires_on is None:
        return render("notice_credit", language, code=found.code, amount=amount)
    return render(
        "notice_credit_until",
        language,
        code=found.code,
        amount=amount,
        # With its year, as it is far away.
        day=formatting.far_day(found.expires_on, language),
    )
