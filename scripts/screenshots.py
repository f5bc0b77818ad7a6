"""Takes the pictures of the documentation from a running product: chats as a shopper would, the console as a lead.

`make screenshots` runs it; the product has to be up with a freshly seeded sample shop, because the chat really
exchanges something. For the picture of Telegram it has to talk to the loopback Bot API server of the tests:
`python -m tests.servers.telegram --port 8190` says with which settings, and its address is given by --telegram.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Locator,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from returnsdesk.settings import PROJECT_ROOT, load_settings
from scripts.console_pictures import console_pictures, telegram_picture
from tests.servers.browser import FLAGS
from tests.servers.programs import CHROMIUM

PICTURES = PROJECT_ROOT / "docs" / "pictures"
DESKTOP = ViewportSize(width=1200, height=980)
PHONE = ViewportSize(width=390, height=844)
SHOPPER = "Aoife Byrne"
# A question as the sample shop tells it; the order is named because the shopper has an older pair as well.
QUESTION = "The black sneakers of LL-10234 are too small, can I get a 43?"
CHOICES = ("44", "Yes, please do that")
LOCALE = "en-GB"
ANSWER_MS = 60_000
LARGEST_BYTES = 300_000
COLOURS = 128


class NoPicture(Exception):
    """A picture could not be taken; the text is one sentence that says why."""


class Chat:
    """The demo's chat page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._status = page.locator("#status")

    def begin(self, shopper: str) -> None:
        """Choose whom to play."""
        self.page.locator(".player", has_text=shopper).first.click()
        expect(self._said.first).to_be_visible()

    def say(self, text: str) -> None:
        """Type a message and wait for the answer."""
        before = self._said.count()
        self.page.locator("#text").fill(text)
        self.page.keyboard.press("Enter")
        self._wait_for_answer(before)

    def press(self, label: str) -> None:
        """Press a button of the last answer and wait for the next one."""
        before = self._said.count()
        button = self.page.locator("#messages").get_by_role("button", name=label, exact=True).last
        try:
            button.click(timeout=5_000)
        except Error:
            raise NoPicture(
                f"The assistant did not offer {label!r}: begin with a fresh shop, `returnsdesk seed --fresh`."
            ) from None
        self._wait_for_answer(before)

    def show_from(self, text: str) -> None:
        """Scroll until what the shopper said stands at the top."""
        said = self.page.locator("#messages .message.shopper", has_text=text)
        # Only the log may scroll: `scrollIntoView` would move the page under its own header as well.
        said.evaluate(
            """message => {
              const log = document.getElementById("messages");
              const way = message.getBoundingClientRect().top - log.getBoundingClientRect().top;
              log.scrollTop += way - 12;
            }"""
        )

    @property
    def _said(self) -> Locator:
        return self.page.locator("#messages .message.assistant")

    def _wait_for_answer(self, before: int) -> None:
        try:
            expect(self._said.nth(before)).to_be_visible(timeout=ANSWER_MS)
            expect(self._status).to_be_empty(timeout=ANSWER_MS)
        except AssertionError:
            raise NoPicture("The assistant did not answer: the product's log says why.") from None


def take_pictures(browser: Browser, address: str) -> list[Path]:
    """The start page and a finished exchange, on a desktop and on a phone."""
    desktop = browser.new_context(viewport=DESKTOP, locale=LOCALE)
    page = _opened(desktop, address)
    taken = [_keep(page, "start")]
    chat = Chat(page)
    chat.begin(SHOPPER)
    chat.say(QUESTION)
    for label in CHOICES:
        chat.press(label)
    chat.show_from(QUESTION)
    taken.append(_keep(page, "chat"))
    phone = browser.new_context(viewport=PHONE, locale=LOCALE, device_scale_factor=2)
    taken.append(_keep(_opened(phone, address), "start-phone"))
    # The phone goes on with the same conversation, for the exchange can be made only once.
    phone = browser.new_context(
        viewport=PHONE,
        locale=LOCALE,
        device_scale_factor=2,
        storage_state=desktop.storage_state(),
    )
    page = _opened(phone, address)
    expect(page.locator("#messages .message.shopper")).to_have_count(1 + len(CHOICES))
    Chat(page).show_from(QUESTION)
    taken.append(_keep(page, "chat-phone"))
    return taken


def _opened(visitor: BrowserContext, address: str) -> Page:
    """The demo's start page, or the conversation that the visitor had begun."""
    page = visitor.new_page()
    try:
        page.goto(address)
    except Error:
        raise NoPicture(f"Nothing answers at {address}: start the product, `make up`.") from None
    expect(page.locator("#picker:visible, #chat:visible")).to_have_count(1)
    return page


def _keep(page: Page, name: str) -> Path:
    """Write what the page shows as a PNG of few colours, which is all that its flat areas need."""
    picture = Image.open(BytesIO(page.screenshot(animations="disabled", caret="hide")))
    path = PICTURES / f"{name}.png"
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > LARGEST_BYTES:
        raise NoPicture(f"{path.name} is larger than {LARGEST_BYTES} bytes.")
    return path


def main(
    address: Annotated[
        str | None,
        typer.Argument(help="Address of the running desk; that of the settings without."),
    ] = None,
    telegram: Annotated[
        str | None,
        typer.Option(help="Address of the loopback Bot API server that the desk talks to."),
    ] = None,
) -> None:
    """Take the pictures of the documentation from a running product."""
    program = CHROMIUM.find()
    if program is None:
        typer.echo("There is no Chromium: run `make test-servers`.", err=True)
        raise typer.Exit(1)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            desk = address or load_settings().public_url
            taken = [*take_pictures(browser, desk), *console_pictures(browser, desk, _keep)]
            if telegram is not None:
                taken.append(telegram_picture(browser, telegram, _keep))
        except NoPicture as problem:
            typer.echo(str(problem), err=True)
            raise typer.Exit(1) from None
        finally:
            browser.close()
    for path in taken:
        typer.echo(f"{path.relative_to(PROJECT_ROOT)}  {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    typer.run(main)
