"""Keeps the console to pages of the desk itself: other origins send it nothing, whatever they may ask the chat."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = {
    # With the desk's "no-referrer" browsers would send their forms as of no origin ("null").
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# What somebody with a session has read is nothing to keep on the machine; style sheets and scripts are.
_KEPT_NOWHERE = {"Cache-Control": "no-store"}
_FILES = "/console/static/"
_REFUSAL = "The console takes requests from its own pages only."


class OwnPagesOnly:
    """Refuses requests of pages of another origin; the shop's pages in ALLOWED_ORIGINS are others too."""

    def __init__(self, app: ASGIApp, own: frozenset[str]) -> None:
        self._app = app
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on and add the headers of the console's answers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        added = _ALWAYS if scope["path"].startswith(_FILES) else _ALWAYS | _KEPT_NOWHERE

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
            await send(message)

        if self._is_foreign(Headers(scope=scope), is_reading=scope["method"] in ("GET", "HEAD")):
            refusal = PlainTextResponse(_REFUSAL, 403)
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _is_foreign(self, headers: Headers, *, is_reading: bool) -> bool:
        origin = headers.get("origin")
        if origin is not None:
            return origin not in self._own
        # A link from elsewhere may open a page; nothing from elsewhere may change something.
        site = headers.get("sec-fetch-site", "none")
        return not is_reading and site not in ("same-origin", "none")
