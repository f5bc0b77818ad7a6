"""Payments: what the product asks of a payment provider, the shop's service over HTTP, and a stand-in for the demo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, Protocol
from urllib.parse import quote

from returnsdesk.clients.http import (
    READ_SECONDS,
    HttpProvider,
    ProviderRefused,
    ProviderUnavailable,
)
from returnsdesk.settings import Settings

RefundStatus = Literal["settled", "pending", "failed"]

SETTLED: Final = "settled"
PENDING: Final = "pending"
FAILED: Final = "failed"

# "Not with this method" and "this key was for something else": the two answers that end a request for good. Any other
# refusal is a fault of the set-up (a wrong token, a wrong address), which is put right while the money waits.
_FINAL: Final = (409, 422)


@dataclass(frozen=True)
class RefundAnswer:
    """What became of a refund at the provider: settled, pending (it works on it), or failed for the reason."""

    status: RefundStatus
    reference: str
    reason: str = ""


@dataclass(frozen=True)
class PaymentLink:
    """A page at which a shopper pays an amount; `reference` names it to the provider."""

    reference: str
    url: str


class PaymentClient(Protocol):
    """A payment provider. All calls may raise `ProviderUnavailable`; amounts are in minor units."""

    def refund(
        self, key: str, amount_minor: int, currency: str, method_reference: str
    ) -> RefundAnswer:
        """Pay back to a method of payment, or to a payment link that was paid.

        The same key is the same refund, however often it is asked for. Raises `ProviderRefused` when it never will be
        paid this way.
        """

    def find(self, key: str) -> RefundAnswer | None:
        """What became of the refund of a key; None when the provider has none."""

    def payment_link(
        self,
        key: str,
        amount_minor: int,
        currency: str,
        description: str,
        return_url: str,
        *,
        expires_at: datetime,
    ) -> PaymentLink:
        """A page that takes the amount until `expires_at`; the same key is the same page. Raises `ProviderRefused`."""

    def is_paid(self, reference: str) -> bool:
        """Whether a payment link has been paid."""


class EmbeddedPayments:
    """Pays nothing, and gives the reference that follows from the key; its links are pages of the demo.

    A link counts as paid when its file stands in `folder`, which the demo's page writes.
    """

    def __init__(self, public_url: str = "", folder: Path = Path("var/demo-payments")) -> None:
        self._public_url = public_url.rstrip("/")
        self._folder = folder

    def refund(
        self, key: str, amount_minor: int, currency: str, method_reference: str
    ) -> RefundAnswer:
        """Settled at once; nothing can fail."""
        del amount_minor, currency, method_reference
        return RefundAnswer(SETTLED, f"demo-{_digest(key)}")

    def find(self, key: str) -> RefundAnswer | None:
        """Nothing is remembered: asking again gives the same answer."""
        del key
        return None

    def payment_link(
        self,
        key: str,
        amount_minor: int,
        currency: str,
        description: str,
        return_url: str,
        *,
        expires_at: datetime,
    ) -> PaymentLink:
        """A page of the demo."""
        del amount_minor, currency, description, return_url, expires_at
        reference = f"demo-link-{_digest(key)}"
        return PaymentLink(reference, f"{self._public_url}/demo/pay/{reference}")

    def is_paid(self, reference: str) -> bool:
        """Whether somebody has pressed the button of the demo's page."""
        return (self._folder / reference).is_file()

    def mark_paid(self, reference: str) -> None:
        """What the demo's page does; the caller knows that there is such a link."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / reference).touch()


class HttpPayments:
    """The shop's payment service; docs/providers.md says what it has to answer."""

    def __init__(
        self,
        base_url: str,
        token: str = "",
        *,
        attempts: int = 3,
        first_wait_seconds: float = 0.5,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._http = HttpProvider(
            "the payment service",
            base_url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            attempts=attempts,
            first_wait_seconds=first_wait_seconds,
            read_seconds=read_seconds,
        )

    def refund(
        self, key: str, amount_minor: int, currency: str, method_reference: str
    ) -> RefundAnswer:
        """POST /refunds under the key."""
        wanted = {"amount_minor": amount_minor, "currency": currency, "method": method_reference}
        return _refund_answer(self._post("/refunds", key, wanted))

    def find(self, key: str) -> RefundAnswer | None:
        """GET /refunds/{key}."""
        found = self._get(f"/refunds/{quote(key, safe='')}")
        return _refund_answer(found) if found is not None else None

    def payment_link(
        self,
        key: str,
        amount_minor: int,
        currency: str,
        description: str,
        return_url: str,
        *,
        expires_at: datetime,
    ) -> PaymentLink:
        """POST /payment-links under the key."""
        wanted = {
            "amount_minor": amount_minor,
            "currency": currency,
            "description": description,
            "return_url": return_url,
            "expires_at": expires_at.isoformat().replace("+00:00", "Z"),
        }
        made = self._post("/payment-links", key, wanted)
        reference, url = _text(made, "reference"), _text(made, "url")
        if not url.startswith(("https://", "http://")):
            raise ProviderUnavailable("the payment service gives a link that is no address")
        return PaymentLink(reference, url)

    def is_paid(self, reference: str) -> bool:
        """GET /payment-links/{reference}."""
        found = self._get(f"/payment-links/{quote(reference, safe='')}")
        paid = (found or {}).get("paid")
        if not isinstance(paid, bool):
            raise ProviderUnavailable("the payment service does not say whether the link is paid")
        return paid

    def _post(self, path: str, key: str, wanted: dict[str, Any]) -> dict[str, Any]:
        headers = {"Idempotency-Key": key}
        try:
            response = self._http.call("POST", path, repeatable=True, json=wanted, headers=headers)
        except ProviderRefused as error:
            if error.status in _FINAL:
                raise
            raise ProviderUnavailable(f"the payment service answers {error}") from error
        return _object(response)

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            return _object(self._http.call("GET", path, repeatable=True))
        except ProviderRefused as error:
            if error.status == 404:
                return None
            raise ProviderUnavailable(f"the payment service answers {error}") from error


def payments_for(settings: Settings) -> PaymentClient | None:
    """The client that the settings choose; None where no provider is connected.

    The stand-in pays nobody: outside the demo its word would be a lie to shoppers.
    """
    if settings.payment_url:
        token = settings.payment_token.get_secret_value() if settings.payment_token else ""
        return HttpPayments(settings.payment_url, token)
    return embedded_payments(settings) if settings.demo_mode else None


def embedded_payments(settings: Settings) -> EmbeddedPayments:
    """The stand-in, with its links on the desk's demo pages."""
    return EmbeddedPayments(settings.public_url, settings.var_dir / "demo-payments")


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:16]


def _refund_answer(found: dict[str, Any]) -> RefundAnswer:
    status: Any = found.get("status")
    if status not in (SETTLED, PENDING, FAILED):
        raise ProviderUnavailable("the payment service answers without a status that is known")
    return RefundAnswer(status, _text(found, "reference"), str(found.get("reason") or "")[:500])


def _object(response: Any) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError as error:
        raise ProviderUnavailable("the payment service answers without JSON") from error
    if not isinstance(content, dict):
        raise ProviderUnavailable("the payment service answers without a JSON object")
    return content


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 500:
        raise ProviderUnavailable(f"the payment service answers without {name}")
    return value
