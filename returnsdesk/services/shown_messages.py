"""A message as the shopper saw it: its parts read from what is stored, whatever that holds; nothing of it is markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from returnsdesk.db.models import Message
from returnsdesk.services.feedback import RATING

_MOST_PARTS: Final = 60
_LONGEST_PART: Final = 2000


@dataclass(frozen=True)
class Link:
    """A link of a card; `address` is empty where it leads nowhere a page may lead."""

    label: str
    address: str


@dataclass(frozen=True)
class ShownButton:
    """A button under a message, and whether the shopper pressed it."""

    title: str
    was_pressed: bool


@dataclass(frozen=True)
class CardItem:
    """A row of a card; `button` is the place of the message's button that it stands for."""

    title: str
    detail: str = ""
    image: str = ""
    button: int | None = None


@dataclass(frozen=True)
class Stage:
    """A step of a return or order: done, now or next."""

    label: str
    state: str
    date: str


@dataclass(frozen=True)
class Card:
    """What a channel that draws cards showed: items, status, sizes or rating."""

    kind: str
    title: str = ""
    detail: str = ""
    items: tuple[CardItem, ...] = ()
    stages: tuple[Stage, ...] = ()
    links: tuple[Link, ...] = ()
    groups: tuple[tuple[str, tuple[CardItem, ...]], ...] = ()


@dataclass(frozen=True)
class ShownMessage:
    """A message of the reading view; `was_chosen` where it was a button rather than typed."""

    id: int
    seq: int
    author: str
    name: str
    text: str
    at: datetime
    channel: str
    image: str
    buttons: tuple[ShownButton, ...]
    card: Card | None
    label: Card | None
    label_picture: str
    rating: int | None
    comment: str
    was_chosen: bool
    page: str


def shown(message: Message, pressed: str | None = None) -> ShownMessage:
    """What was shown of a message; `pressed` is the title of the button with which the shopper answered it."""
    content = message.content
    custom = _mapping(content.get("custom"))
    is_rating = content.get("kind") == RATING
    label = _mapping(content.get("label"))
    return ShownMessage(
        id=message.id,
        seq=message.seq,
        author=message.author,
        name=_text(custom.get("name")),
        text=message.text,
        at=message.created_at,
        channel=message.channel or "",
        image=picture(content.get("image")),
        buttons=_buttons(content.get("buttons"), pressed),
        card=_card(custom),
        label=_label_card(label) if label else None,
        label_picture=picture(label.get("qr_url")),
        rating=_whole(content.get("score")) if is_rating else None,
        comment=_text(content.get("comment")) if is_rating else "",
        was_chosen=message.choice is not None,
        page=_page(_mapping(content.get("page"))),
    )


def address(given: object) -> str:
    """An address that a page may lead to: of the web, or a path of this site; empty for any other."""
    text = _text(given).strip()
    if "\\" in text or any(ord(letter) < 33 for letter in text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    is_own_path = not parts.scheme and not parts.netloc and text.startswith("/")
    is_web = parts.scheme in ("http", "https") and bool(parts.netloc)
    return text if is_own_path or is_web else ""


def picture(given: object) -> str:
    """The address of a picture; empty for anything that is none."""
    return address(given)


def _buttons(given: object, pressed: str | None) -> tuple[ShownButton, ...]:
    titles = [_text(_mapping(each).get("title")) for each in _list(given)]
    return tuple(ShownButton(title, title == pressed) for title in titles if title)


def _card(custom: Mapping[str, Any]) -> Card | None:
    kind = custom.get("card")
    if not isinstance(kind, str) or kind not in ("items", "status", "sizes", "rating"):
        return None
    return Card(
        kind=kind,
        title=_text(custom.get("title")),
        detail=_text(custom.get("detail")),
        items=tuple(_item(_mapping(each)) for each in _list(custom.get("items"))),
        stages=tuple(_stage(_mapping(each)) for each in _list(custom.get("stages"))),
        links=tuple(_link(_mapping(each)) for each in _list(custom.get("links"))),
        groups=tuple(_group(_mapping(each)) for each in _list(custom.get("groups"))),
    )


def _label_card(label: Mapping[str, Any]) -> Card:
    link = Link("Label (PDF)", address(label.get("url")))
    return Card(kind="status", title=_text(label.get("rma_number")), links=(link,))


def _item(row: Mapping[str, Any]) -> CardItem:
    return CardItem(
        title=_text(row.get("title") or row.get("label")),
        detail=_text(row.get("detail")),
        image=picture(row.get("image")),
        button=_whole(row.get("button")),
    )


def _stage(row: Mapping[str, Any]) -> Stage:
    return Stage(_text(row.get("label")), _text(row.get("state")), _text(row.get("date")))


def _link(row: Mapping[str, Any]) -> Link:
    return Link(_text(row.get("label")), address(row.get("url")))


def _group(row: Mapping[str, Any]) -> tuple[str, tuple[CardItem, ...]]:
    options = tuple(_item(_mapping(each)) for each in _list(row.get("options")))
    return _text(row.get("label")), options


def _page(page: Mapping[str, Any]) -> str:
    named = page.get("name") or page.get("product") or page.get("order") or page.get("page")
    return _text(named)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value[:_MOST_PARTS] if isinstance(value, list) else []


def _text(value: object) -> str:
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value)[:_LONGEST_PART] if is_plain else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
