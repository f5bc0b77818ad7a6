"""The chat widget's file as shops' pages load it: compressed, cached, and asked for again only when it has changed."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from returnsdesk.services import chat_links
from returnsdesk.settings import PROJECT_ROOT
from returnsdesk.texts import render

WIDGET_FILE = PROJECT_ROOT / "widget" / "returnsdesk-widget.js"

# Five minutes until a new release is asked for; meanwhile, and while the desk is away, the kept copy serves.
_CACHING = "public, max-age=300, stale-while-revalidate=86400, stale-if-error=604800"


@dataclass(frozen=True)
class _Content:
    plain: bytes
    compressed: bytes
    etag: str


async def widget_file(request: Request) -> Response:
    """GET /widget.js: the widget, gzipped for browsers that take it; 304 when they have this version."""
    content = await run_sync(_content)
    headers = {
        "Cache-Control": _CACHING,
        "ETag": content.etag,
        "Vary": "Accept-Encoding",
        # Any page may load the file; which pages may talk to the desk is decided at its endpoints.
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    # A proxy that compresses anew weakens the tag.
    if content.etag in [tag.removeprefix("W/") for tag in known]:
        return Response(status_code=304, headers=headers)
    body = content.plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        body = content.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="text/javascript", headers=headers)


routes = [Route("/widget.js", widget_file, methods=["GET"])]

# Facts that the widget itself fills in.
_FACTS = {name: f"{{{name}}}" for name in ("order", "product", "count")}
_WORDS = (
    "where",
    "how",
    "size",
    "from_order",
    "of_product",
    "too_long",
    "agent",
    "typing",
    "refused",
    "discard",
    "photo",
    "photo_wrong",
    "photo_failed",
    "save",
    "fresh",
    "fresh_ask",
    "keep",
    "ended",
    "label",
    "sold_out",
    "done",
    "rate",
    "stars",
    "comment",
    "thanks",
)


_TELEGRAM_WORDS = {"telegram": "telegram_continue", "telegram_open": "telegram_open"}


def words(language: str, has_telegram: bool = False) -> dict[str, str]:
    """What the widget's interface says once it has reached the desk; the file holds what it says before.

    The words about Telegram are there where there is a bot, and tell the widget so.
    """
    found = {name: render(f"widget_{name}", language, **_FACTS) for name in _WORDS}
    if has_telegram:
        found.update({name: render(key, language) for name, key in _TELEGRAM_WORDS.items()})
        found["telegram_once"] = render("telegram_once", language, minutes=chat_links.MINUTES)
    return found


def _content() -> _Content:
    return _read(WIDGET_FILE, WIDGET_FILE.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read(path: Path, _changed_at: int) -> _Content:
    plain = path.read_bytes()
    return _Content(plain, gzip.compress(plain, 9, mtime=0), f'"{sha256(plain).hexdigest()[:20]}"')
