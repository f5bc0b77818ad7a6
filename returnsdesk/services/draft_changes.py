"""Changing the lines of a draft to what a shopper said, with what has to be told about each change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from returnsdesk.db.models import Draft, DraftLine, OrderLine
from returnsdesk.domain.eligibility import BLOCK
from returnsdesk.domain.variants import match_variant
from returnsdesk.services import conversation_subject, identity, ledger, orders, policies
from returnsdesk.services.return_questions import siblings_of


@dataclass(frozen=True)
class Notice:
    """Something to tell the shopper before the next question."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class DraftChanges:
    """The changes of one message to one draft, within the caller's transaction."""

    def __init__(self, session: Session, draft: Draft, language: str, now: datetime) -> None:
        self.session, self.draft, self.language, self.now = session, draft, language, now
        self.notices: list[Notice] = []

    def views(self, reason: str | None = None) -> dict[int, orders.ItemView]:
        """All items in the conversation's scope by their order line, as they stand for a reason."""
        scope = identity.scope_of(self.session, self.draft.conversation_id, self.now)
        if scope is None:
            return {}
        items = orders.items_of(self.session, scope, self.language, self.now, reason)
        return {item.order_line_id: item for item in items}

    def known(self) -> list[int]:
        """The order lines that the draft is about."""
        return [line.order_line_id for line in self.draft.lines]

    def choose_items(
        self, keys: list[int], quantities: Mapping[int, int], reason: str | None = None
    ) -> None:
        """Make the draft about these order lines, as far as the rules allow and one order goes."""
        views = self.views(reason)
        chosen = [views[key] for key in keys if key in views]
        allowed = [item for item in chosen if item.is_returnable or item.is_exchangeable]
        for item in chosen:
            if item not in allowed:
                blocks = [finding for finding in item.findings if finding.severity == BLOCK]
                self.notices.append(Notice("NOT_RETURNABLE", {"item": item, "finding": blocks[0]}))
        if not allowed:
            return
        together = [item for item in allowed if item.order_id == allowed[0].order_id]
        if len(together) < len(allowed):
            self.notices.append(
                Notice("ONE_ORDER_AT_A_TIME", {"order_number": together[0].order_number})
            )
        self._replace_lines([item.order_line_id for item in together], together[0].order_id)
        for line in self.draft.lines:
            if line.order_line_id in quantities:
                self.set_quantity(line, quantities[line.order_line_id])

    def choose_order(self, order_id: int, reason: str | None = None) -> None:
        """Make the draft about everything of an order that can still come back, and say what cannot."""
        items = [item for item in self.views(reason).values() if item.order_id == order_id]
        quantities = {item.order_line_id: item.available for item in items if item.available}
        self.choose_items([item.order_line_id for item in items], quantities, reason)

    def _replace_lines(self, keys: list[int], order_id: int) -> None:
        """Keep reason and outcome of lines that stay; a single corrected item inherits them from the one before."""
        kept = {line.order_line_id: line for line in self.draft.lines}
        inherited = self.draft.lines[0] if len(kept) == 1 and len(keys) == 1 else None
        lines = []
        for key in keys:
            line = kept.get(key) or DraftLine(
                order_line=self.session.get(OrderLine, key), order_line_id=key
            )
            if inherited is not None and line is not inherited:
                line.reason, line.note = inherited.reason, inherited.note
                line.outcome = inherited.outcome
            lines.append(line)
        self.draft.lines = lines
        self.draft.order_id = order_id
        self.draft.wish = {
            name: value
            for name, value in self.draft.wish.items()
            if name not in ("candidates", "whole_order")
        }
        self.session.flush()
        self.session.expire(self.draft, ["order"])
        order = self.draft.order
        if order is not None:
            conversation_subject.about_order(self.session, self.draft.conversation_id, order)

    def set_quantity(self, line: DraftLine, quantity: int) -> None:
        """Take a number of pieces; more than there are is said with what holds the rest, never reduced silently."""
        order_line = line.order_line
        policy = policies.policy_of(order_line.order)
        facts = ledger.line_facts(self.session, order_line)
        available = facts.available(policy, self.now)
        if 1 <= quantity <= available:
            line.quantity = quantity
            return
        line.quantity = None
        item = orders.item_view(self.session, order_line, self.language, self.now)
        self.notices.append(
            Notice(
                "QTY_EXCEEDS",
                {
                    "available": available,
                    "item": item,
                    "delivered": facts.delivered(policy, self.now),
                    "claimed": facts.claimed,
                    "rma_number": facts.blocking_rma,
                },
            )
        )

    def set_outcome(self, line: DraftLine, outcome: str) -> None:
        """Take what the shopper gets for a line."""
        line.outcome = outcome
        if outcome == "refund":
            line.new_variant_id = None

    def set_variant(self, line: DraftLine, variant_id: int) -> None:
        """Take the replacement of a line, if it is one and in stock."""
        current, siblings = siblings_of(self.session, line)
        option = next((each for each in siblings if each.key == variant_id), None)
        if option is None or current is None or option.key == current.key:
            self.notices.append(Notice("STALE_CHOICE"))
        elif option.available < (line.quantity or 1):
            line.outcome, line.new_variant_id = "exchange", None
            self._note_sold_out(dict(option.options))
        else:
            line.outcome, line.new_variant_id = "exchange", variant_id

    def take_variant(self, line: DraftLine, text: str) -> None:
        """Take the replacement that the words name ("43", "one size up", "M, or L if there is none")."""
        current, siblings = siblings_of(self.session, line)
        if current is None:
            return
        match = match_variant(text, current, siblings)
        if not match.is_about_variant:
            return
        by_key = {option.key: option for option in siblings}
        needed = line.quantity or 1
        for keys in (match.wanted, match.fallback):
            in_stock = [
                key for key in keys if by_key[key].available >= needed and key != current.key
            ]
            if len(in_stock) == 1:
                self.set_variant(line, in_stock[0])
                return
        self.set_outcome(line, "exchange")
        if match.wanted == (current.key,):
            self.notices.append(Notice("SAME_VARIANT"))
        elif not any(by_key[key].available >= needed for key in match.wanted):
            self._note_sold_out(dict(match.asked_for))

    def _note_sold_out(self, asked_for: dict[str, str]) -> None:
        self.draft.wish = {**self.draft.wish, "asked_for": asked_for}
        self.notices.append(Notice("SOLD_OUT", {"asked_for": asked_for}))
