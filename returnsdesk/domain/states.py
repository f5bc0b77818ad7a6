"""States of returns, exchanges and refunds, and which command may leave which state."""

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
    "record_arrival": frozenset({APPROVED, LABEL_ISSUED, IN_TRANSIT}),
    "inspect": frozenset({ARRIVED}),
    "start_refund": frozenset({INSPECTED}),
    "close": frozenset({INSPECTED, REFUND_PENDING}),
    "cancel": RETURN_BEFORE_SCAN,
    "expire": frozenset({APPROVED, LABEL_ISSUED}),
}

EXCHANGE_HELD: Final = "held"
EXCHANGE_ACCEPTED: Final = "accepted"
EXCHANGE_SHIPPED: Final = "shipped"
EXCHANGE_ENDED_WITHOUT: Final = "released"

REFUND_SENDING: Final = "sending"
REFUND_SETTLED: Final = "settled"
REFUND_FAILED: Final = "failed"


def may(command: str, status: str) -> bool:
    """Whether a return in `status` allows `command`."""
    return status in RETURN_COMMANDS[command]
