"""Outside systems that fail when told, and keep books of what they really did."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from returnsdesk.clients.carrier import Carrier, CarrierReport, LabelMade, LabelRequest
from returnsdesk.clients.http import ProviderRefused, ProviderUnavailable
from returnsdesk.clients.mail import Mail, MailNotSent
from returnsdesk.clients.payment import (
    FAILED,
    PENDING,
    SETTLED,
    PaymentLink,
    RefundAnswer,
    RefundStatus,
)

WELL: Final = "well"
SLOW: Final = "slow"
DOWN: Final = "down"
ANSWER_LOST: Final = "answer lost"
REFUSING: Final = "refusing"
FAILING: Final = "failing"
MOODS: Final = (WELL, WELL, SLOW, DOWN, ANSWER_LOST, REFUSING, FAILING)


class Payments:
    """A payment provider that knows keys: the same key is the same refund, unless it failed."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self.status: dict[str, RefundStatus] = {}
        self.paid_links: set[str] = set()

    def refund(
        self, key: str, amount_minor: int, currency: str, method_reference: str
    ) -> RefundAnswer:
        """Pay back at once or later, or not, or pay back and never say so."""
        mood = self._providers.mood
        self._providers.note("refund", key, (amount_minor, currency, method_reference))
        if mood == DOWN:
            raise ProviderUnavailable("out of order")
        if self.status.get(key, FAILED) == FAILED:
            self.status[key] = self._outcome()
        if mood == REFUSING and self.status[key] == FAILED:
            raise ProviderRefused(422, "card closed")
        if mood == ANSWER_LOST:
            raise ProviderUnavailable("no answer")
        return RefundAnswer(self.status[key], f"paid-{key}")

    def find(self, key: str) -> RefundAnswer | None:
        """What became of a refund; what was pending is done by now, or has failed."""
        if self._providers.mood in (DOWN, ANSWER_LOST):
            raise ProviderUnavailable("out of order")
        if self.status.get(key) == PENDING:
            self.status[key] = self._outcome()
        return RefundAnswer(self.status[key], f"paid-{key}") if key in self.status else None

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
        """A page; the same key is the same page."""
        del description, return_url, expires_at
        if self._providers.mood == DOWN:
            raise ProviderUnavailable("out of order")
        if self._providers.mood == REFUSING:
            raise ProviderRefused(422, "no links today")
        self._providers.note("link", key, (amount_minor, currency))
        if self._providers.mood == ANSWER_LOST:
            raise ProviderUnavailable("no answer")
        return PaymentLink(f"link-{key}", f"https://pay.example/{key}")

    def is_paid(self, reference: str) -> bool:
        """Whether a page was paid."""
        if self._providers.mood in (DOWN, ANSWER_LOST):
            raise ProviderUnavailable("out of order")
        return reference in self.paid_links

    def _outcome(self) -> RefundStatus:
        mood = self._providers.mood
        return PENDING if mood == SLOW else FAILED if mood in (FAILING, REFUSING) else SETTLED


class Labels:
    """A carrier that makes small labels."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    def make_label(self, request: LabelRequest) -> LabelMade:
        """Make a label; the same key is the same label."""
        self._fail_before()
        self._providers.note("label", request.key, (request.rma_number, request.method))
        self._fail_after()
        return LabelMade(
            tracking_number=f"RD-{request.key}",
            carrier="sample",
            reference=request.key,
            pdf=b"%PDF-1.4",
            qr_text=None,
        )

    def void_label(self, reference: str) -> None:
        """Take a label back."""
        self._fail_before()
        self._providers.note("void", reference, ())
        self._fail_after()

    def track(self, tracking_number: str, reference: str | None) -> list[CarrierReport]:
        """Say nothing of any parcel."""
        del tracking_number, reference
        self._fail_before()
        return []

    def _fail_before(self) -> None:
        if self._providers.mood == DOWN:
            raise ProviderUnavailable("out of order")
        if self._providers.mood == REFUSING:
            raise ProviderRefused(422, "no such address")

    def _fail_after(self) -> None:
        if self._providers.mood == ANSWER_LOST:
            raise ProviderUnavailable("no answer")


class Mails:
    """A mail server that keeps what it is given."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    def send(self, mail: Mail, *, now: datetime) -> None:
        """Take a mail over, or not."""
        del now
        if self._providers.mood in (DOWN, REFUSING):
            raise MailNotSent("out of order")
        self._providers.note("mail", mail.key, (mail.to, mail.subject))
        if self._providers.mood == ANSWER_LOST:
            raise MailNotSent("no answer")


class Providers:
    """All of them, with one mood and one book: what was done under which key."""

    def __init__(self) -> None:
        self.mood = WELL
        self.book: dict[tuple[str, str], tuple[Any, ...]] = {}
        self.contradictions: list[dict[str, Any]] = []
        self.payments = Payments(self)
        self.carrier: Carrier = Labels(self)
        self.mails = Mails(self)

    def note(self, what: str, key: str, facts: tuple[Any, ...]) -> None:
        """Do it once for each key; the same key with other facts is a contradiction."""
        before = self.book.setdefault((what, key), facts)
        if before != facts:
            self.contradictions.append({"what": what, "key": key, "before": before, "after": facts})

    def paid(self) -> dict[str, int]:
        """What really went back or will, in minor units, by method of payment."""
        total: dict[str, int] = {}
        for (what, key), facts in self.book.items():
            if what == "refund" and self.payments.status.get(key, FAILED) != FAILED:
                amount, _currency, method = facts
                total[method] = total.get(method, 0) + amount
        return total

    def is_paid(self, key: str) -> bool:
        """Whether money went back under a key, or will."""
        return self.payments.status.get(key, FAILED) != FAILED
