"""What the loopback Telegram knows: the bot, chats and their messages, files, and the updates that wait for the bot."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any

TOKEN = "4242:token-of-the-loopback-bot"
BOT = {
    "id": 4242,
    "is_bot": True,
    "first_name": "Lund & Linde",
    "username": "lundlinde_bot",
    "can_join_groups": True,
    "can_read_all_group_messages": False,
    "supports_inline_queries": False,
}
# Kinds that a bot gets only when it names them.
ONLY_WHEN_ASKED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


class RefusedError(Exception):
    """The Bot API's answer with ok=false."""

    def __init__(self, code: int, description: str, parameters: dict[str, Any] | None = None):
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


def bad_request(what: str) -> RefusedError:
    return RefusedError(400, f"Bad Request: {what}")


@dataclass
class Chat:
    """A chat as the server keeps it; `messages` are those of both sides, as the Bot API shows them."""

    about: dict[str, Any]
    messages: list[dict[str, Any]] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    forbidden: str = ""

    @property
    def id(self) -> int:
        return int(self.about["id"])

    def message(self, message_id: int) -> dict[str, Any] | None:
        return next((each for each in self.messages if each["message_id"] == message_id), None)


@dataclass
class StoredFile:
    """A file that was sent by a user or by the bot; `stated_size` only for one whose content is not needed."""

    file_id: str
    content: bytes
    name: str
    stated_size: int | None = None

    @property
    def size(self) -> int:
        return len(self.content) if self.stated_size is None else self.stated_size


@dataclass
class Call:
    """One call of the bot as it came, and what became of it: `ok`, a code, or a fault's name."""

    method: str
    parameters: dict[str, Any]
    outcome: str = ""


@dataclass
class Webhook:
    url: str = ""
    secret_token: str = ""
    last_error: str = ""


@dataclass
class Waiting:
    """An update that the bot has not confirmed; those of one queue reach a webhook in their order."""

    update: dict[str, Any]
    queue: object


class Books:
    """Everything the server knows. `changed` guards it, and wakes whoever waits for a change."""

    def __init__(self, token: str = TOKEN, *, local: bool = False) -> None:
        self.token = token
        self.local = local
        self.changed = threading.Condition(threading.RLock())
        self.chats: dict[int, Chat] = {}
        self.files: dict[str, StoredFile] = {}
        self.calls: list[Call] = []
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.callback_queries: dict[str, dict[str, Any]] = {}
        self.texts_about: dict[str, str] = {}
        self.webhook = Webhook()
        self.allowed_updates: list[str] = []
        self.waiting: list[Waiting] = []
        self.is_stopped = False
        self.poller = 0
        self._message_ids = count(1)
        self._file_ids = count(1)
        self._update_ids = count(700_000_001)
        self._query_ids = count(90_001)

    def chat(self, chat_id: Any) -> Chat:
        """The chat, or the answer that there is none."""
        try:
            found = self.chats.get(int(chat_id))
        except (TypeError, ValueError):
            found = None
        if found is None:
            raise bad_request("chat not found")
        return found

    def new_message(self, chat: Chat, sender: dict[str, Any], content: dict[str, Any]) -> Any:
        """A message of a user or of the bot, kept in its chat."""
        with self.changed:
            message = {
                "message_id": next(self._message_ids),
                "from": sender,
                "chat": chat.about,
                "date": int(time.time()),
                **content,
            }
            chat.messages.append(message)
            self.changed.notify_all()
            return message

    def keep_file(self, content: bytes, name: str, stated_size: int | None = None) -> StoredFile:
        with self.changed:
            file_id = f"file-{next(self._file_ids)}"
            self.files[file_id] = StoredFile(file_id, content, name, stated_size)
            return self.files[file_id]

    def next_query_id(self) -> str:
        return str(next(self._query_ids))

    def deliver(self, kind: str, content: Any, queue: object = None) -> int:
        """Let an update wait for the bot; gives its id, also of one that the bot does not want."""
        with self.changed:
            update_id = next(self._update_ids)
            allowed = kind in self.allowed_updates or (
                not self.allowed_updates and kind not in ONLY_WHEN_ASKED
            )
            if allowed:
                self.deliver_raw({"update_id": update_id, kind: content}, queue)
            return update_id

    def deliver_raw(self, update: dict[str, Any], queue: object = None) -> None:
        """Let an update of any form wait for the bot."""
        with self.changed:
            self.waiting.append(Waiting(update, queue))
            self.changed.notify_all()

    def next_update_id(self) -> int:
        return next(self._update_ids)

    def confirm(self, before: int) -> None:
        """Forget what the bot has taken: everything before the first update with that id or a later one."""
        with self.changed:
            ids = [each.update.get("update_id", 0) for each in self.waiting]
            kept = next((at for at, each in enumerate(ids) if each >= before), len(ids))
            del self.waiting[:kept]
