"""The desk's side of the loopback call to Rasa: one message in, replies and trace out."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import BaseModel, StrictStr, ValidationError

from returnsdesk.services.answers import Reply, WaitingMessage
from returnsdesk.services.buttons import Button

CONNECT_SECONDS = 2.0
TURN_SECONDS = 32.0
"""Rasa gives a turn 30 s. Hanging up earlier would cancel it there, and a turn that needs longer would never end."""

_KEEP_IDLE_SECONDS = 4.0
_MOST_CONNECTIONS = 50

logger = logging.getLogger(__name__)


class RasaUnavailable(Exception):
    """Rasa or its action server cannot answer now; nothing was saved there and the message may be sent again."""


class ActionFailed(Exception):
    """The action server is up and an action of this message answers with an error: a passing fault, or a bug."""


class TurnRefused(Exception):
    """Rasa could not answer this message and never will; the text is for the log."""


@dataclass(frozen=True)
class Answer:
    """What the assistant says to one message, and how it came to it."""

    replies: tuple[Reply, ...]
    trace: dict[str, Any]


class _Payload(BaseModel):
    intent: StrictStr
    entities: dict[str, Any] = {}


class _Button(BaseModel):
    title: StrictStr
    payload: _Payload


class _Reply(BaseModel):
    text: StrictStr = ""
    buttons: list[_Button] = []
    image: StrictStr | None = None
    custom: dict[str, Any] = {}


class _Turn(BaseModel):
    replies: list[_Reply]
    trace: dict[str, Any] = {}


class RasaClient:
    """Calls the turn endpoint of Rasa over kept connections."""

    def __init__(self, port: int, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(TURN_SECONDS, connect=CONNECT_SECONDS, pool=None),
            limits=httpx.Limits(
                max_connections=_MOST_CONNECTIONS, keepalive_expiry=_KEEP_IDLE_SECONDS
            ),
            # A proxy of the environment has no business between two processes of one machine.
            trust_env=False,
        )

    async def answer(self, message: WaitingMessage) -> Answer:
        """The answer to a message; raises `RasaUnavailable`, `ActionFailed` or `TurnRefused`."""
        try:
            response = await self._client.post("/webhooks/desk/turn", json=_request(message))
        except httpx.TransportError as error:
            raise RasaUnavailable(type(error).__name__) from error
        if response.status_code == 200:
            return _answer(response)
        raise _failure(response)

    async def is_ready(self) -> bool:
        """Whether Rasa has a model loaded."""
        try:
            response = await self._client.get("/webhooks/desk/ready", timeout=CONNECT_SECONDS)
        except httpx.TransportError:
            return False
        return response.status_code == 200

    async def close(self) -> None:
        """Close the kept connections."""
        await self._client.aclose()


def _request(message: WaitingMessage) -> dict[str, Any]:
    return {
        "conversation_id": message.conversation_id,
        "message_id": str(message.id),
        "text": message.text,
        "choice": message.choice,
        "language": message.language,
        "channel": message.channel,
        "page": message.page,
    }


def _failure(response: httpx.Response) -> Exception:
    status, error, detail = response.status_code, "", ""
    try:
        body = response.json()
        error, detail = str(body["error"]), str(body.get("detail", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    text = ": ".join(
        [f"HTTP {status}", error[:200] or "no reason given", *filter(None, [detail[:200]])]
    )
    if status == 503 and error == "action_failed":
        return ActionFailed(text)
    # A 500 without a reason is not the channel's: the server was stopped in the middle of the turn.
    is_final = status in (400, 413) or (status == 500 and error)
    return TurnRefused(text) if is_final else RasaUnavailable(text)


def _answer(response: httpx.Response) -> Answer:
    try:
        turn = _Turn.parse_obj(response.json())
    except (ValidationError, ValueError) as error:
        # Some other program answers at Rasa's port.
        raise RasaUnavailable("the answer is not a turn") from error
    replies = tuple(
        Reply(
            text=reply.text,
            buttons=tuple(Button(each.title, each.payload.dict()) for each in reply.buttons),
            image=reply.image,
            custom=reply.custom,
        )
        for reply in turn.replies
    )
    return Answer(replies, turn.trace)
