"""What a shopper was promised in a turn: dates, amounts, labels and notices, told from the texts that were said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Promise:
    """Something that the shopper now counts on: which kind, and with which facts it was said."""

    kind: str
    facts: tuple[tuple[str, str], ...]
    key: str


REFUND: Final = "a refund"
LABEL: Final = "a label"
DEADLINE: Final = "time to send the parcel"
CHECK: Final = "the parcel is checked in time"
REPLACEMENT: Final = "a replacement is kept or sent"
PERSON: Final = "a colleague answers"
NOTICE: Final = "a message follows"
RULE: Final = "a rule of the policy"

_KINDS: Final = {
    REFUND: (
        "returns_summary_refund", "returns_summary_credit", "returns_summary_bonus", "refunds_status_sending",
        "refunds_status_pending", "returns_status_refund_pending", "returns_choose_again_money_done",
        "refunds_status_failed", "withdrawals_deadlines",
    ),
    LABEL: (
        "returns_label_follows", "returns_label_ready", "returns_label_being_made", "returns_status_label_links",
        "returns_label_pick_up",
    ),
    DEADLINE: ("returns_how_to_send", "returns_status_label_issued", "returns_status_approved"),
    CHECK: ("returns_status_arrived", "returns_status_arrived_late", "policy_refund_time"),
    REPLACEMENT: (
        "exchanges_reserved", "exchanges_status_held", "exchanges_status_accepted", "returns_choose_again_done",
        "exchanges_difference_due", "exchanges_difference_link_follows",
    ),
    PERSON: (
        "handover_case", "handover_complaint", "desk_failed_passed_on", "returns_waits_for_look", "claims_opened",
        "claims_opened_nothing_to_keep", "claims_opened_needs_photo", "withdrawals_for_a_person",
    ),
    NOTICE: ("identity_ask_code", "withdrawals_received", "withdrawals_received_mailed", "returns_registered"),
    RULE: ("policy_window", "policy_last_day", "policy_cost", "policy_cost_free", "policy_cost_at_hand_free"),
}  # fmt: skip
_KIND_OF: Final = {key: kind for kind, keys in _KINDS.items() for key in keys}

# Said to the shopper, but of no use as a fact beside it: addresses of pages, and who the shopper is.
_LEFT_OUT: Final = ("tracking_url", "label_url", "payment_url", "email", "contact")


def made(replies: Sequence[Mapping[str, Any]]) -> tuple[Promise, ...]:
    """The promises in the replies of a turn, as its trace has them; each once."""
    found: dict[Promise, None] = {}
    for reply in replies:
        told = reply.get("told")
        for each in told if isinstance(told, list) else []:
            if not isinstance(each, dict):
                continue
            key, facts = each.get("key"), each.get("facts")
            kind = _KIND_OF.get(key) if isinstance(key, str) else None
            if kind is not None:
                plain = facts if isinstance(facts, dict) else {}
                shown = tuple(
                    (name.replace("_", " "), str(fact))
                    for name, fact in plain.items()
                    if name not in _LEFT_OUT and fact not in ("", None)
                )
                found[Promise(kind, shown, str(key))] = None
    return tuple(found)
