"""What shoppers can mean: the intents of domain.yml, each with one line for people and the file of its examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Intent:
    """An intent; `topic` is the name of the file in data/nlu/<language> that holds its examples."""

    name: str
    topic: str
    meaning: str


_MEANINGS: Final = {
    "conversation": {
        "greet": "says hello and nothing else",
        "bye": "says goodbye",
        "thanks": "thanks",
        "affirm": "yes",
        "deny": "no",
        "stop": "never mind, stop what we are doing",
        "continue": "go on where we were",
        "inform": "answers a question: an item, a size, a reason, a number, a code",
        "bot_challenge": "asks whether this is a robot",
        "language_change": "asks for another language",
        "out_of_scope": "anything that the assistant is not for",
    },
    "returns": {
        "returns_start": "wants to send something back",
        "returns_status": "asks what has become of a return",
        "returns_cancel": "wants to cancel a registered return",
        "returns_change": "wants to change a registered return",
        "returns_label": "label, QR code, drop-off, pick-up, packaging",
    },
    "exchanges": {
        "exchanges_start": "wants another size, colour or item in place of this one",
        "exchanges_status": "asks where the replacement is",
        "sizes_advice": "asks which size to take",
    },
    "refunds": {
        "refunds_status": "asks where their own money is",
        "refunds_amount": "asks why the amount is what it is",
        "refunds_method": "wants the money another way",
    },
    "claims": {
        "claims_start": "damaged, faulty, wrong, incomplete or never arrived",
    },
    "withdrawals": {
        "withdrawals_start": "declares the statutory withdrawal",
    },
    "policy": {
        "policy_window": "until when something can come back",
        "policy_cost": "what a return costs",
        "policy_refund_time": "how long a refund takes in general",
        "policy_exclusions": "whether something can come back at all",
    },
    "orders": {
        "orders_status": "asks where the order is on its way out",
        "orders_cancel": "wants to cancel or change an order before it is sent",
    },
    "handover": {
        "handover_person": "wants a person",
        "complaint": "complains, without another clear wish",
    },
}

INTENTS: Final[dict[str, Intent]] = {
    name: Intent(name, topic, meaning)
    for topic, meanings in _MEANINGS.items()
    for name, meaning in meanings.items()
}
"""Every intent that a person may say a message had, by name."""
