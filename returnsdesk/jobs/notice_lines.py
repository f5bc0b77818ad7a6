"""The lines of notices: items, money, replacements and addresses, each as one sentence or entry of a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

from returnsdesk import formatting
from returnsdesk.services.notice_facts import (
    Credit,
    Item,
    NoticeFacts,
    PaidBack,
    Replacement,
    WayBack,
)
from returnsdesk.services.tracking import Tracking
from returnsdesk.texts import render

# Ways of paying back that have a text of their own.
_WAYS: Final = ("card", "paypal", "gift_card", "invoice", "store_credit")


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
    facts = {
        "amount": formatting.money(found.amount_minor, found.currency, language),
        "ways": formatting.enumeration([_way(each, language) for each in found.ways], language),
    }
    if not (found.paid_on and found.shows_from and found.shows_to):
        yield render("refunds_status_sending", language, **facts)
    else:
        is_at_once = found.shows_to == found.paid_on
        yield render(
            "refunds_status_settled_at_once" if is_at_once else "refunds_status_settled",
            language,
            paid_on=formatting.day(found.paid_on, language),
            money_from=formatting.day(found.shows_from, language),
            money_to=formatting.day(found.shows_to, language),
            **facts,
        )
    if found.fee_minor:
        fee = formatting.money(found.fee_minor, found.currency, language)
        yield render("refunds_status_fee", language, fee=fee)
    for credit in found.credits:
        yield _credit(credit, found.currency, language)


def expected(found: Tracking, language: str) -> list[str]:
    """What comes back if everything is accepted, and the way it goes; nothing where that is not known yet."""
    document = found.standing.document
    if found.expected_minor is None:
        return []
    amount = formatting.money(found.expected_minor, document.currency, language)
    lines = [render("tracking_money_expected", language, amount=amount)]
    if document.fee_minor:
        fee = formatting.money(document.fee_minor, document.currency, language)
        lines.append(render("tracking_money_expected_fee", language, fee=fee))
    way = "store_credit" if document.settlement == "store_credit" else "original"
    return [*lines, render(f"tracking_money_way_{way}", language)]


def address(found: Tracking, language: str) -> Iterator[str]:
    """Where a parcel goes that the shopper sends by a carrier of their own, and who pays for it."""
    yield render("tracking_address", language, number=found.standing.document.rma_number)
    yield from (line for line in found.postal_address.splitlines() if line.strip())
    postage = "paid" if found.is_postage_paid else "by_shopper"
    yield render(f"returns_postage_{postage}", language)


def replacement(found: Replacement | None, language: str) -> str:
    """The items that are sent in place of others."""
    if found is None:
        return ""
    return formatting.enumeration(
        [one_line(formatting.item(name, options)) for name, options in found.items], language
    )


def replacement_status(facts: NoticeFacts, language: str) -> str:
    """Where the replacement stands."""
    found = facts.replacement
    if found is None:
        return ""
    return render(
        f"tracking_exchange_{found.status}",
        language,
        items=replacement(found, language),
        day=formatting.day(found.shipped_on, language) if found.shipped_on else "",
    )


def _way(found: WayBack, language: str) -> str:
    if found.kind == "credit_card" and found.last_four:
        return render("label_payment_credit_card", language, last_four=found.last_four)
    kind = {"credit_card": "card"}.get(found.kind, found.kind)
    return render(f"label_payment_{kind if kind in _WAYS else 'other'}", language)


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
