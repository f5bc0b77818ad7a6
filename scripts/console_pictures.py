"""Pictures of the console and of the chat in Telegram, for the documentation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, expect

from returnsdesk.services.sample_shop import DEMO_LOGINS

LAPTOP = ViewportSize(width=1280, height=860)
PHONE = ViewportSize(width=390, height=844)
CHAT = ViewportSize(width=430, height=900)
LOCALE = "en-GB"
ANSWER_MS = 5_000

PAGES = {
    "console-conversations": "/console/conversations",
    "console-waiting": "/console/waiting",
    "console-returns": "/console/returns",
    "console-insight": "/console/insight",
}
RETURN = "RMA-1014"
TELEGRAM_USER = "Femke"
SAID_IN_TELEGRAM = ("waar is mijn geld voor de jurk", "LL-10226", "9712 HN")

Keep = Callable[[Page, str], Path]


def console_pictures(browser: Browser, address: str, keep: Keep) -> list[Path]:
    """What a lead sees on a laptop, and the waiting list on a phone."""
    laptop = browser.new_context(viewport=LAPTOP, locale=LOCALE)
    page = laptop.new_page()
    _log_in(page, address)
    taken = []
    for name, path in PAGES.items():
        page.goto(f"{address}{path}")
        _let_pictures_load(page)
        taken.append(keep(page, name))
    page.goto(f"{address}/console/returns/{RETURN}")
    taken.append(keep(page, "console-return"))
    page.goto(f"{address}/console/waiting")
    page.locator("main a[href^='/console/conversations/']").first.click()
    expect(page.locator("main h1")).to_contain_text("Conversation")
    taken.append(keep(page, "console-reading"))
    phone = browser.new_context(
        viewport=PHONE, locale=LOCALE, device_scale_factor=2, storage_state=laptop.storage_state()
    )
    page = phone.new_page()
    page.goto(f"{address}/console/waiting")
    taken.append(keep(page, "console-phone"))
    return taken


def telegram_picture(browser: Browser, chat_address: str, keep: Keep) -> Path:
    """A status asked for in Telegram, on the page of the loopback Bot API server (`tests/servers/telegram`)."""
    page = browser.new_context(viewport=CHAT, locale=LOCALE).new_page()
    page.goto(f"{chat_address}/chat?as={TELEGRAM_USER}&language=nl")
    box = page.get_by_placeholder("Message")
    for text in ("/start", *SAID_IN_TELEGRAM):
        box.fill(text)
        box.press("Enter")
        # An answer may come in several messages, and nothing says which one is the last.
        page.wait_for_timeout(ANSWER_MS)
    return keep(page, "telegram")


def _log_in(page: Page, address: str) -> None:
    lead = next(login for login in DEMO_LOGINS if login.role == "lead")
    page.goto(f"{address}/console/login")
    page.get_by_label("E-mail address").fill(lead.email)
    page.get_by_label("Password").fill(lead.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


def _let_pictures_load(page: Page) -> None:
    """Those that the viewport shows; the rest loads when it is scrolled to."""
    page.wait_for_timeout(5000 if "insight" in page.url else 500)
