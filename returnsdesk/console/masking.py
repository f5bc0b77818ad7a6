"""Personal data on pages: masked until a member of the team asks for it, which is recorded.

In a template: `{{ customer.email|masked("email", "customer", customer.id, "email") }}` - the kind of mask, then the
record, its id and the field as `returnsdesk.services.personal_fields` lists them. Without the record: no button.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from anyio.to_thread import run_sync
from itsdangerous import BadSignature, TimestampSigner
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from returnsdesk.console.access import Page, form_of, session_token, staff_of
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import personal_fields
from returnsdesk.services.errors import NotFound

DOTS: Final = "•••"
SECONDS_REVEALED: Final = 60
_PARAMETER: Final = "revealed"
_WORDS: Final = re.compile(r"\S+")


def mask(value: str, kind: str) -> str:
    """The masked form of a value: enough to tell two apart at a glance, never its length."""
    value = value.strip()
    if not value:
        return ""
    if kind == "email":
        name, _, domain = value.partition("@")
        return f"{name[:1]}{DOTS}@{domain[:1]}{DOTS}.{domain.rpartition('.')[2]}"
    if kind == "phone":
        return f"{DOTS}{value[-2:]}" if len(value) > 4 else DOTS
    if kind == "name":
        return " ".join(f"{word[0]}{DOTS}" for word in _WORDS.findall(value)[:3])
    if kind == "postcode":
        return f"{value[:2]}{DOTS}" if len(value) > 3 else DOTS
    return DOTS * 2


@pass_context
def masked(
    context: Context,
    value: object,
    kind: str = "text",
    record: str = "",
    record_id: object = "",
    field: str = "",
) -> Markup:
    """The filter: a value's masked form, with a button that reveals it where the record is named."""
    text = "" if value is None else str(value)
    if not text.strip():
        return Markup("")
    what = f"{record}:{record_id}:{field}" if record else ""
    if what and what == _revealed_now(context):
        return Markup('<span class="masked is-revealed">{}</span>').format(text)
    shown = escape(mask(text, kind))
    if not what:
        return Markup('<span class="masked">{}</span>').format(shown)
    label = f"Show the {field.replace('_', ' ')}"
    return Markup(
        '<span class="masked"><span data-masked>{}</span>'
        '<button class="reveal" form="reveal" name="what" value="{}" aria-label="{}" title="{}">'
        "Show</button></span>"
    ).format(shown, what, label, label)


async def reveal(request: Request) -> Response:
    """POST /console/reveal: what stands in a field; a script gets it as JSON, a form goes back to its page."""
    desk, form = desk_of(request), await form_of(request)
    what = str(form.get("what", ""))
    record, record_id, field = [*what.split(":"), "", "", ""][:3]
    read = partial(
        personal_fields.reveal,
        desk.database,
        record,
        record_id,
        field,
        actor=staff_of(request).email,
        now=desk.clock(),
    )
    try:
        value = await run_sync(read)
    except NotFound as error:
        raise HTTPException(404) from error
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"value": value}, headers={"Cache-Control": "no-store"})
    sign = _signer(desk, session_token(request)).sign(what).decode()
    return RedirectResponse(_back(str(form.get("back", "")), sign), 303)


routes = [Page("/reveal", reveal, methods=("POST",))]


def _signer(desk: Desk, token: str) -> TimestampSigner:
    # Bound to the session: the address of a page with something revealed shows nothing to anybody else.
    return TimestampSigner(desk.settings.derived_secret("console-reveal"), salt=token)


def _revealed_now(context: Context) -> str:
    """What the page's address says was revealed a moment ago, if that is true."""
    request: Any = context.get("request")
    given = request.query_params.get(_PARAMETER, "") if request is not None else ""
    if not given:
        return ""
    try:
        signed = _signer(desk_of(request), session_token(request)).unsign(given, SECONDS_REVEALED)
    except BadSignature:
        return ""
    return signed.decode()


def _back(address: str, sign: str) -> str:
    parts = urlsplit(address)
    is_own = not parts.netloc and parts.path.startswith("/console/") and "\\" not in address
    path = parts.path if is_own else "/console/"
    kept = [pair for pair in parse_qsl(parts.query) if pair[0] not in (_PARAMETER, "said")]
    return f"{path}?{urlencode([*kept, (_PARAMETER, sign)])}"
