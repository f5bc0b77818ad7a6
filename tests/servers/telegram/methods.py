"""The methods of the Bot API, with the limits and the wording of core.telegram.org/bots/api."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit

from tests.servers.telegram.books import BOT, Books, Chat, RefusedError, StoredFile, bad_request
from tests.servers.telegram.contents import (
    Parameters,
    about_file,
    caption,
    document,
    entities,
    formatted,
    number,
    photo_size,
    reply_markup,
)
from tests.servers.telegram.formatting import units

TEXT_UNITS = 4096
ANSWER_CHARACTERS = 200
PHOTO_BYTES = 10 * 1024 * 1024
ALBUM_LENGTH = 10
UPLOAD_BYTES = 50 * 1024 * 1024
DOWNLOAD_BYTES = 20 * 1024 * 1024
WEBHOOK_PORTS = (443, 80, 88, 8443)
CHAT_ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    ]
)
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


class Methods:
    """What the bot may ask for; parameters are as they came, JSON already read, uploads as (name, content)."""

    def __init__(self, books: Books) -> None:
        self.books = books

    def named(self, method: str) -> Callable[[Parameters], Any] | None:
        """The method of that name in whatever case, as Telegram finds it."""
        return _BY_NAME.get(method.lower(), lambda _self: None)(self)

    def get_me(self, _parameters: Parameters) -> Any:
        return BOT

    def get_chat(self, parameters: Parameters) -> Any:
        about = self.books.chat(parameters.get("chat_id")).about
        return {"accent_color_id": 0, "max_reaction_count": 11, **about}

    def get_webhook_info(self, _parameters: Parameters) -> Any:
        webhook = self.books.webhook
        error = {"last_error_date": 1, "last_error_message": webhook.last_error}
        return {
            "url": webhook.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self.books.waiting),
            "allowed_updates": self.books.allowed_updates,
            **(error if webhook.last_error else {}),
        }

    def set_webhook(self, parameters: Parameters) -> Any:
        url = parameters.get("url") or ""
        secret = parameters.get("secret_token") or ""
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
            raise bad_request("secret token contains unallowed characters")
        self._check_webhook_url(url)
        self._allow(parameters)
        with self.books.changed:
            self.books.webhook.url, self.books.webhook.secret_token = url, secret
            self.books.webhook.last_error = ""
            if parameters.get("drop_pending_updates"):
                self.books.waiting.clear()
            self.books.changed.notify_all()
        return True

    def delete_webhook(self, parameters: Parameters) -> Any:
        return self.set_webhook({"drop_pending_updates": parameters.get("drop_pending_updates")})

    def _check_webhook_url(self, url: str) -> None:
        if not url or self.books.local:
            return
        split = urlsplit(url)
        if split.scheme != "https":
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if (split.port or 443) not in WEBHOOK_PORTS:
            raise bad_request(
                "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"
            )
        if (split.hostname or "") in ("localhost", "127.0.0.1"):
            raise bad_request("bad webhook: IP address 127.0.0.1 is reserved")

    def get_updates(self, parameters: Parameters) -> Any:
        """What waits, as soon as there is some; the newer of two pollers is served."""
        books = self.books
        offset, limit = number(parameters, "offset", 0), number(parameters, "limit", 100)
        with books.changed:
            if books.webhook.url:
                raise RefusedError(
                    409,
                    "Conflict: can't use getUpdates method while webhook is active; "
                    "use deleteWebhook to delete the webhook first",
                )
            self._allow(parameters)
            books.poller += 1
            own = books.poller
            books.changed.notify_all()
            if offset < 0:
                del books.waiting[:offset]
            else:
                books.confirm(offset)
            books.changed.wait_for(
                lambda: books.waiting or books.poller != own or books.is_stopped,
                number(parameters, "timeout", 0),
            )
            if books.poller != own:
                raise RefusedError(
                    409,
                    "Conflict: terminated by other getUpdates request; "
                    "make sure that only one bot instance is running",
                )
            return [each.update for each in books.waiting[: min(max(limit, 1), 100)]]

    def _allow(self, parameters: Parameters) -> None:
        """An empty list means all but a few kinds; without a list, the last one holds."""
        if isinstance(parameters.get("allowed_updates"), list):
            self.books.allowed_updates = parameters["allowed_updates"]

    def send_message(self, parameters: Parameters) -> Any:
        chat = self._writable_chat(parameters)
        if not str(parameters.get("text") or ""):
            raise bad_request("message text is empty")
        said = formatted(parameters, "text")
        if not said.text:
            raise bad_request("text must be non-empty")
        if units(said.text) > TEXT_UNITS:
            raise bad_request("message is too long")
        content = {"text": said.text, **entities("entities", said)}
        return self._send(chat, parameters, content)

    def send_photo(self, parameters: Parameters) -> Any:
        chat = self._writable_chat(parameters)
        stored = self._file(parameters.get("photo"), "photo")
        if stored.size > PHOTO_BYTES:
            raise bad_request(
                f"file of size {stored.size} bytes is too big for a photo; "
                f"the maximum size is {PHOTO_BYTES} bytes"
            )
        return self._send(chat, parameters, {"photo": [photo_size(stored)], **caption(parameters)})

    def send_media_group(self, parameters: Parameters) -> Any:
        chat = self._writable_chat(parameters)
        media = parameters.get("media")
        if not isinstance(media, list) or not 2 <= len(media) <= ALBUM_LENGTH:
            raise bad_request("wrong number of media in the album")
        shown = []
        for each in media:
            name = str(each["media"]).removeprefix("attach://")
            stored = self._file(parameters.get(name, each["media"]), "photo")
            shown.append({"photo": [photo_size(stored)], **caption(each)})
        return [self._send(chat, parameters, each) for each in shown]

    def send_document(self, parameters: Parameters) -> Any:
        chat = self._writable_chat(parameters)
        stored = self._file(parameters.get("document"), "document")
        if stored.size > UPLOAD_BYTES:
            raise RefusedError(413, "Request Entity Too Large")
        return self._send(chat, parameters, {"document": document(stored), **caption(parameters)})

    def send_chat_action(self, parameters: Parameters) -> Any:
        chat = self._writable_chat(parameters)
        action = parameters.get("action")
        if action not in CHAT_ACTIONS:
            raise bad_request("wrong parameter action in request")
        with self.books.changed:
            chat.actions.append(str(action))
            self.books.changed.notify_all()
        return True

    def edit_message_text(self, parameters: Parameters) -> Any:
        message = self._editable(parameters)
        if "text" not in message:
            raise bad_request("there is no text in the message to edit")
        said = formatted(parameters, "text")
        if not said.text:
            raise bad_request("message text is empty")
        if units(said.text) > TEXT_UNITS:
            raise bad_request("message is too long")
        content = {"text": said.text, **entities("entities", said)}
        return self._edit(message, ("text", "entities"), content, parameters)

    def edit_message_caption(self, parameters: Parameters) -> Any:
        message = self._editable(parameters)
        return self._edit(message, ("caption", "caption_entities"), caption(parameters), parameters)

    def edit_message_reply_markup(self, parameters: Parameters) -> Any:
        return self._edit(self._editable(parameters), (), {}, parameters)

    def delete_message(self, parameters: Parameters) -> Any:
        chat = self._writable_chat(parameters)
        message = chat.message(number(parameters, "message_id", 0))
        if message is None:
            raise bad_request("message to delete not found")
        with self.books.changed:
            chat.messages.remove(message)
            self.books.changed.notify_all()
        return True

    def answer_callback_query(self, parameters: Parameters) -> Any:
        """A query is answered once, and not when it is old."""
        query_id = str(parameters.get("callback_query_id") or "")
        text = str(parameters.get("text") or "")
        if len(text) > ANSWER_CHARACTERS:
            raise bad_request("MESSAGE_TOO_LONG")
        with self.books.changed:
            query = self.books.callback_queries.get(query_id)
            if query is None or "answer" in query or query.get("is_old"):
                raise bad_request(TOO_OLD)
            query["answer"] = text
            query["is_alert"] = bool(parameters.get("show_alert"))
            self.books.changed.notify_all()
        return True

    def set_my_commands(self, parameters: Parameters) -> Any:
        commands = parameters.get("commands")
        if not isinstance(commands, list) or len(commands) > 100:
            raise bad_request("can't parse BotCommand")
        for command in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command.get("command", "")):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= len(command.get("description", "")) <= 256:
                raise bad_request("command description must be of 1-256 characters")
        language = str(parameters.get("language_code") or "")
        if not re.fullmatch(r"([a-z]{2})?", language):
            raise bad_request("BOT_COMMAND_LANG_CODE_INVALID")
        self.books.commands[self._scope(parameters), language] = commands
        return True

    def get_my_commands(self, parameters: Parameters) -> Any:
        language = str(parameters.get("language_code") or "")
        return self.books.commands.get((self._scope(parameters), language), [])

    def delete_my_commands(self, parameters: Parameters) -> Any:
        language = str(parameters.get("language_code") or "")
        self.books.commands.pop((self._scope(parameters), language), None)
        return True

    def _scope(self, parameters: Parameters) -> str:
        return str((parameters.get("scope") or {}).get("type", "default"))

    def set_my_description(self, parameters: Parameters) -> Any:
        return self._describe("description", parameters, 512)

    def set_my_short_description(self, parameters: Parameters) -> Any:
        return self._describe("short_description", parameters, 120)

    def set_chat_menu_button(self, _parameters: Parameters) -> Any:
        return True

    def _describe(self, name: str, parameters: Parameters, characters: int) -> Any:
        text = str(parameters.get(name) or "")
        if len(text) > characters:
            raise bad_request(f"{name.upper()}_TOO_LONG")
        self.books.texts_about[f"{name} {parameters.get('language_code') or ''}"] = text
        return True

    def get_file(self, parameters: Parameters) -> Any:
        stored = self.books.files.get(str(parameters.get("file_id")))
        if stored is None:
            raise bad_request("invalid file_id")
        if stored.size > DOWNLOAD_BYTES:
            raise bad_request("file is too big")
        return {**about_file(stored), "file_path": f"files/{stored.file_id}/{stored.name}"}

    def leave_chat(self, parameters: Parameters) -> Any:
        chat = self._writable_chat(parameters)
        if chat.about["type"] == "private":
            raise bad_request("chat member status can't be changed in private chats")
        chat.forbidden = f"bot is not a member of the {chat.about['type']} chat"
        return True

    def _writable_chat(self, parameters: Parameters) -> Chat:
        if not parameters.get("chat_id"):
            raise bad_request("chat_id is empty")
        chat = self.books.chat(parameters["chat_id"])
        if chat.forbidden:
            raise RefusedError(403, f"Forbidden: {chat.forbidden}")
        return chat

    def _send(self, chat: Chat, parameters: Parameters, content: Parameters) -> Any:
        reply_to = parameters.get("reply_parameters") or {}
        known = chat.message(number(reply_to, "message_id", 0))
        if reply_to and known is None and not reply_to.get("allow_sending_without_reply"):
            raise bad_request("message to be replied not found")
        return self.books.new_message(chat, BOT, {**content, **reply_markup(parameters)})

    def _editable(self, parameters: Parameters) -> dict[str, Any]:
        chat = self._writable_chat(parameters)
        message = chat.message(number(parameters, "message_id", 0))
        if message is None:
            raise bad_request("message to edit not found")
        if message["from"]["id"] != BOT["id"]:
            raise bad_request("message can't be edited")
        return message

    def _edit(
        self,
        message: dict[str, Any],
        replaced: tuple[str, ...],
        content: Parameters,
        parameters: Parameters,
    ) -> Any:
        with self.books.changed:
            markup = reply_markup(parameters)
            kept = {
                name: value
                for name, value in message.items()
                if name not in (*replaced, "reply_markup", "edit_date")
            }
            edited = {**kept, **content, **markup}
            if edited == {name: value for name, value in message.items() if name != "edit_date"}:
                raise bad_request(NOT_MODIFIED)
            message.clear()
            message.update(edited, edit_date=kept["date"])
            self.books.changed.notify_all()
            return dict(message)

    def _file(self, given: Any, name: str) -> StoredFile:
        if isinstance(given, tuple):
            if not given[1]:
                raise bad_request("file must be non-empty")
            return self.books.keep_file(given[1], given[0])
        if given in self.books.files:
            return self.books.files[str(given)]
        if not given:
            raise bad_request(f"there is no {name} in the request")
        if str(given).startswith(("http://", "https://")):
            # Telegram's own servers fetch it, and none of these can reach an address of a test.
            raise bad_request("failed to get HTTP URL content")
        raise bad_request("wrong remote file identifier specified: Wrong string length")


_BY_NAME: dict[str, Callable[[Methods], Callable[[Parameters], Any]]] = {
    name.replace("_", ""): attrgetter(name)
    for name in vars(Methods)
    if not name.startswith("_") and name != "named"
}
