"""States of returns, exchanges, claims, withdrawals and refunds, and which command may leave which state."""

from __future__ import annotations

from typing import Final

REQUESTED: Final = "requested"
APPROVED: Final = "approved"
LABEL_ISSUED: Final = "label_issued"
IN_TRANSIT: Final = "in_transit"
ARRIVED: Final = "arrived"
INSPECTED: Final = "inspected"
REFUND_PENDING: Final = "refund_pending"
CLOSED: Final = "closed"
REJECTED: Final = "rejected"
DECLINED: Final = "declined"
CANCELLED: Final = "cancelled"
EXPIRED: Final = "expired"
ON_HOLD: Final = "on_hold"
LOST: Final = "lost"

# The road of a return that goes well; a shopper sees it as a bar of stages.
RETURN_STAGES: Final = (
    REQUESTED,
    APPROVED,
    LABEL_ISSUED,
    IN_TRANSIT,
    ARRIVED,
    INSPECTED,
    REFUND_PENDING,
    CLOSED,
)
RETURN_ENDED: Final = frozenset({CLOSED, REJECTED, DECLINED, CANCELLED, EXPIRED})
# Nothing has been handed to a carrier yet: the shopper may still cancel or change.
RETURN_BEFORE_SCAN: Final = frozenset({REQUESTED, APPROVED, LABEL_ISSUED})

RETURN_COMMANDS: Final[dict[str, frozenset[str]]] = {
    "approve": frozenset({REQUESTED}),
    "decline": frozenset({REQUESTED}),
    "issue_label": frozenset({APPROVED}),
    # Carriers report late and out of order: a scan or an arrival may be the first that we hear.
    "record_scan": frozenset({APPROVED, LABEL_ISSUED}),
    "record_arrival": frozenset({APPROVED, LABEL_ISSUED, IN_TRANSIT, LOST}),
    # Nothing was heard of the parcel for long, or the carrier gave it up; a parcel that turns up goes on as arrived.
    "report_lost": frozenset({IN_TRANSIT}),
    # The shop bears a lost parcel that travelled on its label: all units count as accepted, none is restocked.
    "accept_lost": frozenset({LOST}),
    "inspect": frozenset({ARRIVED}),
    # What has not arrived with the rest will not come any more: undecided units are free again.
    "close_short": frozenset({ARRIVED}),
    # Something is wrong with what arrived: wrong item, missing part, dispute.
    "hold": frozenset({ARRIVED, INSPECTED}),
    "resume": frozenset({ON_HOLD}),
    "choose_method": frozenset({REQUESTED, APPROVED, LABEL_ISSUED}),
    # More time to post the parcel, and another label: before a carrier has it.
    "extend": RETURN_BEFORE_SCAN,
    "renew_label": frozenset({APPROVED, LABEL_ISSUED}),
    # A return that expired, within its window.
    "reopen": frozenset({EXPIRED}),
    "start_refund": frozenset({INSPECTED}),
    "close": frozenset({INSPECTED, REFUND_PENDING}),
    "cancel": RETURN_BEFORE_SCAN,
    "expire": frozenset({APPROVED, LABEL_ISSUED}),
}

EXCHANGE_HELD: Final = "held"
EXCHANGE_ACCEPTED: Final = "accepted"
EXCHANGE_SHIPPED: Final = "shipped"
EXCHANGE_DELIVERED: Final = "delivered"
EXCHANGE_ENDED_WITHOUT: Final = "released"
# The replacement is not there any more, or its price difference was not paid in time: the shopper chooses again.
EXCHANGE_CHOOSE_AGAIN: Final = "choose_again"

DIFFERENCE_NONE: Final = "none"
DIFFERENCE_DUE: Final = "due"
DIFFERENCE_PAID: Final = "paid"
DIFFERENCE_OWED: Final = "owed"
DIFFERENCE_WAIVED: Final = "waived"

CLAIM_OPEN: Final = "open"
CLAIM_NEEDS_EVIDENCE: Final = "need_evidence"
CLAIM_APPROVED: Final = "approved"
CLAIM_RESOLVED: Final = "resolved"
CLAIM_DENIED: Final = "denied"

WITHDRAWAL_DECLARED: Final = "declared"
WITHDRAWAL_RETURN_OPENED: Final = "return_opened"
WITHDRAWAL_REFUNDED: Final = "refunded"
WITHDRAWAL_REFUSED: Final = "refused"

# sending: asked for, or about to be, the answer not known; pending: the provider works on it
REFUND_SENDING: Final = "sending"
REFUND_PENDING_AT_PROVIDER: Final = "pending"
REFUND_SETTLED: Final = "settled"
REFUND_FAILED: Final = "failed"


def may(command: str, status: str) -> bool:
    """Whether a return in `status` allows `command`."""
    return status in RETURN_COMMANDS[command]
