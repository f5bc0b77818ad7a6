"""What the tracking page says: every fact of a return as words, dates and amounts in one language."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from returnsdesk import formatting, outcome_words
from returnsdesk.domain import states, windows
from returnsdesk.services import tracking
from returnsdesk.services.tracking import Stage, Tracking
from returnsdesk.services.views import RefundView, ReturnLineView
from returnsdesk.texts import render

_HEADINGS = (
    "languages",
    "next",
    "stages",
    "done",
    "send",
    "items",
    "money",
    "exchange",
    "decision",
    "shop",
    "label",
    "qr",
    "qr_name",
    "carrier",
)


def for_return(found: Tracking) -> dict[str, Any]:
    """Everything that the page of a return shows, in its language."""
    return _Words(found).page()


def for_no_return(language: str) -> dict[str, Any]:
    """What the page says when a link opens nothing."""
    names = ("gone_text", "gone_contact", "shop", "languages")
    words = {name: render(f"tracking_{name}", language) for name in names}
    return {"title": render("tracking_gone_title", language), "words": words}


def for_no_label(language: str) -> dict[str, Any]:
    """What the page says when a good link leads to no label."""
    names = {"gone_text": "no_label_text", "to_return": "no_label_to_return"}
    texts = {name: render(f"tracking_{key}", language) for name, key in names.items()}
    words = {**for_no_return(language)["words"], **texts}
    return {"title": render("tracking_no_label_title", language), "words": words}


class _Words:
    """One return in one language."""

    def __init__(self, found: Tracking) -> None:
        self._found = found
        self._standing = found.standing
        self._document = found.standing.document
        self._language = found.language

    def page(self) -> dict[str, Any]:
        document = self._document
        return {
            "title": self._text("title", number=document.rma_number),
            "order": render("label_card_order", self._language, number=document.order_number),
            "what_next": self._what_next(),
            "decision_text": document.decision_text,
            "stages": [self._stage(stage) for stage in self._found.stages],
            "step": self._step(),
            "send": self._sending(),
            "items": [self._item(line) for line in document.lines],
            "money": self._money(),
            "exchange": self._exchange(),
            "pay": self._pay(),
            "chat": self._text("chat", number=document.rma_number),
            "words": {name: self._text(name) for name in _HEADINGS},
        }

    def _text(self, name: str, **facts: Any) -> str:
        return render(f"tracking_{name}", self._language, **facts)

    def _day(self, day: date | None) -> str:
        return formatting.day(day, self._language) if day else ""

    def _day_of(self, moment: datetime | None) -> str:
        return self._day(windows.local_date(moment, self._document.country)) if moment else ""

    def _amount(self, amount_minor: int) -> str:
        return formatting.money(amount_minor, self._document.currency, self._language)

    def _what_next(self) -> str:
        document, found = self._document, self._found
        exchange = document.exchange
        if exchange is not None and exchange.status == states.EXCHANGE_CHOOSE_AGAIN:
            return self._text("next_choose_again")
        kind = document.status
        if kind == states.ARRIVED and self._standing.is_late:
            kind = "arrived_late"
        elif kind == states.APPROVED and self._document.method == "own_carrier":
            kind = "approved_own_carrier"
        elif kind in (states.APPROVED, states.LABEL_ISSUED) and self._document.pick_up_on:
            kind = f"{kind}_pick_up"
        return self._text(
            f"next_{kind}",
            decide_by=self._day(found.decide_by),
            ship_by=self._day_of(document.ship_by),
            pick_up_on=self._day(self._document.pick_up_on),
            inspection_days=self._standing.inspection_working_days,
            inspection_by=self._day(self._standing.inspection_by),
        )

    def _stage(self, stage: Stage) -> dict[str, str]:
        return {
            "label": render(f"label_stage_{stage.name}", self._language),
            "state": stage.state,
            "date": stage.on.isoformat() if stage.on else "",
            "day": self._day(stage.on),
            "when": self._when(stage) if stage.state == tracking.NEXT else "",
        }

    def _when(self, stage: Stage) -> str:
        """By when a step comes, where that was promised or can be reckoned."""
        found, standing = self._found, self._standing
        if stage.name == tracking.REVIEWED and found.decide_by:
            return self._text("when_approved", day=self._day(found.decide_by))
        if stage.name == tracking.ON_ITS_WAY and self._document.status != states.REQUESTED:
            if self._document.pick_up_on:
                return self._text("when_pick_up", day=self._day(self._document.pick_up_on))
            return self._text("when_in_transit", day=self._day_of(self._document.ship_by))
        if stage.name == states.INSPECTED:
            if standing.inspection_by is None:
                return self._text("when_inspected_days", days=standing.inspection_working_days)
            late = "_late" if standing.is_late else ""
            return self._text(f"when_inspected{late}", day=self._day(standing.inspection_by))
        is_before_check = self._document.inspected_at is None
        if stage.name in (tracking.REPAID, tracking.REPLACED) and is_before_check:
            return self._text("when_after_check")
        return ""

    def _step(self) -> str:
        """The bar in words, for those who do not see it."""
        stages = self._found.stages
        place = max(
            number for number, stage in enumerate(stages, 1) if stage.state != tracking.NEXT
        )
        label = render(f"label_stage_{stages[place - 1].name}", self._language)
        return self._text("step", place=place, count=len(stages), stage=label)

    def _sending(self) -> dict[str, Any] | None:
        """How the parcel gets to the shop, and where it is; None when there is nothing to send any more."""
        document, found = self._document, self._found
        is_to_send = document.status in (states.APPROVED, states.LABEL_ISSUED)
        is_own = is_to_send and self._document.method == "own_carrier"
        parcels = [
            {"number": self._text("parcel", number=parcel.tracking_number), "url": _web(parcel.tracking_url)}
            for parcel in document.parcels
            if document.status not in (*states.RETURN_ENDED, states.INSPECTED)
        ]  # fmt: skip
        pick_up = self._text("pick_up", day=self._day(self._document.pick_up_on))
        postage = "paid" if found.is_postage_paid else "by_shopper"
        shown = {
            "has_label": found.has_label,
            "has_qr": found.has_qr,
            "pick_up": pick_up if is_to_send and self._document.pick_up_on else "",
            "address_intro": self._text("address", number=document.rma_number) if is_own else "",
            "address": found.postal_address.splitlines() if is_own else [],
            "postage": render(f"returns_postage_{postage}", self._language) if is_own else "",
            "parcels": parcels,
        }
        return shown if any(shown.values()) else None

    def _item(self, line: ReturnLineView) -> dict[str, Any]:
        details = [formatting.options(line.options)] if line.options else []
        if line.outcome == "exchange":
            details.append(
                self._text("item_exchange", new=formatting.options(line.new_options or {}))
            )
        else:
            details.append(self._text("item_refund"))
        if line.accepted:
            details.append(self._text("item_accepted", count=line.accepted))
        if line.rejected:
            details.append(self._text("item_rejected", count=line.rejected))
        return {
            "name": self._name(line),
            "quantity": line.quantity,
            "detail": " · ".join(details),
            "reasons": line.rejection_reasons,
            "image": line.image_url,
        }

    def _name(self, line: ReturnLineView) -> str:
        return self._standing.names.get(line.line_external_id, line.name)

    def _money(self) -> list[str]:
        document, expected = self._document, self._found.expected_minor
        if document.refunds:
            return [text for refund in document.refunds for text in self._refund(refund)]
        if expected is None:
            return []
        return outcome_words.expected_back(
            expected, document.fee_minor, document.currency, document.settlement, self._language
        )

    def _refund(self, refund: RefundView) -> list[str]:
        amount = formatting.money(refund.amount_minor, refund.currency, self._language)
        ways = outcome_words.ways_back(refund.parts, self._language)
        texts = []
        if refund.settled_at is None:
            texts.append(render("refunds_status_sending", self._language, amount=amount, ways=ways))
        elif self._standing.money_from and self._standing.money_to:
            paid_on = windows.local_date(refund.settled_at, self._document.country)
            paid = outcome_words.Paid(paid_on, self._standing.money_from, self._standing.money_to)
            texts.append(outcome_words.paid_back(amount, ways, paid, self._language))
        if fee_minor := refund.breakdown.get("fee_minor"):
            texts.append(outcome_words.fee_taken_off(fee_minor, refund.currency, self._language))
        return texts

    def _exchange(self) -> str:
        exchange = self._document.exchange
        if exchange is None:
            return ""
        wanted = [
            formatting.item(self._name(line), line.new_options)
            for line in self._document.lines
            if line.new_options is not None
        ]
        shipped_on = (
            windows.local_date(exchange.shipped_at, self._document.country)
            if exchange.shipped_at
            else None
        )
        return outcome_words.replacement_stands(exchange.status, wanted, shipped_on, self._language)

    def _pay(self) -> dict[str, str] | None:
        due = self._found.to_pay
        if due is None:
            return None
        amount = self._amount(due.amount_minor)
        return {
            "text": self._text("pay", amount=amount, day=self._day_of(due.due_at)),
            "label": self._text("pay_link", amount=amount),
            "url": _web(due.url),
        }


def _web(address: str | None) -> str:
    """The address if a browser may follow it, otherwise nothing."""
    return address if address and address.startswith(("https://", "http://")) else ""
