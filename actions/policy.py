"""Questions about the policy, answered from the active policy file, so that answers and decisions agree."""

from __future__ import annotations

from typing import Any

from actions.turn import DeskAction, Turn, database
from returnsdesk import formatting
from returnsdesk.db.models import Order
from returnsdesk.domain.policy import Policy
from returnsdesk.services import drafts, policies


class ActionPolicyWindow(DeskAction):
    """How long can I return?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_policy_window"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Days for a return and for an exchange."""
        window = policies.active_policy().window
        turn.say(
            "policy_window", return_days=window.return_days, exchange_days=window.exchange_days
        )
        return []


class ActionPolicyCost(DeskAction):
    """What does a return cost?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_policy_cost"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """The fee in the currency of the order at hand, otherwise in the shop's first."""
        policy = policies.active_policy()
        currency = _currency_at_hand(turn) or _first_currency(policy)
        fee_minor = policy.fees.return_by_currency.get(currency, 0)
        is_free = fee_minor == 0
        fee = formatting.money(fee_minor, currency, turn.language)
        turn.say("policy_cost_free" if is_free else "policy_cost", fee=fee)
        return []


class ActionPolicyRefundTime(DeskAction):
    """How long does a refund take?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_policy_refund_time"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """Our part and the bank's part."""
        policy = policies.active_policy()
        card, paypal = policy.refund_days("credit_card"), policy.refund_days("paypal")
        turn.say(
            "policy_refund_time",
            inspection_days=policy.return_.inspection_working_days,
            card_from=card[0],
            card_to=card[1],
            paypal_from=paypal[0],
            paypal_to=paypal[1],
        )
        return []


class ActionPolicyExclusions(DeskAction):
    """Can everything be returned?"""

    def name(self) -> str:
        """Rasa's name for it."""
        return "action_policy_exclusions"

    def answer(self, turn: Turn) -> list[dict[str, Any]]:
        """What the policy excludes, each in a line, and what stays possible."""
        rules = policies.active_policy().exclusions
        excluded = [
            name for name in ("final_sale", "hygiene", "personalised") if getattr(rules, name)
        ]
        excluded += [
            category for category in rules.categories if category in ("gift_card", "digital")
        ]
        if not excluded:
            turn.say("policy_exclusions_none")
            return []
        names = [turn.label(f"label_excluded_{name}") for name in excluded]
        turn.say("policy_exclusions", excluded=formatting.enumeration(names, turn.language))
        return []


def _currency_at_hand(turn: Turn) -> str | None:
    with database().read() as session:
        draft = drafts.latest(session, turn.conversation_id, turn.now)
        order: Order | None = draft.order if draft else None
        return order.currency if order else None


def _first_currency(policy: Policy) -> str:
    return next(iter(policy.fees.return_by_currency), "EUR")
