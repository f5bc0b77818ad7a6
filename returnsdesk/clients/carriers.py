"""Which carrier makes the labels: the settings say so."""

from __future__ import annotations

from returnsdesk.clients.carrier import Carrier, EmbeddedCarrier
from returnsdesk.clients.sendcloud import Sendcloud
from returnsdesk.settings import Settings, SettingsError


def carrier_for(settings: Settings) -> Carrier | None:
    """The carrier of CARRIER; None where shoppers send by a carrier of their own. Raises `SettingsError`."""
    if settings.carrier == "embedded":
        return EmbeddedCarrier(is_sample=settings.demo_mode)
    if settings.carrier != "sendcloud":
        return None
    secret = settings.sendcloud_secret_key
    if not settings.sendcloud_public_key or secret is None or not secret.get_secret_value():
        raise SettingsError(
            "CARRIER is sendcloud, so SENDCLOUD_PUBLIC_KEY and SENDCLOUD_SECRET_KEY must be set."
        )
    return Sendcloud(
        settings.sendcloud_url, settings.sendcloud_public_key, secret.get_secret_value()
    )
