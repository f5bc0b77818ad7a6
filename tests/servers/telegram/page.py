"""The page /chat: one person's chat with the bot as a phone shows it, for talking to it by hand."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.servers.telegram.books import BOT
from tests.servers.telegram.formatting import as_html
from tests.servers.telegram.users import User, buttons_of

if TYPE_CHECKING:
    from tests.servers.telegram.server import TelegramServer

Answer = tuple[int, str, bytes]
_PAGE = Path(__file__).with_name("chat.html")
_visitors: dict[tuple[int, str], User] = {}
_guard = threading.Lock()


def answer(
    telegram: TelegramServer, parts: list[str], query: dict[str, list[str]], body: bytes
) -> Answer:
    """The page itself, what it shows, and what is done on it; `?as=NAME&language=nl` is another person."""
    user = visitor(telegram, _first(query, "as", "Robin"), _first(query, "language", "en"))
    if not parts:
        return 200, "text/html; charset=utf-8", _PAGE.read_bytes()
    if parts[0] == "messages":
        return _json(_shown(user))
    if parts[0] == "files" and len(parts) == 2 and parts[1] in telegram.books.files:
        stored = telegram.books.files[parts[1]]
        kind = "application/pdf" if stored.content.startswith(b"%PDF") else "image/png"
        return 200, kind, stored.content
    if parts[0] == "say":
        user.says(body.decode())
        return _json({})
    if parts[0] == "photo":
        user.sends_photo(body)
        return _json({})
    if parts[0] == "press":
        wanted = json.loads(body)
        message = user.chat.message(wanted["message_id"])
        if message is None:
            return _json({}, 404)
        press = user.presses_data(message, wanted["data"])
        return _json({"text": press.answer(seconds=5), "is_alert": press.is_alert})
    return _json({}, 404)


def visitor(telegram: TelegramServer, name: str, language: str) -> User:
    """The person of that name; the same one on the page and at the terminal."""
    with _guard:
        key = (id(telegram), name)
        if key not in _visitors:
            _visitors[key] = User(telegram.books, language, name)
        return _visitors[key]


def _shown(user: User) -> dict[str, Any]:
    with user.books.changed:
        shown = []
        for message in user.chat.messages:
            entities = message.get("entities") or message.get("caption_entities") or []
            text = str(message.get("text") or message.get("caption") or "")
            shown.append(
                {
                    "id": message["message_id"],
                    "from_bot": message["from"]["id"] == BOT["id"],
                    "at": message["date"],
                    "html": as_html(text, entities),
                    "rows": message.get("reply_markup", {}).get("inline_keyboard", []),
                    "photo": _address(message["photo"][-1]) if "photo" in message else None,
                    "document": _document(message),
                }
            )
        return {"bot": BOT["first_name"], "actions": len(user.chat.actions), "messages": shown}


def _document(message: dict[str, Any]) -> dict[str, Any] | None:
    if "document" not in message:
        return None
    about = message["document"]
    return {"name": about["file_name"], "size": about["file_size"], "address": _address(about)}


def _address(about: dict[str, Any]) -> str:
    return f"/chat/files/{quote(about['file_id'])}"


def _first(query: dict[str, list[str]], name: str, default: str) -> str:
    return query.get(name, [default])[0]


def _json(content: Any, status: int = 200) -> Answer:
    return status, "application/json", json.dumps(content).encode()


def numbered_buttons(user: User) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every button that is shown now, with its message, in the order of the chat."""
    return [(message, each) for message in user.from_bot for each in buttons_of(message)]
