"""Guards around every request: which pages may call, and headers that hold browsers to what the desk needs."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from returnsdesk.desk.refusals import Refusal, refusal_response
from returnsdesk.settings import Settings

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    # Asked for anew each time, so that page and script are of one version; most is not even kept.
    "Cache-Control": "no-cache",
}

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the desk's own pages."""

_STRICTEST_POLICY = "default-src 'none'; frame-ancestors 'none'"


CONSOLE: Final = "/console"
"""Where the support team's pages begin; nothing that is allowed to the shop's pages is allowed to them there."""


def allowed_origins(settings: Settings) -> frozenset[str]:
    """Origins that may call the desk: those of the settings and the desk's own."""
    return frozenset(settings.origins) | own_origins(settings)


def own_origins(settings: Settings) -> frozenset[str]:
    """The desk's own origin and, on a loopback address, its other names."""
    allowed = {settings.public_url.rstrip("/")}
    own = urlsplit(settings.public_url)
    ports = set()
    if own.hostname in ("127.0.0.1", "localhost", "::1"):
        ports.add(own.port or 80)
    if settings.desk_host in ("127.0.0.1", "localhost", "::1"):
        ports.add(settings.desk_port)
    allowed.update(f"http://{name}:{port}" for name in _LOOPBACK_NAMES for port in ports)
    return frozenset(allowed)


class OriginGuard:
    """Refuses what a page of another origin sends; requests without an origin do not come from a foreign page."""

    def __init__(self, app: ASGIApp, origins: frozenset[str], default_language: str) -> None:
        self._app = app
        self._origins = origins
        self._default_language = default_language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and origin not in self._origins:
                refusal = Refusal(403, "origin_foreign")
                response = refusal_response(
                    refusal, headers.get("accept-language", ""), self._default_language
                )
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


class ShopPagesMayAsk(CORSMiddleware):
    """Tells browsers that pages of the allowed origins may read answers; never those of the console."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on as it is below /console."""
        path = str(scope.get("path", ""))
        if path == CONSOLE or path.startswith(f"{CONSOLE}/"):
            await self.app(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


class SafeHeaders:
    """Adds the headers that every answer carries; a page sets its own Content-Security-Policy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and add the headers to what comes back."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _STRICTEST_POLICY)
            await send(message)

        await self._app(scope, receive, send_with_headers)
