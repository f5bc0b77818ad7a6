"""What to ask next about a draft: settles what needs no question and gives the first open one with its choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from returnsdesk.db.models import Draft, DraftLine, Variant
from returnsdesk.db.session import Database
from returnsdesk.domain.reasons import REASONS
from returnsdesk.domain.variants import VariantOption, neighbouring_sizes
from returnsdesk.services import drafts, identity, orders, policies, stock
from returnsdesk.services.errors import NotFound

SIZE_DIRECTIONS: Mapping[str, str] = {"too_small": "up", "too_large": "down"}
# More buttons than this are no help; the rest can be typed.
MOST_CHOICES = 8


@dataclass(frozen=True)
class Choice:
    """One answer to a question: its value for the desk and the facts that make its label."""

    value: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """The open question of a draft. `facts` are for its wording; kind `nothing` means there is nothing to return."""

    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()


def next_question(
    database: Database, conversation_id: str, language: str, *, now: datetime
) -> Question:
    """The first open question of the conversation's draft, from the record as it is now."""
    with database.write() as session:
        draft = drafts.latest(session, conversation_id, now)
        if draft is None or draft.state != "open":
            raise NotFound("NO_DRAFT", "there is no open draft")
        if not draft.lines:
            return _item_question(session, draft, language, now)
        for line in draft.lines:
            question = _line_question(session, line, language, now)
            if question is not None:
                return question
        if any(line.outcome == "refund" for line in draft.lines):
            draft.settlement = draft.settlement or "original"
        else:
            draft.settlement = None
        summary = drafts.summary_of(session, draft, language, now)
        draft.summary_token = summary.token
        choices = (Choice(f"confirm:{summary.token}"), Choice("change"), Choice("stop"))
        return Question("confirmation", {"summary": summary}, choices)


def _variant_option(variant: Variant, available: int) -> VariantOption:
    """A variant in the shape that the resolution of a shopper's words works on."""
    return VariantOption(
        variant.id, variant.sku, dict(variant.options), available, variant.price_minor
    )


def siblings_of(
    session: Session, line: DraftLine
) -> tuple[VariantOption | None, list[VariantOption]]:
    """The variant that a draft line brings back, and all variants of its product with what is in stock of each."""
    bought = line.order_line.variant
    if bought is None:
        return None, []
    options = [_variant_option(variant, free) for variant, free in stock.siblings(session, bought)]
    return next(option for option in options if option.key == bought.id), options


def exchange_offers(session: Session, line: DraftLine) -> list[VariantOption]:
    """Replacements in stock to offer for a line, nearest first.

    After a size reason these are the neighbouring sizes. What the shopper asked for and is sold out as it is ("43")
    is offered as well where it exists otherwise, in another colour say.
    """
    current, siblings = siblings_of(session, line)
    if current is None:
        return []
    needed = line.quantity or 1
    others = [each for each in siblings if each.key != current.key and each.available >= needed]
    others.sort(key=lambda each: _differences(current, each))
    asked_for: dict[str, str] = line.draft.wish.get("asked_for") or {}
    wanted = [each for each in others if asked_for and asked_for.items() <= each.options.items()]
    direction = SIZE_DIRECTIONS.get(line.reason or "")
    near = neighbouring_sizes(current, siblings, direction, needed) if direction else []
    first = [*near, *(each for each in wanted if each not in near)]
    rest = [] if near else [each for each in others if each not in first]
    return [*first, *rest][:MOST_CHOICES]


def _item_question(session: Session, draft: Draft, language: str, now: datetime) -> Question:
    scope = identity.scope_of(session, draft.conversation_id, now)
    items = orders.items_of(session, scope, language, now) if scope else []
    offered = [item for item in items if item.is_returnable or item.is_exchangeable]
    if draft.wish.get("whole_order"):
        return _order_question(offered)
    among = draft.wish.get("candidates") or []
    narrowed = [item for item in offered if item.order_line_id in among]
    asked = narrowed or offered
    if not asked:
        return Question("nothing", {"items": items})
    choices = tuple(
        Choice(f"item:{item.order_line_id}", {"item": item}) for item in asked[:MOST_CHOICES]
    )
    return Question("item", {"is_ambiguous": bool(narrowed), "count": len(asked)}, choices)


def _order_question(offered: list[orders.ItemView]) -> Question:
    """All items of one order shall come back: which order?"""
    first: dict[int, orders.ItemView] = {}
    for item in offered:
        first.setdefault(item.order_id, item)
    choices = tuple(Choice(f"order:{order_id}", {"item": item}) for order_id, item in first.items())
    return Question("order", {"count": len(choices)}, choices[:MOST_CHOICES])


def _line_question(
    session: Session, line: DraftLine, language: str, now: datetime
) -> Question | None:
    item = orders.item_view(session, line.order_line, language, now, line.reason)
    if line.quantity is None and item.available <= 1:
        line.quantity = 1
    if line.quantity is None:
        choices = tuple(
            Choice(f"quantity:{count}", {"count": count}) for count in range(1, item.available + 1)
        )
        return Question("quantity", {"item": item}, choices[:MOST_CHOICES])
    if line.reason is None:
        return Question(
            "reason", {"item": item}, tuple(Choice(f"reason:{reason}") for reason in REASONS)
        )
    if line.outcome != "exchange" and not item.is_returnable:
        return _exchange_only_question(session, line, item)
    if line.outcome is None:
        return _outcome_question(session, line, item)
    if line.outcome == "exchange" and line.new_variant_id is None:
        return _variant_question(session, line, item)
    return None


def _outcome_question(session: Session, line: DraftLine, item: orders.ItemView) -> Question | None:
    """After a size reason the neighbouring sizes are offered at once; otherwise the money goes back."""
    offers = exchange_offers(session, line) if line.reason in SIZE_DIRECTIONS else []
    if not offers or not policies.policy_of(line.order_line.order).exchange.allowed:
        line.outcome = "refund"
        return None
    choices = (*_offer_choices(offers), Choice("outcome:refund"))
    return Question("outcome", {"item": item}, choices)


def _exchange_only_question(session: Session, line: DraftLine, item: orders.ItemView) -> Question:
    """The money cannot go back any more, but something else can still go out, as far as there is any."""
    offers = exchange_offers(session, line)
    if not offers:
        return Question("nothing_left", {"item": item}, (Choice("stop"),))
    return Question("exchange_only", {"item": item}, (*_offer_choices(offers), Choice("stop")))


def _variant_question(session: Session, line: DraftLine, item: orders.ItemView) -> Question | None:
    offers = exchange_offers(session, line)
    if not item.is_returnable:
        return _exchange_only_question(session, line, item)
    if not offers:
        return Question("no_exchange", {"item": item}, (Choice("outcome:refund"), Choice("stop")))
    return Question("variant", {"item": item}, (*_offer_choices(offers), Choice("outcome:refund")))


def _offer_choices(offers: list[VariantOption]) -> tuple[Choice, ...]:
    return tuple(Choice(f"variant:{each.key}", {"options": each.options}) for each in offers)


def _differences(current: VariantOption, other: VariantOption) -> int:
    names = {*current.options, *other.options}
    return sum(1 for name in names if current.options.get(name) != other.options.get(name))
