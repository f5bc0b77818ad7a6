"""The loopback Telegram refuses what Telegram refuses, in its words, to the library that the bot is built with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.error import BadRequest, Conflict, Forbidden, RetryAfter, TelegramError

from tests.desk.pictures import picture
from tests.servers.telegram import FakeTelegram, Fault, User, serve_telegram


@pytest.fixture
async def bot(telegram: FakeTelegram) -> AsyncIterator[Bot]:
    bot = Bot(
        telegram.token, base_url=f"{telegram.url}/bot", base_file_url=f"{telegram.url}/file/bot"
    )
    async with bot:
        yield bot


def keyboard(**button: Any) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton("Yes", **button)]])


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"text": "x" * 4097}, "Message is too long"),
        ({"text": "\U0001f45f" * 2049}, "Message is too long"),
        ({"text": " \n"}, "Text must be non-empty"),
        ({"text": "<b>x</i>", "parse_mode": "HTML"}, "unmatched end tag at byte offset 4"),
        ({"text": "a<br>b", "parse_mode": "HTML"}, 'unsupported start tag "br" at byte offset 1'),
        ({"text": "<b>x", "parse_mode": "HTML"}, "can't find end tag corresponding to start tag"),
        ({"text": "x", "reply_markup": keyboard(callback_data="é" * 33)}, "Button_data_invalid"),
        ({"text": "x", "reply_markup": keyboard(url="http://localhost/")}, "wrong http url"),
    ],
)
async def test_messages_beyond_the_limits_are_refused(
    bot: Bot, robin: User, message: dict[str, Any], problem: str
) -> None:
    with pytest.raises(BadRequest, match=problem):
        await bot.send_message(robin.id, **message)
    assert robin.texts() == []


async def test_lengths_count_after_the_marks_are_read(bot: Bot, robin: User) -> None:
    text = "<b>" + "&lt;" * 2048 + "</b>" + "\U0001f45f" * 1024
    sent = await bot.send_message(robin.id, text, parse_mode="HTML")
    assert robin.texts() == ["<" * 2048 + "\U0001f45f" * 1024]
    assert [(each.type, each.offset, each.length) for each in sent.entities] == [("bold", 0, 2048)]


async def test_files_go_both_ways_and_captions_are_limited(bot: Bot, robin: User) -> None:
    await bot.send_photo(robin.id, picture(), caption="x" * 1024)
    assert robin.gets("photo") == [picture()]
    with pytest.raises(BadRequest, match="Message caption is too long"):
        await bot.send_document(robin.id, b"%PDF-1.4", caption="x" * 1025, filename="a.pdf")
    with pytest.raises(BadRequest, match="Image_process_failed"):
        await bot.send_photo(robin.id, b"no picture")
    robin.sends_photo(picture("PNG"))
    [update] = await bot.get_updates()
    assert update.message is not None
    file = await update.message.photo[-1].get_file()
    assert bytes(await file.download_as_bytearray()) == picture("PNG")


async def test_a_press_is_answered_once_and_a_keyboard_removed_once(bot: Bot, robin: User) -> None:
    sent = await bot.send_message(robin.id, "Sure?", reply_markup=keyboard(callback_data="y"))
    press = robin.presses("Yes")
    [update] = await bot.get_updates()
    assert update.callback_query is not None
    await update.callback_query.answer("Thanks", show_alert=True)
    assert (press.answer(), press.is_alert) == ("Thanks", True)
    with pytest.raises(BadRequest, match="Query is too old"):
        await update.callback_query.answer()
    await bot.edit_message_reply_markup(robin.id, sent.message_id)
    assert robin.labels() == []
    with pytest.raises(BadRequest, match="Message is not modified"):
        await bot.edit_message_reply_markup(robin.id, sent.message_id)


async def test_who_is_unknown_or_has_blocked_the_bot_gets_nothing(bot: Bot, robin: User) -> None:
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(1, "hello")
    robin.blocks()
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(robin.id, "hello")
    robin.unblocks()
    await bot.send_message(robin.id, "hello")
    assert robin.texts() == ["hello"]


async def test_updates_stay_until_they_are_confirmed_and_go_to_one_poller(
    bot: Bot, telegram: FakeTelegram, robin: User
) -> None:
    robin.says("one")
    robin.says("two")
    first, second = await bot.get_updates()
    assert [each.update_id for each in await bot.get_updates()] == [
        first.update_id,
        second.update_id,
    ]
    [left] = await bot.get_updates(offset=second.update_id)
    assert left.message is not None and left.message.text == "two"
    older = asyncio.create_task(bot.get_updates(offset=second.update_id + 1, timeout=20))
    await asyncio.to_thread(_until_called, telegram, "getUpdates", 4)
    async with Bot(telegram.token, base_url=f"{telegram.url}/bot") as newer:
        assert await newer.get_updates(offset=second.update_id + 1) == ()
    with pytest.raises(Conflict, match="terminated by other getUpdates request"):
        await older


def _until_called(telegram: FakeTelegram, method: str, times: int) -> None:
    with telegram.books.changed:
        assert telegram.books.changed.wait_for(lambda: telegram.books.poller >= times, 20), method


async def test_a_webhook_has_to_be_reachable_and_ends_polling() -> None:
    with serve_telegram(local=False) as telegram:
        async with Bot(telegram.token, base_url=f"{telegram.url}/bot") as bot:
            with pytest.raises(BadRequest, match="an https url must be provided"):
                await bot.set_webhook("http://shop.example/hooks/telegram")
            with pytest.raises(BadRequest, match="only on ports 80, 88, 443 or 8443"):
                await bot.set_webhook("https://shop.example:8000/hooks/telegram")
            await bot.set_webhook("https://shop.example/hooks/telegram", secret_token="s")
            with pytest.raises(Conflict, match="while webhook is active"):
                await bot.get_updates()


@pytest.mark.filterwarnings("ignore:.*retry_after")
async def test_faults_come_as_planned_and_go(bot: Bot, telegram: FakeTelegram, robin: User) -> None:
    planned = (Fault(429, retry_after=7), Fault(500), Fault(mood="garbage"), Fault(mood="drop"))
    telegram.fails("sendMessage", *planned)
    with pytest.raises(RetryAfter):
        await bot.send_message(robin.id, "too much")
    for text in ("broken", "no JSON", "taken and not told"):
        with pytest.raises(TelegramError):
            await bot.send_message(robin.id, text)
    await bot.send_message(robin.id, "fine")
    assert robin.texts() == ["taken and not told", "fine"]
