"""Pictures for a chat: those of our own addresses are fetched and handed over, as Telegram could not reach them."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import httpx
from anyio.to_thread import run_sync

from returnsdesk.desk.photos import NotAPicture, drawn_anew
from returnsdesk.settings import Settings

_SECONDS: Final = 5.0
_LARGEST: Final = 10 * 1024 * 1024


class NoPicture(Exception):
    """The picture cannot be had; the text says why, for the log."""


async def sendable(address: str, settings: Settings) -> str | bytes:
    """What Telegram is given for a picture: its address, or the picture itself. Raises `NoPicture`.

    Telegram takes no drawings, so for one of ours the same as PNG is sent, which lies beside it.
    """
    path = own_path(address, settings)
    if path is None:
        return address
    if path.endswith(".svg"):
        path = f"{path.removesuffix('.svg')}.png"
    content = await _fetch(f"http://{_own_host(settings)}:{settings.desk_port}{path}")
    try:
        return await run_sync(drawn_anew, content)
    except NotAPicture:
        raise NoPicture(f"{path} is no picture that Telegram takes") from None


def own_path(address: str, settings: Settings) -> str | None:
    """The path of an address on this desk; None for an address elsewhere. Raises `NoPicture` for what is none."""
    parts = urlsplit(address)
    if not parts.scheme and not parts.netloc:
        if not parts.path.startswith("/"):
            raise NoPicture("the address has no host")
        return parts.path
    if parts.scheme not in ("http", "https"):
        raise NoPicture(f"{parts.scheme} is no address on the web")
    return parts.path if parts.netloc == urlsplit(settings.public_url).netloc else None


async def _fetch(url: str) -> bytes:
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            response = await client.get(url)
    except httpx.HTTPError as error:
        raise NoPicture(f"{urlsplit(url).path}: {type(error).__name__}") from error
    if response.status_code != 200 or len(response.content) > _LARGEST:
        raise NoPicture(f"{urlsplit(url).path}: HTTP {response.status_code}")
    return response.content


def _own_host(settings: Settings) -> str:
    host = settings.desk_host
    return "127.0.0.1" if host in ("0.0.0.0", "::", "localhost") else host  # noqa: S104  called, not bound
