"""Paying back: what the product asks of a payment provider, and a stand-in that pays back at once."""

from __future__ import annotations

from hashlib import sha256
from typing import Protocol


class PaymentFailed(Exception):
    """The provider did not pay back; it may be tried again with the same key."""


class PaymentClient(Protocol):
    """A payment provider."""

    def refund(self, key: str, amount_minor: int, currency: str, method_reference: str) -> str:
        """Pay an amount (minor units) back to a method and give the provider's reference.

        The same key is the same refund, however often it is asked for. Raises `PaymentFailed`.
        """


class EmbeddedPayments:
    """Pays nothing, and gives the reference that follows from the key."""

    def refund(self, key: str, amount_minor: int, currency: str, method_reference: str) -> str:
        """Give the reference; nothing can fail."""
        del amount_minor, currency, method_reference
        return f"demo-{sha256(key.encode()).hexdigest()[:16]}"
