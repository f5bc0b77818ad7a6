"""People on the loopback Telegram: they write, press buttons, send pictures, block the bot, and read what it sends."""

from __future__ import annotations

import re
import time
from itertools import count
from typing import Any

from tests.servers.telegram.books import BOT, Books, Chat
from tests.servers.telegram.contents import document, photo_size
from tests.servers.telegram.formatting import units

Message = dict[str, Any]
SECONDS = 60
_user_ids = count(5_000_001)
_group_ids = count(1)


class Query:
    """One press of a button, and how the bot answered it."""

    def __init__(self, books: Books, kept: dict[str, Any]) -> None:
        self._books = books
        self._kept = kept

    def answer(self, seconds: float = SECONDS) -> str:
        """The text that the bot showed for it, which is often none; waits until there is an answer."""
        with self._books.changed:
            answered = self._books.changed.wait_for(lambda: "answer" in self._kept, seconds)
            assert answered, "the bot did not answer the press"
            return str(self._kept["answer"])

    @property
    def is_alert(self) -> bool:
        return bool(self._kept.get("is_alert"))


class User:
    """A person who talks to the bot in private, or in the group that is given."""

    def __init__(
        self,
        books: Books,
        language: str | None = "en",
        first_name: str = "Robin",
        group: Chat | None = None,
    ) -> None:
        self.books = books
        self.id = next(_user_ids)
        self.about: dict[str, Any] = {"id": self.id, "is_bot": False, "first_name": first_name}
        if language:
            self.about["language_code"] = language
        with books.changed:
            self.chat = group or books.chats.setdefault(
                self.id, Chat({"id": self.id, "type": "private", "first_name": first_name})
            )
        self._read = 0

    def starts(self, payload: str = "") -> Message:
        """Open the bot, by a deep link if it has a payload."""
        return self.says(f"/start {payload}".strip())

    def says(self, text: str, reply_to: Message | None = None, **more: Any) -> Message:
        """Write a message; what the bot had said before counts as read."""
        content: dict[str, Any] = {"text": text, **more}
        command = re.match(r"/[a-zA-Z0-9_]{1,32}(@\w+)?", text)
        if command and "entities" not in content:
            length = units(command.group())
            content["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        if reply_to is not None:
            content["reply_to_message"] = reply_to
        return self.sends(content)

    def sends(self, content: dict[str, Any]) -> Message:
        """Send a message of any kind; `content` is what a Message holds besides sender, chat and date."""
        with self.books.changed:
            self.has_read()
            message = self.books.new_message(self.chat, self.about, content)
            update_id = self.books.deliver("message", message, self.chat.id)
            message_at = {"update_id": update_id}
            return {**message, **message_at}

    def sends_photo(self, content: bytes, caption: str = "", **more: Any) -> Message:
        """Send a picture, compressed as the app does."""
        stored = self.books.keep_file(content, "photo.jpg")
        sizes = [photo_size(stored)]
        return self.sends({"photo": sizes, **({"caption": caption} if caption else {}), **more})

    def sends_document(
        self,
        content: bytes,
        name: str,
        mime_type: str,
        caption: str = "",
        stated_size: int | None = None,
    ) -> Message:
        """Send a file as it is; `stated_size` plays a large one."""
        stored = self.books.keep_file(content, name, stated_size)
        about = {**document(stored), "mime_type": mime_type}
        return self.sends({"document": about, **({"caption": caption} if caption else {})})

    def edits(self, message: Message, text: str) -> None:
        """Change a message that was sent."""
        with self.books.changed:
            kept = self.chat.message(message["message_id"])
            assert kept is not None
            kept.update(text=text, edit_date=kept["date"] + 1)
            self.books.deliver("edited_message", dict(kept), self.chat.id)

    def presses(self, label: str) -> Query:
        """Press the newest button whose label begins so; what the bot had said before counts as read."""
        with self.books.changed:
            for message in reversed(self.from_bot):
                for button in buttons_of(message):
                    if button["text"].startswith(label) and "callback_data" in button:
                        return self.presses_button(message, button)
        raise AssertionError(f"no button {label!r}; there are {self.labels()}")

    def presses_button(self, message: Message, button: dict[str, Any]) -> Query:
        """Press a button, also one that is not shown any more."""
        return self.presses_data(message, button["callback_data"])

    def presses_data(self, message: Message | None, data: str, **more: Any) -> Query:
        """A callback query with any data, as an altered client could send it."""
        with self.books.changed:
            self.has_read()
            query_id = self.books.next_query_id()
            query = {
                "id": query_id,
                "from": self.about,
                "chat_instance": str(self.chat.id),
                "data": data,
                **({"message": dict(message)} if message else {}),
                **more,
            }
            kept = self.books.callback_queries[query_id] = dict(query)
            self.books.deliver("callback_query", query, self.chat.id)
        return Query(self.books, kept)

    def blocks(self) -> None:
        """Block the bot."""
        self.chat.forbidden = "bot was blocked by the user"
        self._changes_membership("member", "kicked")

    def unblocks(self) -> None:
        """Take it back, as pressing "Restart" does."""
        self.chat.forbidden = ""
        self._changes_membership("kicked", "member")

    def deletes_account(self) -> None:
        """From now on Telegram says so; there is no update."""
        self.chat.forbidden = "user is deactivated"

    def _changes_membership(self, before: str, after: str) -> None:
        change = {
            "chat": self.chat.about,
            "from": self.about,
            "date": int(time.time()),
            "old_chat_member": _member(before),
            "new_chat_member": _member(after),
        }
        self.books.deliver("my_chat_member", change, self.chat.id)

    @property
    def from_bot(self) -> list[Message]:
        """All that the bot has sent here and not deleted."""
        return [each for each in self.chat.messages if each["from"]["id"] == BOT["id"]]

    def texts(self) -> list[str]:
        """Texts and captions of all that the bot has sent here."""
        with self.books.changed:
            return [text_of(message) for message in self.from_bot]

    def labels(self) -> list[str]:
        """Labels of all buttons that are shown now."""
        return [button["text"] for message in self.from_bot for button in buttons_of(message)]

    def reads(self, *patterns: str, seconds: float = SECONDS) -> Message:
        """Wait until each pattern stands in something that the bot has sent since the user last acted.

        Gives the message in which the last pattern was found first. Case does not count.
        """
        with self.books.changed:
            self.books.changed.wait_for(
                lambda: all(self._found(pattern) for pattern in patterns), seconds
            )
            found = [self._found(pattern) for pattern in patterns]
            said = "\n---\n".join(text_of(message) for message in self._unread())
            for pattern, message in zip(patterns, found, strict=True):
                assert message is not None, f"{pattern!r} was not said; the bot said:\n{said}"
            assert found[-1] is not None
            return dict(found[-1])

    def sees(self, label: str, seconds: float = SECONDS) -> None:
        """Wait until a button whose label begins so is shown."""
        with self.books.changed:
            shown = self.books.changed.wait_for(
                lambda: any(each.startswith(label) for each in self.labels()), seconds
            )
            assert shown, f"no button {label!r}; there are {self.labels()}; {self.texts()[-3:]}"

    def gets(self, kind: str, number: int = 1, seconds: float = SECONDS) -> list[bytes]:
        """Wait for so many messages with a `photo` or `document` since the user last acted; their contents."""

        def files() -> list[Message]:
            return [message for message in self._unread() if kind in message]

        with self.books.changed:
            came = self.books.changed.wait_for(lambda: len(files()) >= number, seconds)
            assert came, f"no {kind} came; the bot said: {[text_of(m) for m in self._unread()]}"
            return [self.content_of(message) for message in files()]

    def content_of(self, message: Message) -> bytes:
        """The file in a message."""
        about = message["photo"][-1] if "photo" in message else message["document"]
        return self.books.files[about["file_id"]].content

    def has_read(self) -> None:
        """What the bot has said until now counts as read."""
        with self.books.changed:
            self._read = max((each["message_id"] for each in self.chat.messages), default=0)

    def _unread(self) -> list[Message]:
        return [message for message in self.from_bot if message["message_id"] > self._read]

    def _found(self, pattern: str) -> Message | None:
        wanted = re.compile(pattern, re.IGNORECASE)
        return next((each for each in self._unread() if wanted.search(text_of(each))), None)


def group_chat(books: Books, title: str = "Family", kind: str = "group") -> Chat:
    """A group that the bot was added to."""
    with books.changed:
        chat_id = -next(_group_ids)
        if kind != "group":
            chat_id -= 1_000_000_000_000
        return books.chats.setdefault(chat_id, Chat({"id": chat_id, "type": kind, "title": title}))


def text_of(message: Message) -> str:
    return str(message.get("text") or message.get("caption") or "")


def buttons_of(message: Message) -> list[dict[str, Any]]:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button for row in rows for button in row]


def _member(status: str) -> dict[str, Any]:
    more = {"until_date": 0} if status == "kicked" else {}
    return {"user": BOT, "status": status, **more}
