"""What the product asks of a parcel carrier: labels, voiding them, and where a parcel is; and a stand-in for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Final, Protocol

from returnsdesk.clients.labels_pdf import label_pdf
from returnsdesk.domain.addresses import Address

DROP_OFF: Final = "drop_off"
PICK_UP: Final = "pick_up"

# What a carrier can say that changes something; any other word is kept and changes nothing.
IN_TRANSIT: Final = "in_transit"
DELIVERED: Final = "delivered"
LOST: Final = "lost"
UNDELIVERED: Final = "undelivered"
"""The parcel cannot be delivered or goes back to its sender: a person has to look."""


@dataclass(frozen=True)
class LabelItem:
    """What is in the parcel, for customs; `value_minor` is what was paid for all its units, in minor units."""

    sku: str
    description: str
    quantity: int
    value_minor: int
    currency: str


@dataclass(frozen=True)
class LabelRequest:
    """A label that is wanted.

    `key` names it for ever: the same key is the same label, however often it is asked for. `requested_at` is when the
    return was asked for; `pick_up_on` is set when the parcel is fetched at the sender's.
    """

    key: str
    rma_number: str
    order_number: str
    sender: Address
    receiver: Address
    method: str
    requested_at: datetime
    pick_up_on: date | None = None
    weight_grams: int | None = None
    items: tuple[LabelItem, ...] = ()


@dataclass(frozen=True)
class LabelMade:
    """A label as the carrier gave it.

    `reference` is what the carrier calls it, `qr_text` what a parcel shop scans instead of paper, where it does.
    """

    tracking_number: str
    carrier: str
    reference: str
    pdf: bytes
    qr_text: str | None = None
    tracking_url: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class CarrierReport:
    """Something a carrier says of a parcel; `event_id` is the same when it says the same thing again."""

    carrier: str
    event_id: str
    tracking_number: str
    status: str
    at: datetime


class Carrier(Protocol):
    """A carrier, or a service that buys labels from many.

    All calls raise `ProviderUnavailable` when it is worth asking again later, and `ProviderRefused` when it is not.
    """

    def make_label(self, request: LabelRequest) -> LabelMade:
        """Buy the label of a request; the same key never buys a second one, even after an answer that got lost."""

    def void_label(self, reference: str) -> None:
        """Ask the carrier to take a label back; one that is void already is no fault."""

    def track(self, tracking_number: str, reference: str | None) -> list[CarrierReport]:
        """All that the carrier has to say of a parcel so far; empty when it does not know it."""


class EmbeddedCarrier:
    """Draws labels that no carrier has sold: everything about them follows from the request, and nothing is sent.

    In the demo they are samples; in a shop they are address labels with the RMA number, to be stamped or not as the
    shop's return address wants it.
    """

    def __init__(self, *, is_sample: bool = True) -> None:
        self._name = "Sample parcel service" if is_sample else "Any carrier"
        self._remark = f"{'Sample' if is_sample else 'Address'} label - no postage paid"

    def make_label(self, request: LabelRequest) -> LabelMade:
        """Draw the label; nothing can fail."""
        tracking_number = f"RD{int(sha256(request.key.encode()).hexdigest(), 16) % 10**14:014d}"
        return LabelMade(
            tracking_number=tracking_number,
            carrier=self._name,
            reference=request.key,
            pdf=label_pdf(
                carrier=self._name,
                remark=self._remark,
                sender=request.sender.lines,
                receiver=request.receiver.lines,
                rma_number=request.rma_number,
                order_number=request.order_number,
                tracking_number=tracking_number,
                pick_up_on=request.pick_up_on if request.method == PICK_UP else None,
            ),
            qr_text=tracking_number if request.method == DROP_OFF else None,
        )

    def void_label(self, reference: str) -> None:
        """Nothing was bought, so there is nothing to take back."""
        del reference

    def track(self, tracking_number: str, reference: str | None) -> list[CarrierReport]:
        """Nobody carries these parcels; in the demo they are moved along by hand."""
        del tracking_number, reference
        return []
