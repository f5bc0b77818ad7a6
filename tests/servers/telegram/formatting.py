"""Texts as the Bot API takes them: HTML to text with entities, counted in UTF-16 units, errors in Telegram's words.

After `parse_html` and `clean_input_string` of TDLib, on which the Bot API server is built.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any

Entity = dict[str, Any]

KINDS = {
    "a": "text_link",
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "u": "underline",
    "ins": "underline",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "tg-emoji": "custom_emoji",
    "pre": "pre",
    "code": "code",
    "blockquote": "blockquote",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#(\d+)|#[xX]([0-9a-fA-F]+)|([a-z]+));?")
_ATTRIBUTE = re.compile(r"\s*([^\s=>]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]*)))?\s*")
_CONTROL = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 9], " ") | {13: None}


class NotParsableError(Exception):
    """The text is not what its parse mode asks for; the message is Telegram's."""


@dataclass
class Formatted:
    """A text as a reader sees it, and what is bold or a link in it; offsets are in UTF-16 units."""

    text: str
    entities: list[Entity] = field(default_factory=list)


def units(text: str) -> int:
    """Length as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def parsed(text: str, parse_mode: str | None) -> Formatted:
    """What a reader sees of it, trimmed and without control characters.

    Raises NotParsableError. The modes of Markdown are left out: the product does not use them.
    """
    text = text.translate(_CONTROL)
    if not parse_mode:
        return _trimmed(Formatted(text))
    if parse_mode.lower() != "html":
        raise NotParsableError("unsupported parse_mode")
    return _trimmed(_HtmlText(text).read())


class _HtmlText:
    """One reading of a text in HTML."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.result = Formatted("")
        self.open: list[tuple[str, int, dict[str, str]]] = []

    def read(self) -> Formatted:
        while self.at < len(self.text):
            if self.text[self.at] != "<":
                self._take_character()
            elif self.text[self.at + 1 : self.at + 2] == "/":
                self._close()
            else:
                self._open()
        if self.open:
            tag = self.open[-1][0]
            raise _error(f'Can\'t find end tag corresponding to start tag "{tag}"')
        return self.result

    def _take_character(self) -> None:
        found = _REFERENCE.match(self.text, self.at) if self.text[self.at] == "&" else None
        character = _referred(found) if found else ""
        if found and character:
            self.at = found.end()
        else:
            character = self.text[self.at]
            self.at += 1
        self.result.text += character

    def _open(self) -> None:
        begin = self.at
        tag_end = re.compile(r"[\s>]").search(self.text, begin + 1)
        if tag_end is None:
            raise _error(f"Unclosed start tag at byte offset {self._bytes(begin)}")
        tag = self.text[begin + 1 : tag_end.start()].lower()
        if tag not in KINDS:
            where = self._bytes(begin)
            raise _error(f'Unsupported start tag "{tag}" at byte offset {where}')
        self.at = tag_end.start()
        attributes = {}
        while self.text[self.at : self.at + 1].isspace():
            found = _ATTRIBUTE.match(self.text, self.at)
            if found is None:
                break
            value = next((each for each in found.groups()[1:] if each is not None), "")
            attributes[found[1].lower()] = html.unescape(value)
            self.at = found.end()
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        if self.text[self.at : self.at + 1] != ">":
            raise _error(f'Unclosed start tag "{tag}" at byte offset {self._bytes(begin)}')
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            where = self._bytes(begin)
            raise _error(f'Tag "span" must have class "tg-spoiler" at byte offset {where}')
        self.at += 1
        self.open.append((tag, units(self.result.text), attributes))

    def _close(self) -> None:
        begin = self.at
        if not self.open:
            raise _error(f"Unexpected end tag at byte offset {self._bytes(begin)}")
        found = re.compile(r"</([^\s>]*)\s*>").match(self.text, begin)
        if found is None:
            raise _error(f"Unclosed end tag at byte offset {self._bytes(begin)}")
        tag, offset, attributes = self.open.pop()
        if found[1].lower() not in ("", tag):
            raise _error(
                f"Unmatched end tag at byte offset {self._bytes(begin)}, "
                f'expected "</{tag}>", found "</{found[1]}>"'
            )
        self.at = found.end()
        length = units(self.result.text) - offset
        entity = {"type": KINDS[tag], "offset": offset, "length": length}
        if tag == "a":
            url = attributes.get("href", "")
            if not re.match(r"(https?|tg|mailto|tel):", url):
                return
            entity["url"] = url
        if length:
            self.result.entities.append(entity)

    def _bytes(self, at: int) -> int:
        return len(self.text[:at].encode("utf-8", "replace"))


def _error(what: str) -> NotParsableError:
    return NotParsableError(f"can't parse entities: {what}")


def _referred(found: re.Match[str]) -> str:
    decimal, hexadecimal, name = found.groups()
    if name is not None:
        return _NAMED.get(name, "")
    number = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else ""


def _trimmed(formatted: Formatted) -> Formatted:
    text = formatted.text.rstrip()
    before = len(text) - len(text.lstrip())
    text = text.lstrip()
    entities = []
    for entity in sorted(formatted.entities, key=lambda each: (each["offset"], -each["length"])):
        start = max(entity["offset"] - before, 0)
        end = min(entity["offset"] + entity["length"] - before, units(text))
        if end > start:
            entities.append({**entity, "offset": start, "length": end - start})
    return Formatted(text, entities)


_PAGE_TAGS = {
    "bold": "b",
    "italic": "i",
    "underline": "u",
    "strikethrough": "s",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}


def as_html(text: str, entities: list[Entity]) -> str:
    """The text for the chat page, everything escaped but the entities."""
    opened: dict[int, list[str]] = {}
    closed: dict[int, list[str]] = {}
    for entity in entities:
        tag = _PAGE_TAGS.get(entity["type"])
        start = f"<{tag}>"
        if entity["type"] == "text_link":
            tag = "a"
            start = f'<a target="_blank" rel="noreferrer" href="{html.escape(entity["url"])}">'
        if tag:
            opened.setdefault(entity["offset"], []).append(start)
            closed.setdefault(entity["offset"] + entity["length"], []).insert(0, f"</{tag}>")
    parts, at = [], 0
    for character in text:
        parts += [*closed.get(at, []), *opened.get(at, []), html.escape(character)]
        at += units(character)
    return "".join([*parts, *closed.get(at, [])])
