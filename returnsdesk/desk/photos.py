"""Photos that shoppers send: taken by content, never by name, drawn anew without what cameras write into them."""

from __future__ import annotations

import re
import secrets
import threading
from functools import partial
from io import BytesIO
from pathlib import Path

from anyio.to_thread import run_sync
from PIL import Image, ImageOps, UnidentifiedImageError
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from returnsdesk.desk.channels.web_sessions import sender
from returnsdesk.desk.context import desk_of
from returnsdesk.desk.incoming import cleaned
from returnsdesk.desk.refusals import Refusal
from returnsdesk.services import feedback
from returnsdesk.services.errors import NotFound
from returnsdesk.services.photo_files import folder
from returnsdesk.texts import render

BYTES_LIMIT = 10 * 1024 * 1024
PIXELS_LIMIT = 50_000_000
LONGEST_SIDE = 2000
NAME_LIMIT = 100

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_QUALITY = 85
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_PHOTO_ID = re.compile(r"[0-9a-f]{32}")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=86400",
}
# A photo may take 200 MB while it is read; many at once must not take the machine.
_one_at_a_time = threading.Lock()


class NotAPicture(Exception):
    """The bytes are no picture of a known kind, or one of too many pixels."""


async def send_photo(request: Request) -> Response:
    """POST /api/photos?message_id=&name= with the file as the body: keep it (201), or find it kept before (200)."""
    desk = desk_of(request)
    conversation = await sender(request)
    message_id = request.query_params.get("message_id", "")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise Refusal(422, "bad_request", language=conversation.language)
    body = await _read(request, conversation.language)
    photo_id = secrets.token_hex(16)
    path = folder(desk.settings.var_dir) / f"{photo_id}.jpg"
    try:
        await run_sync(keep, body, path)
    except NotAPicture:
        raise Refusal(415, "photo_unreadable", language=conversation.language) from None
    add = partial(
        feedback.add_photo,
        desk.database,
        conversation.id,
        message_id=message_id,
        name=cleaned(request.query_params.get("name", ""))[:NAME_LIMIT],
        address=f"/api/photos/{photo_id}",
        reply=render("desk_photo_received", conversation.language),
        now=desk.clock(),
    )
    try:
        accepted = await run_sync(add)
    except NotFound:
        await run_sync(path.unlink)
        raise Refusal(401, "session_over", language=conversation.language) from None
    if accepted.is_new:
        desk.feed.tell(conversation.id)
    else:
        await run_sync(path.unlink)
    return JSONResponse({"seq": accepted.seq}, 201 if accepted.is_new else 200)


async def photo(request: Request) -> Response:
    """GET /api/photos/<id>: a photo; its id is random and known only to those who may see the conversation."""
    photo_id = request.path_params["photo_id"]
    path = folder(desk_of(request).settings.var_dir) / f"{photo_id}.jpg"
    if not _PHOTO_ID.fullmatch(photo_id) or not await run_sync(path.is_file):
        raise Refusal(404, "not_found")
    return FileResponse(path, media_type="image/jpeg", headers=_HEADERS)


routes = [
    Route("/api/photos", send_photo, methods=["POST"]),
    Route("/api/photos/{photo_id}", photo, methods=["GET"]),
]


def drawn_anew(content: bytes) -> bytes:
    """The picture as a JPEG of a bounded size, upright, without metadata; raises `NotAPicture`."""
    try:
        with _one_at_a_time, Image.open(BytesIO(content), formats=_FORMATS) as image:
            if image.width * image.height > PIXELS_LIMIT:
                raise NotAPicture
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            upright = ImageOps.exif_transpose(image).convert("RGBA")
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            plain = Image.new("RGB", upright.size, "white")
            plain.paste(upright, mask=upright)
            result = BytesIO()
            plain.save(result, "JPEG", quality=_QUALITY)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        raise NotAPicture from None
    return result.getvalue()


async def _read(request: Request, language: str) -> bytes:
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > BYTES_LIMIT:
        raise Refusal(413, "photo_too_large", language=language)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BYTES_LIMIT:
            raise Refusal(413, "photo_too_large", language=language)
    return bytes(body)


def keep(content: bytes, path: Path) -> None:
    """Write a shopper's picture as `drawn_anew` makes it; raises `NotAPicture`."""
    drawn = drawn_anew(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(drawn)
