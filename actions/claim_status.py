"""Where a claim stands, told beside returns; what a person will decide is never guessed."""

from __future__ import annotations

from actions.turn import Button, Turn, database
from returnsdesk import formatting
from returnsdesk.domain import states
from returnsdesk.services import claims, identity, orders
from returnsdesk.services.views import ClaimView

MOST_REPORTED = 3


def say_claims(turn: Turn) -> bool:
    """Tell how the shopper's claims stand that are not through; False when there is none."""
    open_ones = [each for each in _claims(turn) if each.status in _UNFINISHED]
    for claim in open_ones[:MOST_REPORTED]:
        buttons = (
            [
                Button(
                    turn.label("label_claim_photo_sent"), f"evidence:{claim.number}", "claims_start"
                )
            ]
            if claim.status == states.CLAIM_NEEDS_EVIDENCE
            else []
        )
        turn.say(
            f"claims_status_{claim.status}",
            number=claim.number,
            items=formatting.enumeration(
                [formatting.item(line.name, line.options) for line in claim.lines], turn.language
            ),
            buttons=buttons,
        )
    return bool(open_ones)


_UNFINISHED = (states.CLAIM_OPEN, states.CLAIM_NEEDS_EVIDENCE, states.CLAIM_APPROVED)


def _claims(turn: Turn) -> list[ClaimView]:
    """The claims of the orders that the conversation may see, latest orders first."""
    with database().read() as session:
        scope = identity.scope_of(session, turn.conversation_id, turn.now)
        found = orders.orders_of(session, scope, turn.now) if scope else []
        return [claim for order in found for claim in claims.of_order(session, order.id)]
