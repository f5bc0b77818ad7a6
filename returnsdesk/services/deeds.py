"""What was done to a document, in words for the support team: who, and which deed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from returnsdesk.db.models import Event, StaffAccount

AGENT: Final = "agent "

_NAMES: Final = {
    "system": "Returns Desk",
    "shopper": "The shopper",
    "carrier": "The carrier",
    "cli": "Somebody at the command line",
}

# By document and command; the words follow a name. Braces are facts of the event.
_DEEDS: Final[dict[tuple[str, str], str]] = {
    ("return", "submit"): "registered the return",
    ("return", "open_for_claim"): "opened the return for a claim",
    ("return", "open_for_withdrawal"): "opened the return for a withdrawal",
    ("return", "approve"): "approved it",
    ("return", "decline"): "declined it",
    ("return", "issue_label"): "made the label",
    ("return", "renew_label"): "took the label back and asked for a new one",
    ("return", "extend"): "gave more time to post the parcel",
    ("return", "choose_method"): "changed how the parcel travels",
    ("return", "record_scan"): "reported the parcel handed in",
    ("return", "record_arrival"): "marked the parcel as received",
    ("return", "inspect_line"): "inspected {quantity} of {line}: grade {grade}",
    ("return", "inspect"): "finished the inspection",
    ("return", "close_short"): "finished the inspection without what did not arrive",
    ("return", "report_lost"): "reported the parcel lost",
    ("return", "accept_lost"): "accepted the lost parcel as if it had arrived",
    ("return", "hold"): "put it on hold",
    ("return", "resume"): "took it off hold",
    ("return", "start_refund"): "released the refund",
    ("return", "close"): "closed it",
    ("return", "cancel"): "cancelled it",
    ("return", "expire"): "let it expire, for it was not posted in time",
    ("return", "reopen"): "reopened it",
    ("return", "override"): "set rules aside ({codes}): {reason}",
    ("return", "inspection_late"): "noted that the promised day of the inspection has passed",
    ("return", "review_late"): "noted that the promised day of the decision has passed",
    ("refund", "start_refund"): "decided the refund",
    ("refund", "settle_part"): "paid a part of the refund back",
    ("refund", "wait"): "handed a part of the refund to the payment service",
    ("refund", "fail_part"): "could not pay a part of the refund: it was refused",
    ("refund", "retry_part"): "asked for a refused part of the refund again",
    ("refund", "replace_failed_part"): "turned a refused part of the refund into store credit",
    ("refund", "settle"): "completed the refund",
    ("exchange", "reserve"): "reserved the replacement",
    ("exchange", "accept"): "freed the replacement to be sent",
    ("exchange", "release"): "ended the exchange",
    ("exchange", "ship"): "sent the replacement",
    ("exchange", "deliver"): "delivered the replacement",
    ("exchange", "choose_again"): "chose another replacement",
    ("exchange", "stock_lost"): "found the replacement gone from the shelf",
    ("exchange", "miss_payment"): "freed the replacement, for it was not paid in time",
    ("exchange", "release_expired"): "freed the replacement, for its time had run out",
    ("exchange", "convert_to_return"): "turned the exchange into money",
    ("exchange", "ask_difference"): "asked for the difference in price",
    ("exchange", "pay_difference"): "paid the difference in price",
    ("exchange", "pay_back_link"): "paid the difference in price back",
    ("exchange", "waive_difference"): "waived the difference in price: {reason}",
    ("claim", "open_claim"): "opened the claim",
    ("claim", "add_evidence"): "added a photo",
    ("claim", "approve"): "approved the claim",
    ("claim", "deny"): "denied the claim",
    ("claim", "override"): "set rules aside ({codes}): {reason}",
    ("withdrawal", "declare"): "stored the withdrawal",
    ("withdrawal", "name_order"): "named order {order_number}",
    ("withdrawal", "open_return"): "opened the return of the withdrawal",
    ("withdrawal", "refuse"): "refused the withdrawal",
    ("case", "open_case"): "opened a case",
    ("case", "close_case"): "closed the case",
    ("case", "assign_case"): "gave the case to {assigned_to}",
    ("case", "release_case"): "put the case back on the list",
    ("case", "note_case"): "wrote a note on the case",
    ("case", "take_over"): "joined the conversation",
    ("case", "take_from_colleague"): "took the conversation over from {assigned_to}",
    ("case", "hand_back"): "left the conversation to the assistant",
    ("outbox_job", "retry_job"): "had the job tried again",
}


def deed_of(document: str, command: str, after: Mapping[str, Any]) -> str:
    """What an event says was done, to follow a name."""
    if command.startswith("remind_"):
        return "reminded the shopper to post the parcel"
    words = _DEEDS.get((document, command), command.replace("_", " "))
    return words.format_map(_Facts(after))


def names_of(session: Session, events: list[Event]) -> dict[str, str]:
    """The names of who did these, by actor."""
    return {actor: name_of(session, actor) for actor in {event.actor for event in events}}


def name_of(session: Session, actor: str) -> str:
    """How the team calls an actor of the event log: a colleague's name, or what it stands for."""
    if actor in _NAMES:
        return _NAMES[actor]
    email = actor.removeprefix(AGENT)
    found = session.scalar(select(StaffAccount.name).where(StaffAccount.email == email))
    return str(found) if found else email


class _Facts(dict[str, Any]):
    def __init__(self, facts: Mapping[str, Any]) -> None:
        shown = {
            name: ", ".join(map(str, value)) if isinstance(value, list) else value
            for name, value in facts.items()
        }
        super().__init__(shown)

    def __missing__(self, key: str) -> str:
        return "-"
