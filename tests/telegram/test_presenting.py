"""What a message looks like in a chat: cut to Telegram's measure, escaped, with cards as text and buttons in rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from returnsdesk.desk.channels.telegram.presenting import (
    LabelPart,
    PicturesPart,
    TextPart,
    keyboard_of,
    parts_of,
    with_choice,
)
from returnsdesk.desk.channels.telegram.splitting import LONGEST_TEXT, shortened, split, units
from returnsdesk.services.telegram_progress import Outgoing

PUBLIC_URL = "https://desk.shop.example"


def row(text: str = "", author: str = "assistant", **content: Any) -> Outgoing:
    return Outgoing(
        chat_id=1,
        conversation_id="c",
        language="en",
        seq=1,
        author=author,
        text=text,
        content=content,
        reply_to_id=None,
        parts_sent=0,
        failures=0,
        keyboard_message_id=None,
    )


def texts(outgoing: Outgoing) -> list[TextPart]:
    return [part for part in parts_of(outgoing, PUBLIC_URL) if isinstance(part, TextPart)]


@given(st.text(max_size=300), st.integers(10, 60))
@settings(max_examples=200, deadline=None)
def test_pieces_fit_and_lose_no_word(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(0 < units(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_text_is_cut_at_the_end_of_a_sentence() -> None:
    text = "One is here. Two is there! Is three anywhere? Four."
    assert split(text, 30) == ["One is here. Two is there!", "Is three anywhere? Four."]


def test_paragraphs_are_kept_together_where_they_fit() -> None:
    assert split("First one. Still first.\n\nSecond one here.", 30) == [
        "First one. Still first.",
        "Second one here.",
    ]


def test_signs_outside_the_basic_plane_count_twice() -> None:
    text = "😀" * 3000
    assert [len(piece) for piece in split(text)] == [2048, 952]
    assert shortened("😀😀😀", 5) == "😀😀…"


def test_a_long_message_has_its_buttons_on_the_last_part() -> None:
    button = {"title": "Yes", "token": "t"}
    first, second = texts(row("Word. " * 1000, buttons=[button]))
    assert not first.keyboard
    assert second.keyboard[0][0].data == "t"
    assert all(units(part.plain) <= LONGEST_TEXT for part in (first, second))


def test_signs_of_html_are_escaped_everywhere() -> None:
    card = {
        "card": "status",
        "title": "<RMA>",
        "links": [{"label": "a&b", "url": 'https://x.example/?a=1&b="'}],
    }
    (part,) = texts(row("1 < 2 & 3", custom=card))
    assert "1 &lt; 2 &amp; 3" in part.html
    assert "<b>&lt;RMA&gt;</b>" in part.html
    assert '<a href="https://x.example/?a=1&amp;b=&quot;">a&amp;b</a>' in part.html


def test_a_status_card_is_a_bar_and_a_line_for_each_stage() -> None:
    stages = [
        {"label": "Registered", "state": "done", "date": "2026-06-01"},
        {"label": "Arrived", "state": "now"},
        {"label": "Paid back", "state": "next"},
    ]
    card = {"card": "status", "title": "RMA-1", "detail": "Order LL-1", "stages": stages}
    (part,) = texts(row("It arrived.", custom=card))
    assert part.plain == (
        "It arrived.\n\nRMA-1 · Order LL-1\n▰▰▱\n✓ Registered, Monday 1 June\n● Arrived\n○ Paid back"
    )


@pytest.mark.parametrize("card", [{"card": "status"}, {"card": "unheard of"}, {"card": 5}, []])
def test_a_card_of_another_shape_leaves_the_text(card: object) -> None:
    assert [part.plain for part in texts(row("Only words.", custom=card))] == ["Only words."]


def test_links_that_telegram_would_not_show_stand_as_words() -> None:
    links = [{"label": "Label", "url": "http://127.0.0.1:8080/track/x"}]
    (part,) = texts(row("Here.", custom={"card": "status", "links": links}))
    assert "Label: http://127.0.0.1:8080/track/x" in part.html


def test_a_label_comes_as_paper_and_code_once() -> None:
    url = f"{PUBLIC_URL}/track/To.k-en_1/label.pdf"
    outgoing = row(f"Here: {url}", custom={"card": "status", "links": [{"label": "L", "url": url}]})
    labels = [part for part in parts_of(outgoing, PUBLIC_URL) if isinstance(part, LabelPart)]
    assert labels == [LabelPart("To.k-en_1", False), LabelPart("To.k-en_1", True)]


def test_addresses_of_others_are_no_labels() -> None:
    outgoing = row("See https://evil.example/track/x/label.pdf")
    assert all(isinstance(part, TextPart) for part in parts_of(outgoing, PUBLIC_URL))


def test_pictures_come_before_the_text_and_each_once() -> None:
    items = [{"title": "A", "detail": size, "image": "/a.png"} for size in ("42", "43")]
    pictures, text = parts_of(row("Which?", custom={"card": "items", "items": items}), PUBLIC_URL)
    assert isinstance(pictures, PicturesPart)
    assert [each.address for each in pictures.pictures] == ["/a.png"]
    assert isinstance(text, TextPart)


def test_short_labels_stand_side_by_side_and_long_ones_below_each_other() -> None:
    def lengths(*labels: str) -> list[int]:
        buttons = [{"title": label, "token": "t"} for label in labels]
        return [len(each) for each in keyboard_of({"buttons": buttons})]

    assert lengths("40", "41", "42", "43", "44", "45") == [5, 1]
    assert lengths("Too small", "Too large", "Faulty") == [3]
    assert lengths("Changed my mind", "Other") == [2]
    assert lengths("Yes, please do that and tell me", "No") == [1, 1]


def test_words_of_a_person_stand_below_their_name() -> None:
    (part,) = texts(row("Hi & hello", author="agent", custom={"name": "Mila <3"}))
    assert part.html == "<b>Mila &lt;3:</b>\nHi &amp; hello"


def test_a_rating_is_asked_with_stars() -> None:
    (stars,) = keyboard_of({"custom": {"card": "rating"}})
    assert [key.label for key in stars] == ["1 ⭐", "2 ⭐", "3 ⭐", "4 ⭐", "5 ⭐"]


def test_buttons_of_the_desks_own_question_answer_no_question_of_the_assistant() -> None:
    (part,) = texts(row("Shall I write?", aside=[{"title": "Yes", "token": "t"}]))
    assert part.keyboard
    assert not part.is_question


def test_a_choice_is_shown_below_the_question_where_it_fits() -> None:
    assert with_choice("Which?", "4<2") == "Which?\n\n✓ <b>4&lt;2</b>"
    assert with_choice("x" * LONGEST_TEXT, "42") is None
