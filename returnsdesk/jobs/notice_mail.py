"""The mail of a notice: its words in the shop's look, as HTML and as plain text that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from returnsdesk.clients.mail import Mail
from returnsdesk.domain.colours import text_colour_on
from returnsdesk.jobs.notice_lines import is_web_address
from returnsdesk.jobs.notice_words import Words
from returnsdesk.settings import Settings

TEMPLATES = Path(__file__).resolve().parent.parent / "mail_templates"


@dataclass(frozen=True)
class Brand:
    """The shop's look: its colour, a text colour that is readable on it, its logo or its name."""

    shop_name: str
    colour: str
    text_colour: str
    logo_url: str


def mail_of(words: Words, settings: Settings, *, key: str, to: str) -> Mail:
    """The mail of a notice."""
    logo = settings.brand_logo_url
    brand = Brand(
        shop_name=settings.shop_name,
        colour=settings.brand_colour,
        text_colour=text_colour_on(settings.brand_colour),
        logo_url=logo if is_web_address(logo) else "",
    )
    return Mail(
        key=key,
        to=to,
        subject=words.headline,
        text=_templates().get_template("notice.txt").render(words=words, brand=brand).strip()
        + "\n",
        language=words.language,
        html=_templates().get_template("notice.html").render(words=words, brand=brand),
    )


@lru_cache(maxsize=1)
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
