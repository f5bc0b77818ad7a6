"""The widget as a visitor handles it, and answers of the assistant with every kind of card."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Locator, Page, expect

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Chat:
    """The chat on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.launcher = page.get_by_role("button", name="Open chat")
        self.panel = page.get_by_role("dialog")
        self.log = page.get_by_role("log")
        self.field = page.get_by_role("textbox", name="Write a message")
        self.status = self.panel.locator(".status")

    async def open(self) -> None:
        await self.launcher.click()
        await expect(self.panel).to_be_visible()

    async def say(self, text: str) -> None:
        await self.field.fill(text)
        await self.page.keyboard.press("Enter")

    async def ask(self, text: str) -> None:
        """Say something and wait for the echo of it."""
        await self.say(text)
        await expect(self.said(text)).to_be_visible()

    def said(self, text: str) -> Locator:
        return self.log.get_by_text(f"You said: {text}")

    def button(self, name: str) -> Locator:
        return self.panel.get_by_role("button", name=name, exact=True)

    @property
    def own(self) -> Locator:
        return self.log.locator(".message.shopper")


async def accessibility_problems(page: Page) -> list[str]:
    """What axe finds on the page, the chat's shadow tree included."""
    await page.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
    options = {"runOnly": {"type": "tag", "values": AXE_TAGS}}
    result = await page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{problem['id']}: {node['target']} {node['failureSummary']}"
        for problem in result["violations"]
        for node in problem["nodes"]
    ]


def button(title: str) -> dict[str, Any]:
    return {"title": title, "payload": {"intent": "inform", "entities": {"choice": title}}}


def answer_with_cards(turn: dict[str, Any]) -> list[dict[str, Any]]:
    """An answer with the card that the message names."""
    return [
        {
            "text": f"You said: {turn['text']}",
            **CARDS.get(turn["text"], {"buttons": [button("Yes")]}),
        }
    ]


CARDS: dict[str, dict[str, Any]] = {
    "items": {
        "buttons": [
            button("Fjord sneakers (black, 42)"),
            button("Varm wool socks"),
            button("Stop"),
        ],
        "custom": {
            "card": "items",
            "items": [
                {
                    "title": "Fjord sneakers",
                    "detail": "black, 42",
                    "image": "/static/shop/fjord-sneakers.svg",
                    "amount_minor": 8995,
                    "currency": "EUR",
                    "button": 0,
                },
                {"title": "Varm wool socks", "button": 1},
            ],
        },
    },
    "sizes": {
        "buttons": [button("42.5 in black"), button("43 in navy"), button("Money back")],
        "custom": {
            "card": "sizes",
            "groups": [
                {"label": "black", "options": [{"label": "42.5", "button": 0}, {"label": "43"}]},
                {"label": "navy", "options": [{"label": "43", "button": 1}]},
            ],
        },
    },
    "status": {
        "custom": {
            "card": "status",
            "title": "RMA-1009",
            "detail": "Order LL-10234",
            "items": [{"title": "Fjord sneakers", "image": "/static/shop/fjord-sneakers.svg"}],
            "stages": [
                {"label": "Registered", "state": "done", "date": "2026-10-28"},
                {"label": "Arrived", "state": "now", "date": "2026-11-03"},
                {"label": "Paid back", "state": "next"},
            ],
            "links": [
                {"label": "Download label", "url": "/labels/1.pdf"},
                {"label": "Hostile", "url": "javascript:alert(1)"},
            ],
        }
    },
    "rating": {"custom": {"card": "rating"}},
    "unknown": {"custom": {"card": "from-the-future", "items": 7}},
    "broken": {"custom": {"card": "items", "items": "none"}},
}
