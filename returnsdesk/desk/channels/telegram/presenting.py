"""What a stored message looks like in a chat: texts with buttons, pictures of products, the label as files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any, Final
from urllib.parse import urlsplit

from returnsdesk import formatting
from returnsdesk.desk.channels.telegram.splitting import (
    LONGEST_CAPTION,
    LONGEST_TEXT,
    shortened,
    split,
    units,
)
from returnsdesk.services import feedback
from returnsdesk.services.telegram_progress import Outgoing

LANGUAGES_CARD: Final = "languages"
LANGUAGE_DATA: Final = "language:"
RATING_DATA: Final = "rating:"

LANGUAGE_NAMES: Final = {
    "en": "English",
    "nl": "Nederlands",
    "de": "Deutsch",
    "nb": "Norsk",
    "pl": "Polski",
}

MOST_BUTTONS: Final = 100
MOST_PICTURES: Final = 10
_LONGEST_LABEL: Final = 128
# How many buttons stand side by side, by the length of the longest label.
_ROW_LENGTHS: Final = ((5, 5), (10, 3), (18, 2))
_MARKS: Final = {"done": "✓", "now": "●", "next": "○"}
_LABEL_PATH: Final = r"/track/([A-Za-z0-9_.\-]+)/label\.pdf"


@dataclass(frozen=True)
class Key:
    """One button: its label, and what Telegram gives back when it is pressed."""

    label: str
    data: str


Keyboard = tuple[tuple[Key, ...], ...]


@dataclass(frozen=True)
class TextPart:
    """A text, as HTML of Telegram's kind and without marks, with the buttons below it."""

    html: str
    plain: str
    keyboard: Keyboard = ()
    # The buttons answer a question, and go when the next one is asked.
    is_question: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture by its address, as the shop's record has it, and what stands below it."""

    address: str
    caption: str


@dataclass(frozen=True)
class PicturesPart:
    """Pictures that are shown together."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class LabelPart:
    """The label that a link's token opens: the paper, or the QR code where there is one."""

    token: str
    is_code: bool


Part = TextPart | PicturesPart | LabelPart


def parts_of(row: Outgoing, public_url: str) -> tuple[Part, ...]:
    """A message in the order in which its parts are sent; the same however often it is asked for."""
    pictures = _pictures(row.content)
    tokens = _label_tokens(row, public_url)
    labels = [LabelPart(token, is_code) for token in tokens for is_code in (False, True)]
    return (*([PicturesPart(pictures)] if pictures else []), *_texts(row), *labels)


def with_choice(html: str, label: str) -> str | None:
    """A message whose button was pressed, with what was chosen below it; None where that is too long."""
    chosen = f"✓ <b>{escape(label, quote=False)}</b>"
    shown = f"{html}\n\n{chosen}"
    return shown if units(shown) <= LONGEST_TEXT else None


def keyboard_of(content: Mapping[str, Any]) -> Keyboard:
    """The buttons of a message."""
    kind = _custom(content).get("card")
    if kind == LANGUAGES_CARD:
        return _rows([Key(name, f"{LANGUAGE_DATA}{code}") for code, name in LANGUAGE_NAMES.items()])
    if kind == feedback.RATING:
        scores = range(feedback.LOWEST_SCORE, feedback.HIGHEST_SCORE + 1)
        return (tuple(Key(f"{score} ⭐", f"{RATING_DATA}{score}") for score in scores),)
    shown = [*(content.get("buttons") or []), *(content.get("aside") or [])]
    keys = [
        Key(shortened(str(button.get("title") or "…"), _LONGEST_LABEL), str(button["token"]))
        for button in shown[:MOST_BUTTONS]
        if isinstance(button, Mapping) and button.get("token")
    ]
    return _rows(keys)


def _rows(keys: Sequence[Key]) -> Keyboard:
    longest = max((len(key.label) for key in keys), default=0)
    length = next((count for limit, count in _ROW_LENGTHS if longest <= limit), 1)
    return tuple(tuple(keys[at : at + length]) for at in range(0, len(keys), length))


def _texts(row: Outgoing) -> list[TextPart]:
    blocks = _blocks(row)
    keyboard = keyboard_of(row.content)
    if keyboard and not blocks:
        blocks = [("…", "…")]
    parts = [TextPart(html, plain) for html, plain in _joined(blocks)]
    if parts and keyboard:
        is_question = bool(row.content.get("buttons"))
        parts[-1] = TextPart(parts[-1].html, parts[-1].plain, keyboard, is_question)
    return parts


def _blocks(row: Outgoing) -> list[tuple[str, str]]:
    """The message as blocks of HTML, each with its plain text, none longer than Telegram takes."""
    name = str(_custom(row.content).get("name") or "") if row.author == "agent" else ""
    name = shortened(name, _LONGEST_LABEL)
    blocks = [(_html(text), text) for text in split(row.text, LONGEST_TEXT - units(name) - 2)]
    if row.author == "system":
        blocks = [(f"<i>{html}</i>", plain) for html, plain in blocks]
    if name and blocks:
        html, plain = blocks[0]
        blocks[0] = (f"<b>{_html(name)}:</b>\n{html}", f"{name}:\n{plain}")
    card = _custom(row.content)
    if card.get("card") == "status":
        # A card that does not fit says nothing that the text does not say.
        blocks += [
            block for block in [_status(card, row.language)] if units(block[1]) <= LONGEST_TEXT
        ]
    return [block for block in blocks if block[1].strip()]


def _joined(blocks: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Blocks put together as far as one message holds them."""
    joined: list[tuple[str, str]] = []
    for html, plain in blocks:
        if joined and units(joined[-1][1]) + units(plain) + 2 <= LONGEST_TEXT:
            joined[-1] = (f"{joined[-1][0]}\n\n{html}", f"{joined[-1][1]}\n\n{plain}")
        else:
            joined.append((html, plain))
    return joined


def _status(card: Mapping[str, Any], language: str) -> tuple[str, str]:
    """A card with stages as a bar and a line for each; its links below."""
    title, detail = str(card.get("title") or ""), str(card.get("detail") or "")
    html = [f"<b>{_html(title)}</b>" + (f" · {_html(detail)}" if detail else "")] if title else []
    plain = [" · ".join(filter(None, [title, detail]))] if title else []
    lines = [_item(item) for item in _mappings(card.get("items"))]
    stages = _mappings(card.get("stages"))
    if stages:
        lines.append(_bar(stages))
        lines += [_stage(stage, language) for stage in stages]
    html += [_html(line) for line in lines]
    plain += lines
    for link in _mappings(card.get("links")):
        label, url = str(link.get("label") or ""), str(link.get("url") or "")
        html.append(_link(label, url))
        plain.append(f"{label}: {url}")
    return "\n".join(html), "\n".join(plain)


def _bar(stages: Sequence[Mapping[str, Any]]) -> str:
    return "".join("▱" if stage.get("state") == "next" else "▰" for stage in stages)


def _stage(stage: Mapping[str, Any], language: str) -> str:
    mark = _MARKS.get(str(stage.get("state")), "○")
    return f"{mark} {stage.get('label', '')}" + _day(stage.get("date"), language)


def _day(value: object, language: str) -> str:
    try:
        return f", {formatting.day(date.fromisoformat(str(value)), language)}" if value else ""
    except ValueError:
        return ""


def _item(item: Mapping[str, Any]) -> str:
    return ", ".join(str(item[name]) for name in ("title", "detail") if item.get(name))


def _link(label: str, url: str) -> str:
    """A link that can be pressed; Telegram shows no links to addresses that only this machine or network knows."""
    host = urlsplit(url).hostname or ""
    if "." not in host or host.replace(".", "").isdecimal():
        return f"{_html(label)}: {_html(url)}"
    return f'<a href="{escape(url)}">{_html(label)}</a>'


def _pictures(content: Mapping[str, Any]) -> tuple[Picture, ...]:
    card = _custom(content)
    shown: dict[str, Picture] = {}
    if content.get("image"):
        shown[str(content["image"])] = Picture(str(content["image"]), "")
    for item in _mappings(card.get("items")):
        address = str(item.get("image") or "")
        if address:
            shown.setdefault(address, Picture(address, shortened(_item(item), LONGEST_CAPTION)))
    return tuple(shown.values())[:MOST_PICTURES]


def _label_tokens(row: Outgoing, public_url: str) -> list[str]:
    """Tokens of the labels that a message leads to, each once."""
    found = dict.fromkeys(
        token
        for address in _addresses(row)
        for token in re.findall(re.escape(public_url.rstrip("/")) + _LABEL_PATH, address)
    )
    return list(found)


def _addresses(row: Outgoing) -> Iterator[str]:
    yield row.text
    for link in _mappings(_custom(row.content).get("links")):
        yield str(link.get("url") or "")
    label = row.content.get("label")
    if isinstance(label, Mapping):
        yield str(label.get("url") or "")


def _custom(content: Mapping[str, Any]) -> Mapping[str, Any]:
    custom = content.get("custom")
    return custom if isinstance(custom, Mapping) else {}


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _html(text: str) -> str:
    return escape(text, quote=False)
