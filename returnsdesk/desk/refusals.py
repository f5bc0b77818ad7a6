"""Refusals: what a request gets that cannot be done, as a status, a stable code and a kind sentence."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from returnsdesk.settings import LANGUAGES
from returnsdesk.texts import render

logger = logging.getLogger(__name__)


class Refusal(Exception):
    """A request is refused; `code` also names the text, `desk_<code>` in data/responses/desk.yml."""

    def __init__(
        self,
        status: int,
        code: str,
        *,
        language: str | None = None,
        headers: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.language = language
        self.headers = dict(headers or {})
        self.facts = facts


def refusal_response(refusal: Refusal, accept_language: str, default_language: str) -> Response:
    """The refusal as JSON, in the language of the conversation, otherwise in one that the browser asks for."""
    language = refusal.language or preferred_language(accept_language) or default_language
    text = render(f"desk_{refusal.code}", language, **refusal.facts)
    body = {"error": refusal.code, "message": text}
    return JSONResponse(body, refusal.status, {"Cache-Control": "no-store", **refusal.headers})


def known_language(tag: object) -> str | None:
    """The product's language for a tag such as "nl-BE" or "no"; None if it speaks none like it."""
    if not isinstance(tag, str):
        return None
    language = tag.strip().lower().replace("_", "-").partition("-")[0]
    language = {"no": "nb", "nn": "nb"}.get(language, language)
    return language if language in LANGUAGES else None


def preferred_language(accept_language: str) -> str | None:
    """The first language of an Accept-Language header that the product speaks."""
    for part in accept_language.split(","):
        language = known_language(part.partition(";")[0])
        if language is not None:
            return language
    return None


async def on_error(request: Request, error: Exception) -> Response:
    """Exception handler for refusals, for what Starlette itself refuses, and for faults of the program."""
    if isinstance(error, Refusal):
        refusal = error
    elif isinstance(error, HTTPException):
        code = "not_found" if error.status_code in (404, 405) else "bad_request"
        refusal = Refusal(error.status_code, code, headers=error.headers)
    else:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        refusal = Refusal(500, "broken")
    default = request.app.state.desk.settings.default_language
    return refusal_response(refusal, request.headers.get("accept-language", ""), default)
