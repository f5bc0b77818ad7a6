"""What messages are made of, checked as Telegram does: texts, captions, files and keyboards."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import urlsplit

from PIL import Image, UnidentifiedImageError

from tests.servers.telegram.books import StoredFile, bad_request
from tests.servers.telegram.formatting import Formatted, NotParsableError, parsed, units

Parameters = dict[str, Any]

CAPTION_UNITS = 1024
CALLBACK_DATA_BYTES = 64
BUTTONS = 100
PHOTO_SIDES_SUM = 10_000
PHOTO_SIDES_RATIO = 20
JSON_PARAMETERS = frozenset(
    [
        "allowed_updates",
        "caption_entities",
        "commands",
        "drop_pending_updates",
        "entities",
        "link_preview_options",
        "media",
        "menu_button",
        "reply_markup",
        "reply_parameters",
        "scope",
        "show_alert",
    ]
)
BUTTON_ACTIONS = [
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
]


def photo_size(stored: StoredFile) -> dict[str, Any]:
    """A photo as a message shows it; raises RefusedError for what is no picture."""
    try:
        with Image.open(io.BytesIO(stored.content)) as picture:
            picture.load()
            width, height = picture.size
    except (UnidentifiedImageError, OSError) as error:
        raise bad_request("IMAGE_PROCESS_FAILED") from error
    is_too_long = max(width, height) > PHOTO_SIDES_RATIO * min(width, height)
    if width + height > PHOTO_SIDES_SUM or is_too_long:
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return {**about_file(stored), "width": width, "height": height}


def document(stored: StoredFile) -> dict[str, Any]:
    """A document as a message shows it."""
    return {**about_file(stored), "file_name": stored.name}


def about_file(stored: StoredFile) -> dict[str, Any]:
    return {
        "file_id": stored.file_id,
        "file_unique_id": f"unique-{stored.file_id}",
        "file_size": stored.size,
    }


def number(parameters: Parameters, name: str, default: int) -> int:
    try:
        return int(parameters.get(name, default))
    except (TypeError, ValueError):
        return default


def formatted(parameters: Parameters, name: str) -> Formatted:
    text = str(parameters.get(name) or "")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise bad_request("strings must be encoded in UTF-8")
    try:
        return parsed(text, parameters.get("parse_mode"))
    except NotParsableError as error:
        raise bad_request(str(error)) from error


def entities(name: str, said: Formatted) -> Parameters:
    return {name: said.entities} if said.entities else {}


def caption(parameters: Parameters) -> Parameters:
    said = formatted(parameters, "caption")
    if units(said.text) > CAPTION_UNITS:
        raise bad_request("message caption is too long")
    return {"caption": said.text, **entities("caption_entities", said)} if said.text else {}


def reply_markup(parameters: Parameters) -> Parameters:
    """The keyboard of a message; one for the user's own keyboard is no part of the message."""
    markup = parameters.get("reply_markup")
    if not markup:
        return {}
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" not in markup:
        if not {"keyboard", "remove_keyboard", "force_reply"} & markup.keys():
            raise bad_request("unsupported reply markup")
        return {}
    rows = [row for row in markup["inline_keyboard"] if row]
    if sum(len(row) for row in rows) > BUTTONS:
        raise bad_request("REPLY_MARKUP_TOO_LONG")
    for row in rows:
        for button in row:
            _check_button(button)
    return {"reply_markup": {"inline_keyboard": rows}} if rows else {}


def _check_button(button: dict[str, Any]) -> None:
    text = button.get("text")
    if not isinstance(text, str) or not text.strip():
        raise bad_request('can\'t parse inline keyboard button: Field "text" must be non-empty')
    actions = [name for name in BUTTON_ACTIONS if name in button]
    if len(actions) != 1:
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    data = button.get("callback_data")
    if data is not None and not 1 <= len(data.encode()) <= CALLBACK_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    url = button.get("url")
    if url is not None and "." not in (urlsplit(url).hostname or ""):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")


def read_parameter(name: str, value: str) -> Any:
    """A parameter of a form: lists, objects and truths are written as JSON, others are what they are."""
    if name not in JSON_PARAMETERS:
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise bad_request(f"can't parse {name} JSON object") from error
