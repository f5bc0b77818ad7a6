"""Signed, expiring links that open one return to whoever holds them: its tracking page and its label."""

from __future__ import annotations

from datetime import datetime, timezone

from itsdangerous import BadSignature, URLSafeSerializer

from returnsdesk.settings import Settings


def tracking_url(settings: Settings, rma_number: str, *, now: datetime) -> str:
    """Address of the tracking page of a return."""
    return f"{settings.public_url.rstrip('/')}/track/{token_for(settings, rma_number, now=now)}"


def label_url(settings: Settings, rma_number: str, *, now: datetime) -> str:
    """Address of the label of a return as PDF."""
    return f"{tracking_url(settings, rma_number, now=now)}/label.pdf"


def token_for(settings: Settings, rma_number: str, *, now: datetime) -> str:
    """What opens a return for TRACKING_LINK_DAYS from `now`."""
    expires_at = int(now.timestamp()) + settings.tracking_link_days * 86_400
    return str(_signer(settings).dumps([rma_number, expires_at]))


def rma_number_in(settings: Settings, token: str, *, now: datetime) -> str | None:
    """The return that a token opens; None for one that is forged or has run out."""
    try:
        rma_number, expires_at = _signer(settings).loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    is_open = datetime.fromtimestamp(expires_at, timezone.utc) > now
    return str(rma_number) if is_open else None


def _signer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.derived_secret("tracking"))
