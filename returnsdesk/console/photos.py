"""Photos of the team: taken by content, drawn anew like shoppers' photos, shown to who is logged in."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from anyio.to_thread import run_sync
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from returnsdesk.console.access import Page
from returnsdesk.console.forms import Invalid
from returnsdesk.desk.context import desk_of
from returnsdesk.desk.photos import BYTES_LIMIT, NotAPicture, drawn_anew
from returnsdesk.services.feedback import is_photo_id
from returnsdesk.services.photo_files import folder

MOST_PHOTOS: Final = 6
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
}


@contextmanager
def kept(var_dir: Path, uploads: Sequence[UploadFile], *, field: str) -> Iterator[tuple[str, ...]]:
    """Keep photos while something is done with their ids; if that fails they are deleted again.

    Raises `Invalid` for what is no picture, too large, or too many.
    """
    if len(uploads) > MOST_PHOTOS:
        raise Invalid({field: f"At most {MOST_PHOTOS} photos at once, please."})
    pictures = [_picture(upload, field) for upload in uploads]
    paths = []
    try:
        ids = []
        for picture in pictures:
            photo_id = secrets.token_hex(16)
            path = folder(var_dir) / f"{photo_id}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            paths.append(path)
            path.write_bytes(picture)
            ids.append(photo_id)
        yield tuple(ids)
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def _picture(upload: UploadFile, field: str) -> bytes:
    content = upload.file.read(BYTES_LIMIT + 1)
    if len(content) > BYTES_LIMIT:
        limit = BYTES_LIMIT // 1024 // 1024
        raise Invalid({field: f"A photo may have {limit} MB; {upload.filename} has more."})
    try:
        return drawn_anew(content)
    except NotAPicture:
        raise Invalid(
            {field: f"{upload.filename} is no photo. JPEG, PNG, WebP and GIF can be read."}
        ) from None


async def photo(request: Request) -> Response:
    """GET /console/photos/{photo_id}: a photo of a shopper or of the team."""
    photo_id = request.path_params["photo_id"]
    path = folder(desk_of(request).settings.var_dir) / f"{photo_id}.jpg"
    if not is_photo_id(photo_id) or not await run_sync(path.is_file):
        raise HTTPException(404)
    return FileResponse(path, media_type="image/jpeg", headers=_HEADERS)


routes = [Page("/photos/{photo_id}", photo, name="console_photo")]
