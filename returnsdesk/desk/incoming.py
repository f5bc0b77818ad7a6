"""What shoppers send, made safe to keep: bodies of a bounded size, texts without what no text needs."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from starlette.requests import Request

from returnsdesk.desk.refusals import Refusal

TEXT_LIMIT = 4000
BODY_LIMIT = 20 * 1024
"""Holds a text of the longest kind in any script, four bytes a character, and little else."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body, {} if the body is empty; raises `Refusal`."""
    body = await _read_body(request)
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_request") from None
    if not isinstance(value, dict):
        raise Refusal(400, "bad_request")
    return value


async def _read_body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > BODY_LIMIT:
        raise Refusal(413, "too_large")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise Refusal(413, "too_large")
    return bytes(body)


def cleaned(text: str) -> str:
    """The text without control characters and broken halves of characters, its line ends all alike."""
    text = _LONE_SURROGATE.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")
    kept = (char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")
    return "".join(kept).strip()
