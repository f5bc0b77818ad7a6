"""Questions about the policy, answered from the active policy file, so that answers and decisions agree."""

from __future__ import annotations

from typing import Any

from actions import wording
from actions.page import items_on_page
from actions.turn import DeskAction, Turn, at_hand, database
from returnsdesk import formatting
from returnsdesk.domain.eligibility import BLOCK, FAULT_REASONS
from returnsdesk.domain.matching import match_items
from returnsdesk.domain.policy import Policy
from returnsdesk.services import drafts, identity, orders, policies, returns
from returnsdesk.services.orders import ItemView

# What has a name in `data/responses`; anything else that a shop writes into its policy is left to the shop's words.
PAYMENT_METHODS = ("credit_card", "paypal", "invoice", "gift_card", "store_credit")
NAMED_CATEGORIES = ("gift_card", "digital")
MOST_ITEMS = 6


class ActionPolicyWindow(DeskAction):
    """How long can I return?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_policy_window"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Days for a return and for an exchange, and the exact last days of the shopper's own items."""
        named = _say_named_items(turn)
        if named is not None:
            return named
        shown = items_on_page(turn)
        events = _say_items(turn, shown)
        window = policies.active_policy().window
        turn.say(
            "policy_window", return_days=window.return_days, exchange_days=window.exchange_days
        )
        dated = [] if shown else _items_with_last_day(turn)
        if dated:
            turn.say_text("\n".join([turn.label("policy_last_days_head"), *dated]))
        return events


class ActionPolicyCost(DeskAction):
    """What does a return cost?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_policy_cost"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """The fee for what is being put together; otherwise the fee in general and who is spared it."""
        at_hand = _fee_at_hand(turn)
        if at_hand is not None:
            fee_minor, currency = at_hand
            fee = formatting.money(fee_minor, currency, turn.language)
            turn.say("policy_cost_at_hand" if fee_minor else "policy_cost_at_hand_free", fee=fee)
            return []
        policy = policies.active_policy()
        currency = next(iter(policy.fees.return_by_currency), "EUR")
        fee_minor = policy.fees.return_by_currency.get(currency, 0)
        if fee_minor == 0:
            turn.say("policy_cost_free")
            return []
        fee = formatting.money(fee_minor, currency, turn.language)
        free = formatting.enumeration(_free_cases(turn, policy), turn.language)
        turn.say("policy_cost", fee=fee, free=free or "-")
        return []


class ActionPolicyRefundTime(DeskAction):
    """How long does a refund take?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_policy_refund_time"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Our part and the bank's part."""
        policy = policies.active_policy()
        ways = [
            turn.label(
                "policy_way_days",
                way=turn.label(f"label_method_{method}"),
                first=days[0],
                last=days[1],
            )
            for method, days in policy.refund.working_days_by_method.items()
            if method in PAYMENT_METHODS and days[1] > 0
        ]
        turn.say(
            "policy_refund_time",
            inspection_days=policy.return_.inspection_working_days,
            ways="; ".join(ways),
        )
        return []


class ActionPolicyExclusions(DeskAction):
    """Can everything be returned?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_policy_exclusions"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """What the policy excludes, and what stays possible."""
        named = _say_named_items(turn)
        if named is not None:
            return named
        events = _say_items(turn, items_on_page(turn))
        rules = policies.active_policy().exclusions
        excluded = [
            turn.label(f"label_excluded_{name}")
            for name in ("final_sale", "hygiene", "personalised")
            if getattr(rules, name)
        ]
        excluded += [
            turn.label(f"label_excluded_{category}") if category in NAMED_CATEGORIES else category
            for category in rules.categories
        ]
        if not excluded:
            turn.say("policy_exclusions_none")
        else:
            listed = formatting.enumeration(excluded, turn.language)
            turn.say("policy_exclusions", excluded=listed)
        return events


def _items_with_last_day(turn: Turn) -> list[str]:
    """The shopper's items that can still come back, each with its last day; none before identity is proven."""
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        items = orders.items_of(session, scope, turn.language, turn.now) if scope else []
    dated = [_dated(turn, item) for item in items if item.is_returnable]
    return [text for text in dated if text][:MOST_ITEMS]


def _dated(turn: Turn, item: ItemView) -> str:
    """An item with its last day; empty while parcels of the order are still to leave."""
    if item.last_day is None:
        return ""
    return turn.label(
        "policy_last_day",
        item=wording.item_text(item),
        order_number=item.order_number,
        last_day=formatting.day(item.last_day, turn.language),
    )


def _say_named_items(turn: Turn) -> list[dict[str, Any]] | None:
    """Answer for the shopper's own items that the question names; None when it names none."""
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        items = orders.items_of(session, scope, turn.language, turn.now) if scope else []
        match = match_items(
            turn.text, orders.matchable(session, [each.order_line_id for each in items])
        )
    named = [each for each in items if match.is_about_items and each.order_line_id in match.keys]
    if not named or len(named) == len(items) > 1:
        return None
    return _say_items(turn, named)


def _say_items(turn: Turn, items: list[ItemView]) -> list[dict[str, Any]]:
    """Say of each item until when it can come back or why not, and keep a single one."""
    for item in items[:MOST_ITEMS]:
        blocks = [finding for finding in item.findings if finding.severity == BLOCK]
        if blocks:
            wording.say_not_returnable(turn, item, blocks[0].code, blocks[0].facts)
        else:
            turn.say_text(
                _dated(turn, item)
                or turn.label("policy_window_not_begun", item=wording.item_text(item)),
                buttons=[wording.start_button(turn)],
            )
    return [at_hand(items[0].order_line_id)] if len(items) == 1 else []


def _free_cases(turn: Turn, policy: Policy) -> list[str]:
    """What and whom the policy spares the fee, in words."""
    fees = policy.fees
    cases = [turn.label("label_free_exchange")] if "exchange" in fees.waived_for_outcomes else []
    if set(fees.waived_for_reasons) >= FAULT_REASONS:
        cases.append(turn.label("label_free_fault"))
    cases += [
        turn.label("label_free_tier", tier=tier.capitalize()) for tier in fees.waived_for_tiers
    ]
    return cases


def _fee_at_hand(turn: Turn) -> tuple[int, str] | None:
    """Fee in minor units and currency for the open draft; None while it is not clear what it will be."""
    with database().read() as session:
        draft = drafts.latest(session, turn.conversation_id, turn.now)
        if draft is None or draft.state != "open" or draft.order is None:
            return None
        if not draft.lines or any(line.outcome is None for line in draft.lines):
            return None
        lines = drafts.requested_lines(draft)
        fee_minor = returns.request_fee_minor(session, draft.order, lines, draft.settlement)
        return fee_minor, draft.order.currency
