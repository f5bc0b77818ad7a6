"""What the widget lets through: hostile texts and files do nothing, sizes are bounded, the file is small and cached."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.async_api import Page, expect
from starlette.testclient import TestClient

from returnsdesk.desk import photos
from returnsdesk.desk.app import create_app
from returnsdesk.desk.widget import WIDGET_FILE, words
from returnsdesk.services.photo_files import folder
from returnsdesk.settings import LANGUAGES, Settings, load_settings
from tests.browser.chat import Chat, answer_with_cards
from tests.desk.fake_rasa import FakeRasa
from tests.desk.pictures import picture
from tests.desk.serving import Served
from tests.desk.shopper import Shopper

HOSTILE = (
    "<img src=x onerror=\"document.title='taken'\">",
    "<script>document.title='taken'</script>",
    "javascript:document.title='taken'",
    "https://shop.example/\"onmouseover=\"document.title='taken'",
    "{{constructor.constructor('return 1')()}} \u202e reversed",
)


async def send_file(chat: Chat, name: str, content: bytes, kind: str = "image/jpeg") -> None:
    file: Any = {"name": name, "mimeType": kind, "buffer": content}
    await chat.panel.locator("input[type=file]").set_input_files(file)


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_are_shown_and_do_nothing(
    chat: Chat, rasa: FakeRasa, text: str
) -> None:
    title = await chat.page.title()
    rasa.answer = lambda turn: [
        {
            "text": turn["text"],
            "image": text,
            "buttons": [{"title": text, "payload": {"intent": "inform", "entities": {}}}],
            "custom": {
                "card": "status",
                "title": text,
                "detail": text,
                "items": [{"title": text, "image": text}],
                "stages": [{"label": text, "state": text, "date": text}],
                "links": [{"label": text, "url": "javascript:document.title='taken'"}],
            },
        }
    ]

    await chat.say(text)

    await expect(chat.log.locator(".card h3")).to_have_text(text)
    await expect(chat.own).to_contain_text(text)
    await expect(chat.log.locator("script, [onerror], [onmouseover]")).to_have_count(0)
    await expect(chat.log.locator("a[href^='javascript']")).to_have_count(0)
    assert await chat.page.title() == title


async def test_a_link_of_the_assistant_opens_without_telling_who_asks(
    chat: Chat, rasa: FakeRasa
) -> None:
    rasa.answer = lambda turn: [{"text": "See https://shop.example/label?a=1. Then post it."}]

    await chat.say("label")

    link = chat.log.get_by_role("link")
    await expect(link).to_have_attribute("href", "https://shop.example/label?a=1")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")


async def test_cards_that_are_not_understood_leave_their_text(chat: Chat, rasa: FakeRasa) -> None:
    rasa.answer = answer_with_cards

    await chat.ask("unknown")
    await chat.ask("broken")

    await expect(chat.log.locator(".card")).to_have_count(0)


async def test_the_longest_message_goes_through_and_a_longer_one_is_not_cut(
    chat: Chat, rasa: FakeRasa
) -> None:
    await chat.field.fill("x" * 4003)
    await chat.page.keyboard.press("Enter")
    await expect(chat.panel.get_by_text("3 characters too many")).to_be_visible()
    await expect(chat.field).to_have_value("x" * 4003)

    longest = "ż" * 4000
    await chat.say(longest)

    await expect(chat.said(longest)).to_be_visible()
    assert rasa.texts == [longest]


async def test_a_photo_is_sent_drawn_anew_and_shown(
    chat: Chat, desk: Served, desk_settings: Settings
) -> None:
    name = "<img src=x onerror=alert(1)>.jpg"
    exif = Image.Exif()
    exif[0x010F] = "Secret camera"
    await send_file(chat, name, picture("JPEG", (3000, 1000), exif=exif))

    await expect(chat.own.locator("img")).to_have_js_property("naturalWidth", 2000)
    await expect(chat.own.locator(".bubble")).to_have_text(name)
    await expect(chat.log.get_by_text("the photo is here")).to_be_visible()
    (kept,) = folder(desk_settings.var_dir).iterdir()
    assert b"Secret camera" not in kept.read_bytes()
    await chat.page.reload()
    await expect(chat.own.locator("img")).to_have_js_property("naturalWidth", 2000)


async def test_a_file_that_is_no_picture_fails_in_plain_sight(
    chat: Chat, desk_settings: Settings
) -> None:
    await send_file(chat, "photo.jpg", b"MZ this is a program")

    await expect(chat.log.get_by_text("I could not read that file")).to_be_visible()
    await chat.log.get_by_role("button", name="Remove").click()
    await expect(chat.own).to_have_count(0)
    assert not folder(desk_settings.var_dir).exists()


async def test_a_photo_that_is_cut_off_can_be_sent_again(chat: Chat) -> None:
    await chat.ask("hello")
    await chat.page.context.set_offline(True)
    await send_file(chat, "photo.png", picture("PNG"), "image/png")
    await expect(chat.log.get_by_text("The photo did not get through.")).to_be_visible()

    await chat.page.context.set_offline(False)
    await chat.log.get_by_role("button", name="Try again").click()

    await expect(chat.log.get_by_text("the photo is here")).to_be_visible()


@pytest.fixture
def guest(desk: Served) -> Any:
    visitor = Shopper(desk.url)
    yield visitor
    visitor.client.close()


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        (b"", 415, "photo_unreadable"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", 415, "photo_unreadable"),
        (picture()[:200], 415, "photo_unreadable"),
        (picture("BMP"), 415, "photo_unreadable"),
        (picture("PNG", (9000, 6000)), 415, "photo_unreadable"),
        (b"x" * (photos.BYTES_LIMIT + 1), 413, "photo_too_large"),
    ],
    ids=["empty", "svg", "cut off", "unknown kind", "too many pixels", "too large"],
)
def test_what_is_no_fit_photo_is_refused_and_not_kept(
    guest: Shopper, desk_settings: Settings, content: bytes, status: int, error: str
) -> None:
    response = guest.client.post("/api/photos?message_id=p1", content=content)

    assert (response.status_code, response.json()["error"]) == (status, error)
    assert guest.history() == []
    assert not folder(desk_settings.var_dir).exists()


def test_a_photo_sent_twice_is_one_message(guest: Shopper, desk_settings: Settings) -> None:
    first = guest.client.post("/api/photos?message_id=p1&name=a.png", content=picture("PNG"))
    again = guest.client.post("/api/photos?message_id=p1&name=a.png", content=picture("PNG"))

    assert (first.status_code, again.status_code) == (201, 200)
    assert [message["author"] for message in guest.history()] == ["shopper", "assistant"]
    assert len(list(folder(desk_settings.var_dir).iterdir())) == 1


def test_photos_and_ratings_need_a_session(desk: Served) -> None:
    for path in ("/api/photos?message_id=p1", "/api/rating"):
        response = httpx.post(desk.url + path, content=b"{}", trust_env=False)
        assert (response.status_code, response.json()["error"]) == (401, "session_over")


@pytest.mark.parametrize("address", ["../../secret_key", "0" * 32, "..%2f..%2fsecret_key"])
def test_only_photos_are_given_out(desk: Served, address: str) -> None:
    response = httpx.get(f"{desk.url}/api/photos/{address}", trust_env=False)

    assert response.status_code == 404


@pytest.mark.parametrize("body", [{}, {"score": 0}, {"score": 6}, {"score": True}, {"score": "5"}])
def test_a_rating_out_of_range_is_refused(guest: Shopper, body: dict[str, Any]) -> None:
    assert guest.client.post("/api/rating", json=body).status_code == 422


def test_the_widget_is_small_and_asked_for_again_only_when_it_changed(desk: Served) -> None:
    url = f"{desk.url}/widget.js"
    first = httpx.get(url, headers={"Accept-Encoding": "gzip"}, trust_env=False)
    same = httpx.get(url, headers={"If-None-Match": first.headers["etag"]}, trust_env=False)
    plain = httpx.get(url, headers={"Accept-Encoding": "identity"}, trust_env=False)

    # As it lies in the repository, with its comments and indentation.
    assert plain.content == WIDGET_FILE.read_bytes()
    assert len(gzip.compress(plain.content, 9)) < 15_000
    assert int(first.headers["content-length"]) < 15_000
    assert first.text == plain.text
    assert (same.status_code, same.content) == (304, b"")
    assert "max-age" in first.headers["cache-control"]


def test_every_word_of_the_widget_stands_in_every_language() -> None:
    source = WIDGET_FILE.read_text(encoding="utf-8")
    table = source[source.index("const TEXTS = {") : source.index("// ---- look")]
    lists = re.findall(r"^    (\w+): (\[.*?\]),$", table, re.MULTILINE | re.DOTALL)

    counts = {name: len(re.findall(r'"(?:[^"\\]|\\.)+"', texts)) for name, texts in lists}
    assert len(counts) > 15
    assert set(counts.values()) == {len(LANGUAGES)}
    used = set(re.findall(r'this\.text\("(\w+)"|\? "(\w+)" : "(\w+)"', source))
    starters = {"where", "how", "size", "save"}
    # What the file does not say itself comes with the session.
    assert {name for names in used for name in names if name} | starters == {
        *counts,
        *words("en", has_telegram=True),
    }


async def test_a_shop_page_opens_nothing_of_others(page: Page, desk: Served) -> None:
    await page.goto(f"{desk.url}/shop/account")
    await page.get_by_role("button", name="Aoife Byrne").click()
    await expect(page.get_by_role("heading", name="Good to see you, Aoife")).to_be_visible()

    theirs = await page.request.get(f"{desk.url}/shop/orders/LL-10201")
    assert theirs.status == 404


def test_a_forged_cookie_logs_nobody_in(desk: Served) -> None:
    cookies = {"demo_shopper": "LLC-2001"}
    answer = httpx.get(f"{desk.url}/shop/login-token", cookies=cookies, trust_env=False)

    assert answer.json() == {"login_token": None}


def test_outside_demo_mode_there_is_no_shop(
    database: object, desk_settings: Settings, tmp_path: Path
) -> None:
    settings = load_settings(
        database_url=desk_settings.database_url, var_dir=tmp_path / "var", demo_mode=False
    )
    client = TestClient(create_app(settings))
    assert client.get("/shop").status_code == 404
    assert client.get("/widget.js").status_code == 200
