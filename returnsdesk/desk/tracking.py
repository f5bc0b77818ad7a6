"""The shopper's tracking page: one return for whoever holds its link, without log-in and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from returnsdesk.desk import tracking_words
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.desk.refusals import known_language, preferred_language
from returnsdesk.domain.colours import text_colour_on
from returnsdesk.services import links, tracking
from returnsdesk.services.tracking import Tracking

LANGUAGE_NAMES = {
    "en": "English",
    "nl": "Nederlands",
    "de": "Deutsch",
    "nb": "Norsk",
    "pl": "Polski",
}

_DESK = Path(__file__).resolve().parent
_STYLE = _DESK / "static" / "tracking.css"

templates = Jinja2Templates(directory=_DESK / "templates")


async def tracking_page(request: Request) -> Response:
    """GET /track/<token>: where the return stands; 404 with words on how to go on for a link that opens nothing."""
    desk = desk_of(request)
    token = request.path_params["token"]
    now = desk.clock()
    rma_number = links.rma_number_in(desk.settings, token, now=now)
    asked, fallback = _languages(request)
    found = await run_sync(_find, desk, rma_number, asked, fallback) if rma_number else None
    if found is None:
        return no_return_page(request)
    page = tracking_words.for_return(found)
    pictures = [item["image"] for item in page["items"]]
    return templates.TemplateResponse(
        request,
        "tracking.html",
        {**_brand(desk, found.language), "page": page, "label_url": f"/track/{token}/label"},
        headers=_headers([desk.settings.brand_logo_url, *pictures]),
    )


def no_return_page(request: Request) -> Response:
    """How to go on from a link that is forged or has run out; status 404."""
    return _gone_page(request, tracking_words.for_no_return)


def no_label_page(request: Request) -> Response:
    """How to go on where a good link leads to no label: not made yet, taken back or run out; status 404."""
    return _gone_page(
        request, tracking_words.for_no_label, return_url=f"/track/{request.path_params['token']}"
    )


async def style(request: Request) -> Response:
    """GET /tracking.css: the look of the page, with the shop's colour."""
    colour = desk_of(request).settings.brand_colour
    brand = f":root {{ --brand: {colour}; --on-brand: {text_colour_on(colour)}; }}\n"
    text = await run_sync(_STYLE.read_text, "utf-8")
    return Response(brand + text, media_type="text/css")


routes = [
    Route("/track/{token}", tracking_page, methods=["GET"]),
    Route("/tracking.css", style, methods=["GET"]),
]


def _gone_page(
    request: Request, words: Callable[[str], dict[str, Any]], return_url: str | None = None
) -> Response:
    desk = desk_of(request)
    asked, fallback = _languages(request)
    language = asked or fallback
    shown = {
        **_brand(desk, language),
        "page": words(language),
        "contact": desk.settings.mail_from,
        "return_url": return_url,
    }
    headers = _headers([desk.settings.brand_logo_url])
    return templates.TemplateResponse(request, "tracking_gone.html", shown, 404, headers)


def _languages(request: Request) -> tuple[str | None, str]:
    """The language that the address asks for, and the one to take when nothing says better."""
    preferred = preferred_language(request.headers.get("accept-language", ""))
    asked = known_language(request.query_params.get("lang"))
    return asked, preferred or desk_of(request).settings.default_language


def _brand(desk: Desk, language: str) -> dict[str, Any]:
    return {
        "shop_name": desk.settings.shop_name,
        "logo_url": desk.settings.brand_logo_url,
        "shop_url": "/shop" if desk.settings.demo_mode else None,
        "language": language,
        "languages": LANGUAGE_NAMES,
    }


def _find(desk: Desk, rma_number: str, asked: str | None, fallback: str) -> Tracking | None:
    with desk.database.read() as session:
        return tracking.find(session, rma_number, asked=asked, fallback=fallback, now=desk.clock())


def _headers(pictures: Iterable[str | None]) -> dict[str, str]:
    """Nothing but style and the pictures that are shown; no trace of the address, which opens the page, anywhere."""
    sources = " ".join(["'self'", *sorted({*filter(None, map(_origin, pictures))})])
    policy = (
        f"default-src 'none'; style-src 'self'; img-src {sources}; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
    }


def _origin(address: str | None) -> str | None:
    """Origin of a picture of another host, as a source of the policy."""
    parts: Any = urlsplit(address or "")
    is_of_web = parts.scheme in ("http", "https") and not set(parts.netloc) & set(" ;,'\"")
    return f"{parts.scheme}://{parts.netloc}" if is_of_web and parts.netloc else None
