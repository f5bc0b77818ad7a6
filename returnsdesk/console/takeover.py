"""Taking a conversation over from the reading view: join, write, hand back; who has it and who looks at it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from anyio.to_thread import run_sync
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from returnsdesk.console.access import Page, form_of, staff_of
from returnsdesk.console.events import board_of
from returnsdesk.console.rendering import FLASHES, back_to, moment, page
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.desk.incoming import cleaned
from returnsdesk.services import canned_answers, live_panel, takeover
from returnsdesk.services.errors import Conflict, NotAllowed, NotFound, ServiceError
from returnsdesk.services.staff_sessions import StaffMember
from returnsdesk.services.takeover import TEXT_LIMIT

FLASHES.update(
    {
        "joined": "You have joined. The assistant is silent until you hand the conversation back.",
        "taken": "You have taken the conversation over.",
        "sent": "Sent.",
        "left_solved": "Handed back to the assistant, as solved.",
        "left_open": "Handed back to the assistant. The case stays open, with you.",
        "handed_back": "Handed back to the assistant for your colleague.",
    }
)

_KEY_LENGTH: Final = 60


async def live_facts(request: Request, conversation_id: str) -> dict[str, Any]:
    """What `conversation_live.html` shows of a conversation to who asks; to be added to the page's facts."""
    read = partial(_read_panel, desk_of(request), conversation_id, staff_of(request))
    panel = await run_sync(read)
    chosen = request.query_params.get("canned", "")
    return {
        "live": panel,
        "live_text": panel.canned.get(chosen, "") if panel else "",
        "live_key": secrets.token_urlsafe(12),
        "text_limit": TEXT_LIMIT,
    }


async def join(request: Request) -> Response:
    """POST /console/conversations/{id}/join: take it over from the assistant, or as a lead from a colleague."""
    form = await form_of(request)
    colleague = str(form.get("from") or "") or None
    act = partial(takeover.join, from_colleague=colleague)
    return await _done(request, act, said="taken" if colleague else "joined")


async def say(request: Request) -> Response:
    """POST /console/conversations/{id}/say: write to the shopper; the form's key makes it one message."""
    form = await form_of(request)
    text, key = cleaned(str(form.get("text") or "")), str(form.get("key") or "")[:_KEY_LENGTH]

    def act(database: Any, conversation_id: str, agent: str, *, now: Any) -> None:
        filled = text
        if "{" in text:
            filled = _filled(desk_of(request), conversation_id, staff_of(request), text)
        takeover.say(database, conversation_id, agent, filled, now=now, key=key or None)

    return await _done(request, act, said="sent", text=text)


async def typing(request: Request) -> Response:
    """POST /console/conversations/{id}/typing: let the shopper see that somebody is writing."""
    return await _done(request, takeover.show_typing, said="")


async def leave(request: Request) -> Response:
    """POST /console/conversations/{id}/leave: hand it back to the assistant, solved or not."""
    form = await form_of(request)
    is_solved, colleague = form.get("solved") == "yes", str(form.get("for") or "") or None
    act = partial(takeover.leave, is_solved=is_solved, for_colleague=colleague)
    said = "left_solved" if is_solved else "left_open"
    return await _done(request, act, said="handed_back" if colleague else said)


routes = [
    Page(
        "/conversations/{conversation_id}/join", join, methods=("POST",), name="join_conversation"
    ),
    Page("/conversations/{conversation_id}/say", say, methods=("POST",), name="say_to_shopper"),
    Page("/conversations/{conversation_id}/typing", typing, methods=("POST",)),
    Page("/conversations/{conversation_id}/leave", leave, methods=("POST",), name="hand_back"),
]


async def _done(
    request: Request, act: Callable[..., Any], *, said: str, text: str = ""
) -> Response:
    """Carry a command out and go back to the conversation, or say why not; a script gets JSON."""
    desk, conversation_id = desk_of(request), request.path_params["conversation_id"]
    is_script = "application/json" in request.headers.get("accept", "")
    command = partial(
        act, desk.database, conversation_id, staff_of(request).email, now=desk.clock()
    )
    try:
        await run_sync(command)
    except ServiceError as error:
        sentence = await run_sync(_sentence, desk, conversation_id, error)
        status = _status(error)
        if is_script:
            return JSONResponse({"sentence": sentence}, status)
        facts = {"sentence": sentence, "text": text, "conversation_id": conversation_id}
        return page(request, "takeover_refused.html", facts, status=status)
    desk.feed.tell(conversation_id)
    board_of(request).poke()
    if is_script:
        return JSONResponse({"sentence": FLASHES.get(said, "")})
    answer = back_to(f"/console/conversations/{conversation_id}", said)
    # The latest message and the box to write in, however long the conversation is.
    answer.headers["location"] += "#live"
    return answer


def _status(error: ServiceError) -> int:
    if error.code == "CONVERSATION_UNKNOWN":
        raise HTTPException(404) from error
    return 409 if isinstance(error, NotFound | Conflict | NotAllowed) else 422


def _sentence(desk: Desk, conversation_id: str, error: ServiceError) -> str:
    """What is wrong and what it is like now, for who pressed the button."""
    with desk.database.read() as session:
        holder = takeover.holder_of(session, conversation_id)
    if error.code == "CONVERSATION_ENDED":
        return "The shopper has ended this conversation. Nothing more can be sent in it."
    if error.code == "LEAD_NEEDED":
        return "Only a lead may do this for a colleague."
    if error.code == "TEXT_INVALID":
        return f"A message has 1 to {TEXT_LIMIT} characters; nothing was sent."
    if holder is not None:
        return f"{holder.name} has had this conversation since {moment(holder.since)} UTC. Nothing was changed."
    return "The assistant has this conversation now. Join it to write; nothing was changed."


def _read_panel(
    desk: Desk, conversation_id: str, member: StaffMember
) -> live_panel.LivePanel | None:
    with desk.database.read() as session:
        return live_panel.of(
            session, conversation_id, member, shop=desk.settings.shop_name, now=desk.clock()
        )


def _filled(desk: Desk, conversation_id: str, member: StaffMember, text: str) -> str:
    with desk.database.read() as session:
        known = canned_answers.known_gaps(
            session, conversation_id, agent=member.name, shop=desk.settings.shop_name
        )
    return canned_answers.fill(text, known)
