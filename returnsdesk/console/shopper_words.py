"""What a shopper will read of a decision, shown to the team before it is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console.access import form_of
from returnsdesk.console.forms import NAME_FIELD, VERSION_FIELD, Fields
from returnsdesk.console.rendering import page
from returnsdesk.desk.context import desk_of
from returnsdesk.formatting import LOCALES
from returnsdesk.texts import render


@dataclass(frozen=True)
class Letter:
    """The notice of a decision in the shopper's language, with the team's own words in it."""

    language: str
    headline: str
    paragraph: str
    heading: str
    words: str


def letter(event: str, language: str, words: str, *, number: str, order_number: str) -> Letter:
    """The notice of `event` as it will be sent; `language` is one that the product speaks."""
    facts = {
        "number": number,
        "order_number": order_number,
        "rma_number": number,
        "shop": "",
        "name": "",
    }
    return Letter(
        language=language,
        headline=render(f"notice_{event}_headline", language, **facts),
        paragraph=render(f"notice_{event}_text", language, **facts),
        heading=render("tracking_decision", language),
        words=words,
    )


async def preview(
    request: Request,
    *,
    event: str,
    title: str,
    number: str,
    order_number: str,
    language: str,
    back: str,
    action: str,
    button: str,
) -> Response:
    """The page between a decision's form and the decision: the letter, and the same form once more to confirm."""
    desk = desk_of(request)
    fields = Fields(await form_of(request))
    spoken = language if language in LOCALES else desk.settings.default_language
    write = partial(
        letter, event, spoken, fields.raw("text"), number=number, order_number=order_number
    )
    facts = {
        "letter": await run_sync(write),
        "title": title,
        "number": number,
        "back": back,
        "action": action,
        "button": button,
        "version": fields.raw(VERSION_FIELD),
        "form_name": fields.raw(NAME_FIELD),
        "typed": {
            name: value for name, value in fields.typed().items() if name in ("text", "code")
        },
    }
    return page(request, "words_preview.html", facts)
