"""What went wrong with goods, and what shall be done about it, from a shopper's own words in five languages."""

from __future__ import annotations

from typing import Final

from returnsdesk.domain.reading import read
from returnsdesk.domain.reasons import find_reason
from returnsdesk.domain.text import LONGEST_TEXT

REFUND: Final = "refund"
REPLACEMENT: Final = "replacement"

# What did not come at all says more than what came wrong, and both more than a word for damage.
_BY_WEIGHT: Final = ("never_arrived", "missing", "wrong_item", "damaged")


def find_claim_type(text: str) -> str | None:
    """What a message says went wrong, one of the types of claims; None where it does not say."""
    reading = read(text[:LONGEST_TEXT])
    for kind in _BY_WEIGHT:
        if reading.signals(f"claim_{kind}"):
            return kind
    return "damaged" if find_reason(text) == "defective" else None


def find_remedy(text: str) -> str | None:
    """Whether a message asks for its money or for the goods once more; None where it asks for neither or both."""
    reading = read(text[:LONGEST_TEXT])
    wants_goods = bool(reading.signals("replacement"))
    wants_money = bool(reading.signals("give_back"))
    if wants_goods == wants_money:
        return None
    return REPLACEMENT if wants_goods else REFUND


def has_no_photo(text: str) -> bool:
    """Whether a message says that there will be no photo."""
    return bool(read(text[:LONGEST_TEXT]).signals("no_photo"))
