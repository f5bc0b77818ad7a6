"""The chat widget's file as shops' pages load it: compressed, cached, and asked for again only when it has changed."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from returnsdesk.settings import PROJECT_ROOT

WIDGET_FILE = PROJECT_ROOT / "widget" / "returnsdesk-widget.js"

# Five minutes until a new release is asked for; meanwhile, and while the desk is away, the kept copy serves.
_CACHING = "public, max-age=300, stale-while-revalidate=86400, stale-if-error=604800"


# Comments on lines of their own and indentation are for those who read the source; nothing else is taken out.
_FOR_READERS = re.compile(rb"^[ \t]*//.*\n|^[ \t]+", re.MULTILINE)
_BANNER = re.compile(rb"\A/\*.*?\*/\n", re.DOTALL)


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


def slimmed(source: bytes) -> bytes:
    """The script without what only its readers need."""
    return _FOR_READERS.sub(b"", _BANNER.sub(b"", source))


def _content() -> _Content:
    return _read(WIDGET_FILE, WIDGET_FILE.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read(path: Path, _changed_at: int) -> _Content:
    plain = slimmed(path.read_bytes())
    return _Content(plain, gzip.compress(plain, 9, mtime=0), f'"{sha256(plain).hexdigest()[:20]}"')
