"""What a notice says: its facts as headline, paragraphs, sections and links, the same for every channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from returnsdesk import formatting
from returnsdesk.domain import windows
from returnsdesk.jobs import notice_lines
from returnsdesk.services import links
from returnsdesk.services.notice_delivery import NoticeToSend
from returnsdesk.services.notice_facts import NoticeFacts
from returnsdesk.services.tracking import Tracking
from returnsdesk.settings import Settings
from returnsdesk.texts import render

# Notices that are sent before anything was checked: they say what would come back.
_EARLY: Final = frozenset({"request_received", "approved", "own_carrier", "label_ready"})
# Notices that the words of the team's decision belong to.
_WITH_DECISION: Final = frozenset(
    {
        "declined", "on_hold", "claim_needs_evidence", "claim_approved", "claim_denied", "claim_resolved",
        "withdrawal_refused",
    }
)  # fmt: skip
# Notices about the replacement alone.
_OF_REPLACEMENT: Final = frozenset(
    {"exchange_shipped", "payment_due", "payment_missed", "choose_again"}
)
_WITH_LABEL: Final = frozenset({"label_ready", "label_replaced"})
_BY_PICK_UP: Final = frozenset({"approved", "label_ready", "label_replaced"})
_LAST_REMINDER: Final = 2
# In Polish a name would have to stand in the vocative, which no record knows.
_NAMELESS: Final = frozenset({"pl"})
# German readers are addressed by their full name.
_FULL_NAME: Final = frozenset({"de"})


@dataclass(frozen=True)
class Section:
    """Lines under a heading; the chat shows only what is news there."""

    heading: str
    lines: tuple[str, ...]
    is_for_chat: bool


@dataclass(frozen=True)
class Link:
    """Somewhere to go on."""

    label: str
    url: str


@dataclass(frozen=True)
class Words:
    """A notice in one language; `quote` is what a person wrote, the team or the shopper, under its heading."""

    language: str
    number: str
    headline: str
    greeting: str
    paragraphs: tuple[str, ...]
    quote_heading: str
    quote: str
    sections: tuple[Section, ...]
    links: tuple[Link, ...]
    help: str


def words_of(notice: NoticeToSend, facts: NoticeFacts, settings: Settings, now: datetime) -> Words:
    """The words of a notice; raises `TextError` for an event that has none."""
    return _Composer(notice, facts, settings, now).words()


class _Composer:
    """One notice in one language."""

    def __init__(
        self, notice: NoticeToSend, facts: NoticeFacts, settings: Settings, now: datetime
    ) -> None:
        self._facts = facts
        self._language = notice.language
        self._settings = settings
        self._now = now
        self._event = _event_as_told(notice.event, facts)
        self._values = self._all_values()

    def words(self) -> Words:
        quote_heading, quote = self._quote()
        return Words(
            language=self._language,
            number=self._facts.number,
            headline=self._told(f"{self._event}_headline"),
            greeting=self._greeting(),
            paragraphs=tuple(self._paragraphs()),
            quote_heading=quote_heading,
            quote=quote,
            sections=tuple(self._sections()),
            links=tuple(self._links()),
            help=render("tracking_chat", self._language, number=self._facts.number),
        )

    def _told(self, name: str) -> str:
        return render(f"notice_{name}", self._language, **self._values)

    def _day(self, day: date | None) -> str:
        return formatting.day(day, self._language) if day else ""

    def _all_values(self) -> dict[str, Any]:
        """Every fact that a text may name; those that a document has not are empty."""
        facts, declared = self._facts, self._facts.declared
        shown: dict[str, Any] = {
            "shop": self._settings.shop_name,
            "number": facts.number,
            "order_number": facts.order_number,
            "rma_number": facts.rma_number or "",
            "amount": notice_lines.total(facts.paid_back, self._language),
            "replacement": notice_lines.replacement(facts.replacement, self._language),
            "tracking_number": (facts.replacement and facts.replacement.tracking_number) or "",
            "label_until": self._day(facts.label_expires_on),
            "goods_by": self._day(declared.goods_by) if declared else "",
            "refund_by": self._day(declared.refund_by) if declared else "",
            "declared_at": formatting.moment(declared.declared_at, self._language)
            if declared
            else "",
            "name": declared.name if declared else "",
        }
        return shown | (self._values_of_return(facts.tracking) if facts.tracking else {})

    def _values_of_return(self, found: Tracking) -> dict[str, Any]:
        standing, view, due = found.standing, found.standing.document, found.to_pay

        def on(moment: datetime | None) -> str:
            return self._day(windows.local_date(moment, view.country)) if moment else ""

        shown: dict[str, Any] = {
            "ship_by": on(view.ship_by),
            "arrived_on": on(view.arrived_at),
            "inspection_days": standing.inspection_working_days,
            "inspection_by": self._day(standing.inspection_by),
            "decide_by": self._day(found.decide_by),
            "pick_up_on": self._day(view.pick_up_on),
            "due_on": on(due.due_at) if due else "",
        }
        if due is not None and self._event == "payment_due":
            shown["amount"] = formatting.money(due.amount_minor, view.currency, self._language)
        return shown

    def _greeting(self) -> str:
        facts = self._facts
        last_name = facts.reader.last_name if self._language in _FULL_NAME else ""
        name = notice_lines.one_line(f"{facts.reader.first_name} {last_name}")
        if not name or self._language in _NAMELESS:
            return self._told("greeting_unnamed")
        return render("notice_greeting", self._language, name=name)

    def _paragraphs(self) -> Iterator[str]:
        yield self._told(f"{self._variant()}_text")
        facts = self._facts
        if self._event in _WITH_LABEL:
            if facts.tracking and facts.tracking.has_qr:
                yield self._told("label_without_printer")
            if facts.label_expires_on:
                yield self._told("label_valid_until")
        if self._event == "claim_approved" and facts.decided:
            yield self._told("claim_keep" if facts.decided.keep_item else "claim_send_back")
        if facts.declared and self._event == "withdrawal_received":
            if facts.declared.goods_by and facts.declared.refund_by:
                yield self._told("withdrawal_deadlines")
            yield self._told("withdrawal_keep_this")

    def _variant(self) -> str:
        """Which text of the event fits: by how the parcel travels, and by what was found or decided."""
        facts, found = self._facts, self._facts.tracking
        if self._event in _BY_PICK_UP and found and found.standing.document.pick_up_on:
            return f"{self._event}_pick_up"
        if self._event == "lost" and found and notice_lines.is_by_own_carrier(found):
            return "lost_own_carrier"
        if self._event == "inspected":
            if not any(item.rejected for item in facts.items):
                return "inspected"
            is_some = any(item.accepted for item in facts.items)
            return "inspected_partly" if is_some else "inspected_rejected"
        if self._event == "claim_approved" and facts.decided:
            return f"claim_approved_{facts.decided.resolution}"
        if self._event == "withdrawal_received" and not facts.order_number:
            return "withdrawal_received_order_unknown"
        return self._event

    def _quote(self) -> tuple[str, str]:
        facts = self._facts
        if self._event == "withdrawal_received" and facts.declared:
            return self._told("withdrawal_words"), facts.declared.words.strip()
        if self._event in _WITH_DECISION and facts.decision_text.strip():
            return render("tracking_decision", self._language), facts.decision_text.strip()
        return "", ""

    def _sections(self) -> Iterator[Section]:
        facts, found = self._facts, self._facts.tracking
        if self._event not in _OF_REPLACEMENT:
            yield from self._items()
        if self._event == "own_carrier" and found:
            lines = notice_lines.address(found, self._language)
            yield Section(render("tracking_send", self._language), tuple(lines), True)
        money = self._money()
        if money:
            yield Section(render("tracking_money", self._language), tuple(money), True)
        if facts.replacement and (
            self._event in _EARLY or self._event in ("inspected", "claim_resolved")
        ):
            line = notice_lines.replacement_status(facts, self._language)
            yield Section(render("tracking_exchange", self._language), (line,), True)

    def _items(self) -> Iterator[Section]:
        facts = self._facts
        lines = tuple(notice_lines.item(item, self._language) for item in facts.items)
        heading = "tracking_items" if facts.tracking else "notice_items"
        if facts.declared and not lines and facts.country:
            lines = (self._told("whole_order"),)
        if lines:
            is_news = self._event == "inspected"
            yield Section(render(heading, self._language), lines, is_news)

    def _money(self) -> list[str]:
        facts, found = self._facts, self._facts.tracking
        if self._event in ("inspected", "refunded", "claim_approved", "claim_resolved"):
            return [
                line
                for refund in facts.paid_back
                for line in notice_lines.refund(refund, self._language)
            ]
        if self._event in _EARLY and found:
            return notice_lines.expected(found, self._language)
        return []

    def _links(self) -> Iterator[Link]:
        facts, found = self._facts, self._facts.tracking
        if facts.rma_number is None:
            return
        has_label = found is not None and found.has_label
        if has_label and (self._event in _WITH_LABEL or self._event.startswith("reminder_")):
            url = links.label_url(self._settings, facts.rma_number, now=self._now)
            yield Link(render("tracking_label", self._language), url)
        due = found.to_pay if found else None
        if self._event == "payment_due" and due and notice_lines.is_web_address(due.url):
            label = render("tracking_pay_link", self._language, amount=self._values["amount"])
            yield Link(label, str(due.url))
        url = links.tracking_url(self._settings, facts.rma_number, now=self._now)
        yield Link(self._told("follow"), url)


def _event_as_told(event: str, facts: NoticeFacts) -> str:
    """The event whose texts are told: later reminders are the last one, and no label follows without a carrier."""
    if event.startswith("reminder_"):
        number = int(event.removeprefix("reminder_"))
        return f"reminder_{min(number, _LAST_REMINDER)}"
    if event == "approved" and facts.tracking and notice_lines.is_by_own_carrier(facts.tracking):
        return "own_carrier"
    return event
