"""The widget for everyone: no findings of axe in any state, keyboard, languages, right to left, phones, motion."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.chat import CARDS, Chat, accessibility_problems, answer_with_cards
from tests.desk.fake_rasa import FakeRasa
from tests.desk.pictures import picture
from tests.desk.serving import Served

State = Callable[[Chat, FakeRasa], Awaitable[None]]


async def opened(chat: Chat, rasa: FakeRasa) -> None:
    await expect(chat.field).to_be_visible()


async def with_card(chat: Chat, rasa: FakeRasa, *, card: str) -> None:
    rasa.answer = answer_with_cards
    await chat.ask(card)


async def asked_to_rate_and_renew(chat: Chat, rasa: FakeRasa) -> None:
    await chat.ask("hello")
    await chat.button("New conversation").click()
    await chat.panel.get_by_role("button", name="5 of 5").click()


async def while_typing(chat: Chat, rasa: FakeRasa) -> None:
    rasa.hold()
    await chat.say("slow")
    await expect(chat.status).to_contain_text("is writing")


async def offline(chat: Chat, rasa: FakeRasa) -> None:
    await chat.ask("hello")
    await chat.page.context.set_offline(True)
    await chat.say("not sent")
    await expect(chat.log.get_by_text("Not sent yet")).to_be_visible()
    await expect(chat.status).to_contain_text("You are offline")


async def with_a_refused_photo(chat: Chat, rasa: FakeRasa) -> None:
    file = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"text"}
    await chat.panel.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    await expect(chat.log.get_by_text("Only pictures")).to_be_visible()


async def while_a_photo_is_sent(chat: Chat, rasa: FakeRasa) -> None:
    await chat.page.route("**/api/photos?*", leave_unanswered)
    file = {"name": "shoe.png", "mimeType": "image/png", "buffer": picture("PNG")}
    await chat.panel.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    await expect(chat.log.get_by_role("progressbar")).to_be_visible()


async def leave_unanswered(_route: Route) -> None:
    """What is asked stays under way for as long as the page is open."""


async def too_long(chat: Chat, rasa: FakeRasa) -> None:
    await chat.field.fill("x" * 4001)


STATES: dict[str, State] = {
    "opened": opened,
    "typing": while_typing,
    "rating and new conversation": asked_to_rate_and_renew,
    "offline": offline,
    "refused photo": with_a_refused_photo,
    "photo under way": while_a_photo_is_sent,
    "too long": too_long,
    **{f"card {card}": partial(with_card, card=card) for card in CARDS},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(chat: Chat, rasa: FakeRasa, state: str, scheme: str) -> None:
    await chat.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]

    await STATES[state](chat, rasa)

    assert await accessibility_problems(chat.page) == []


@pytest.mark.parametrize("path", ["", "/products/maj-dress", "/returns", "/account"])
async def test_axe_finds_nothing_on_the_shops_pages(page: Page, desk: Served, path: str) -> None:
    await page.goto(f"{desk.url}/shop{path}")
    await expect(Chat(page).launcher).to_be_visible()

    assert await accessibility_problems(page) == []


async def test_it_is_used_by_keys_alone(page: Page, product_url: str) -> None:
    await page.goto(product_url)
    chat = Chat(page)
    await chat.launcher.focus()

    await page.keyboard.press("Enter")
    await expect(chat.field).to_be_focused()
    await page.keyboard.type("by keys")
    await page.keyboard.press("Enter")
    await expect(chat.said("by keys")).to_be_visible()
    await page.keyboard.press("Shift+Tab")
    await expect(chat.button("Send a photo")).to_be_focused()
    await page.keyboard.press("Escape")

    await expect(chat.panel).to_be_hidden()
    await expect(chat.launcher).to_be_focused()


async def test_messages_are_read_out_but_history_is_not(chat: Chat) -> None:
    await chat.ask("hello")
    await expect(chat.log).to_have_attribute("aria-live", "polite")

    await chat.page.reload()

    await expect(chat.log).to_have_attribute("aria-live", "off")
    await expect(chat.log).to_have_attribute("aria-live", "polite")


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("nl-BE", "Hulp bij retouren"),
        ("de", "Hilfe bei Retouren"),
        ("no", "Hjelp med retur"),
        ("pl", "Pomoc przy zwrotach"),
        ("fr", "Help with returns"),
    ],
)
async def test_it_speaks_the_pages_language(
    page: Page, product_url: str, language: str, title: str
) -> None:
    await page.goto(product_url)
    await page.evaluate(
        """language => {
            document.querySelector('returns-desk-chat').remove();
            document.documentElement.lang = language;
            document.body.append(document.createElement('returns-desk-chat'));
        }""",
        language,
    )

    await page.locator("returns-desk-chat button").click()

    # One that it does not speak gives way to the browser's own.
    await expect(page.get_by_role("dialog", name=title)).to_be_visible()


async def test_right_to_left_pages_get_a_mirrored_chat(chat: Chat) -> None:
    await chat.page.evaluate("document.documentElement.dir = 'rtl'")
    await chat.page.keyboard.press("Escape")
    await chat.open()
    await chat.ask("שלום")

    panel, own = await chat.panel.bounding_box(), await chat.own.first.bounding_box()
    assert panel["x"] < 100
    # What the shopper writes stands at the end of the line: left, here.
    assert own["x"] - panel["x"] < 40
    assert await chat.panel.locator(".send").evaluate(
        "icon => getComputedStyle(icon).transform != 'none'"
    )
    assert await accessibility_problems(chat.page) == []


async def test_on_a_phone_it_fills_the_screen_and_does_not_zoom(
    phone: Page, product_url: str, rasa: FakeRasa
) -> None:
    rasa.answer = answer_with_cards
    await phone.goto(product_url)
    chat = Chat(phone)
    await chat.launcher.tap()
    # The keyboard does not jump up by itself.
    await expect(chat.field).not_to_be_focused()
    for card in ("items", "sizes", "status"):
        await chat.ask(card)

    box = await chat.panel.bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 320, 640)
    assert await chat.field.evaluate("field => getComputedStyle(field).fontSize") == "16px"
    assert await chat.log.evaluate("log => log.scrollWidth <= log.clientWidth")
    # The page behind it cannot be reached meanwhile.
    assert await chat.panel.evaluate("panel => panel.matches(':modal')")
    assert await accessibility_problems(phone) == []


async def test_at_twice_the_size_nothing_is_cut_off(chat: Chat) -> None:
    await chat.ask("a message that is " + "rather " * 30 + "long")
    await chat.page.set_viewport_size({"width": 640, "height": 400})

    assert await chat.log.evaluate("log => log.scrollWidth <= log.clientWidth")
    box = await chat.field.bounding_box()
    assert box["y"] + box["height"] <= 400


async def test_who_wants_no_motion_gets_none(page: Page, product_url: str) -> None:
    await page.emulate_media(reduced_motion="reduce")
    await page.goto(product_url)
    chat = Chat(page)

    await chat.open()

    assert await chat.panel.evaluate("panel => panel.getAnimations({subtree: true}).length") == 0


async def test_the_colour_of_the_shop_is_readable_whatever_it_is(
    page: Page, product_url: str
) -> None:
    # What fades in has other colours on the way.
    await page.emulate_media(reduced_motion="reduce")
    await page.goto(product_url)
    for colour in ("#ffe000", "#1a1a40", "#777777"):
        await page.evaluate(
            """colour => {
                document.querySelector('returns-desk-chat').remove();
                const chat = document.createElement('returns-desk-chat');
                chat.dataset.colour = colour;
                document.body.append(chat);
            }""",
            colour,
        )
        await Chat(page).open()
        await expect(Chat(page).field).to_be_visible()

        assert await accessibility_problems(page) == []
        await page.keyboard.press("Escape")
