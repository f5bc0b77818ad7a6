"""What the team does with a return from its page: each form, what it has to say, and the command that it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from returnsdesk.console import photos
from returnsdesk.console.commands import Order
from returnsdesk.console.forms import Fields, Invalid
from returnsdesk.domain.policy import SETTLEMENTS
from returnsdesk.services import (
    case_work,
    differences,
    exchange_endings,
    exchanges,
    inspections,
    postponements,
    refunds,
    reopening,
    return_moves,
    returns,
)
from returnsdesk.services.errors import NotFound
from returnsdesk.services.overrides import Override
from returnsdesk.services.views import ExchangeView

Work = Callable[[Order, Fields, str], str | None]

DECLINE_CODES: Final = {
    "outside_policy": "Outside the policy",
    "used": "Used or damaged by the shopper",
    "not_ours": "Not bought from us",
    "no_answer": "The shopper did not answer",
    "other": "Something else",
}
HOLD_CODES: Final = {
    "wrong_item": "Another item came",
    "missing_part": "Something is missing",
    "empty_parcel": "The parcel was empty",
    "dispute": "The shopper disagrees",
    "other": "Something else",
}
GRADES: Final = {
    "A": "A: as new, back on the shelf",
    "B": "B: accepted, not sold as new",
    "C": "C: not accepted",
}
_TOLD: Final = "The shopper has to be told why."


def approve(order: Order, fields: Fields, rma_number: str) -> None:
    """Let it go ahead."""
    return_moves.approve(order.database, rma_number, actor=order.actor, now=order.now)


def decline(order: Order, fields: Fields, rma_number: str) -> None:
    """Refuse it with the words that the shopper reads."""
    code, text = decision(fields, DECLINE_CODES)
    return_moves.decline(order.database, rma_number, code, text, actor=order.actor, now=order.now)


def hold(order: Order, fields: Fields, rma_number: str) -> None:
    """Stop it; the shopper reads why."""
    code, text = decision(fields, HOLD_CODES)
    return_moves.hold(order.database, rma_number, code, text, actor=order.actor, now=order.now)


def decision(fields: Fields, codes: dict[str, str]) -> tuple[str, str]:
    """Reason and words of a decision; raises `Invalid`."""
    code = fields.choice("code", codes, missing="Please choose a reason.")
    text = fields.text("text", missing=_TOLD)
    fields.check()
    return code, text


def resume(order: Order, fields: Fields, rma_number: str) -> None:
    """Go on with it."""
    return_moves.resume(order.database, rma_number, actor=order.actor, now=order.now)


def receive(order: Order, fields: Fields, rma_number: str) -> None:
    """The parcel is here."""
    return_moves.record_arrival(order.database, rma_number, actor=order.actor, now=order.now)


def report_lost(order: Order, fields: Fields, rma_number: str) -> None:
    """Nothing is heard of the parcel."""
    return_moves.report_lost(order.database, rma_number, actor=order.actor, now=order.now)


def accept_lost(order: Order, fields: Fields, rma_number: str) -> None:
    """Treat the lost parcel as if it had come."""
    return_moves.accept_lost(
        order.database,
        rma_number,
        actor=order.actor,
        now=order.now,
        has_proof_of_posting=fields.is_ticked("proof"),
    )


def inspect(order: Order, fields: Fields, rma_number: str) -> None:
    """Decide on pieces of a line, with photos."""
    line, _, outcome = fields.text("line", missing="Please choose an item.").rpartition("|")
    quantity = fields.number("quantity", least=1, most=_most(order, rma_number, line, outcome))
    grade = fields.choice("grade", GRADES, missing="Please choose a grade.")
    is_refused = grade == "C"
    reason = fields.text("reason", required=is_refused, longest=500, missing=_TOLD)
    fields.check()
    uploads = fields.files("photos")
    with photos.kept(order.desk.settings.var_dir, uploads, field="photos") as photo_ids:
        inspections.inspect_line(
            order.database,
            rma_number,
            line,
            quantity,
            grade,
            actor=order.actor,
            now=order.now,
            reason=reason or None,
            photo_ids=photo_ids,
            outcome=outcome,
        )


def _most(order: Order, rma_number: str, line: str, outcome: str) -> int:
    """How many pieces of a line are left to decide on."""
    with order.database.read() as session:
        view = returns.find(session, rma_number)
    if view is None:
        raise NotFound("RETURN_UNKNOWN", f"there is no return {rma_number}")
    left = [
        each.quantity - each.accepted - each.rejected
        for each in view.lines
        if (each.line_external_id, each.outcome) == (line, outcome)
    ]
    return max(sum(left), 1)


def close_short(order: Order, fields: Fields, rma_number: str) -> None:
    """End the inspection; what did not arrive is free again."""
    return_moves.close_short(order.database, rma_number, actor=order.actor, now=order.now)


def release_refund(order: Order, fields: Fields, rma_number: str) -> None:
    """Have paid back what was accepted."""
    refunds.start(order.database, rma_number, actor=order.actor, now=order.now)


def cancel(order: Order, fields: Fields, rma_number: str) -> None:
    """Call it off."""
    return_moves.cancel(order.database, rma_number, actor=order.actor, now=order.now)


def reopen(order: Order, fields: Fields, rma_number: str) -> None:
    """Take it up again, within its window."""
    reopening.reopen(order.database, rma_number, actor=order.actor, now=order.now)


def reopen_anyway(order: Order, fields: Fields, rma_number: str) -> None:
    """Take it up again against the rules, with a reason that is kept."""
    reason = fields.text("reason", missing="An exception needs a reason; it is kept.")
    fields.check()
    reopening.reopen(
        order.database, rma_number, actor=order.actor, now=order.now, override=Override(reason)
    )


def extend(order: Order, fields: Fields, rma_number: str) -> None:
    """More time to post the parcel."""
    until = fields.day("until")
    reason = fields.text("reason", missing="Please say why; it is kept.", longest=500)
    fields.check()
    postponements.extend(
        order.database, rma_number, until, reason=reason, actor=order.actor, now=order.now
    )


def renew_label(order: Order, fields: Fields, rma_number: str) -> None:
    """Another label in place of the one that is out."""
    postponements.renew_label(order.database, rma_number, actor=order.actor, now=order.now)


def ship(order: Order, fields: Fields, rma_number: str) -> None:
    """Send the replacement."""
    tracking = fields.text("tracking", longest=80, missing="Please write the tracking number.")
    fields.check()
    number = _exchange(order, rma_number).number
    exchanges.ship(order.database, number, tracking, actor=order.actor, now=order.now)


def choose_again(order: Order, fields: Fields, rma_number: str) -> None:
    """Another variant in place of one that is gone."""
    skus = {
        name.removeprefix("sku-"): value
        for name, value in fields.typed().items()
        if name.startswith("sku-") and value
    }
    if not skus:
        raise Invalid({"": "Please choose a replacement."})
    number = _exchange(order, rma_number).number
    exchanges.choose_again(order.database, number, skus, actor=order.actor, now=order.now)


def convert(order: Order, fields: Fields, rma_number: str) -> None:
    """Money in place of the replacement."""
    settlement = fields.choice("settlement", SETTLEMENTS)
    fields.check()
    number = _exchange(order, rma_number).number
    exchange_endings.convert_to_return(
        order.database, number, settlement, actor=order.actor, now=order.now
    )


def waive(order: Order, fields: Fields, rma_number: str) -> None:
    """Let the shopper have the dearer replacement for nothing more."""
    reason = fields.text("reason", missing="Please say why; it is kept.", longest=500)
    fields.check()
    number = _exchange(order, rma_number).number
    differences.waive_difference(
        order.database, number, reason=reason, actor=order.actor, now=order.now
    )


def take(order: Order, fields: Fields, rma_number: str) -> str:
    """Take the work that waits on it."""
    case_work.take_return(
        order.database,
        rma_number,
        email=order.staff.email,
        actor=order.actor,
        now=order.now,
    )
    return f"/console/returns/{rma_number}"


def _exchange(order: Order, rma_number: str) -> ExchangeView:
    with order.database.read() as session:
        view = returns.find(session, rma_number)
    if view is None or view.exchange is None:
        raise NotFound("RETURN_UNKNOWN", f"{rma_number} has no exchange")
    return view.exchange
