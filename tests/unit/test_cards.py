"""Cards beside texts: stages come from the record, and buttons of a card are those of the message."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from actions import cards
from returnsdesk.services.return_questions import Choice, Question

DAYS = [datetime(2026, 6, day, 23, 30, tzinfo=timezone.utc) for day in range(1, 10)]
TURN: Any = SimpleNamespace(label=lambda key, **facts: f"{key} {facts.get('number', '')}".strip())

LINE = SimpleNamespace(
    outcome="refund",
    line_external_id="1",
    name="Varm socks",
    options={"colour": "grey"},
    image_url="/static/shop/varm-wool-socks.svg",
)


def standing(status: str, **facts: Any) -> Any:
    document = {
        "rma_number": "RMA-1",
        "order_number": "LL-1",
        "country": "NL",
        "status": status,
        "requested_at": DAYS[0],
        "shipped_at": DAYS[1],
        "arrived_at": DAYS[2],
        "inspected_at": None,
        "refunds": (),
        "exchange": None,
        "lines": (LINE,),
        **facts,
    }
    return SimpleNamespace(document=SimpleNamespace(**document), names={"1": "Varm sokker"})


def states(card: Any) -> list[str]:
    return [stage["state"] for stage in card["stages"]]


def test_stages_show_what_was_reached_with_local_days() -> None:
    card = cards.return_card(TURN, standing("arrived"))

    assert card is not None
    assert (card["title"], card["detail"]) == ("RMA-1", "label_card_order LL-1")
    assert states(card) == ["done", "done", "now", "next", "next"]
    # Half past eleven at night in UTC is the next day in the Netherlands.
    assert [stage.get("date") for stage in card["stages"]] == [
        "2026-06-02", "2026-06-03", "2026-06-04", None, None,
    ]  # fmt: skip


def test_a_return_shows_its_items_with_their_pictures() -> None:
    plain = SimpleNamespace(**{**vars(LINE), "line_external_id": "2", "image_url": None})

    card = cards.return_card(TURN, standing("arrived", lines=(LINE, plain)))

    assert card is not None
    assert card["items"] == [
        {"title": "Varm sokker", "detail": "grey", "image": "/static/shop/varm-wool-socks.svg"},
        {"title": "Varm socks", "detail": "grey"},
    ]


def test_a_closed_return_is_paid_back_only_if_money_went_out() -> None:
    paid = SimpleNamespace(settled_at=DAYS[5])

    without = cards.return_card(TURN, standing("closed"))
    with_refund = cards.return_card(TURN, standing("closed", refunds=(paid,)))

    assert states(without) == ["done", "done", "done", "now", "next"]
    assert states(with_refund) == ["done"] * 5


@pytest.mark.parametrize("status", ["declined", "rejected", "cancelled", "expired"])
def test_a_return_that_left_the_road_has_no_stages(status: str) -> None:
    assert cards.return_card(TURN, standing(status)) is None


def order(*parcels: Any, status: str = "open") -> Any:
    return SimpleNamespace(
        number="LL-1", status=status, country="NL", placed_at=DAYS[0], parcels=parcels
    )


def test_an_order_shows_how_far_its_parcel_is() -> None:
    parcel = SimpleNamespace(shipped_at=DAYS[1], delivered_at=None)

    assert states(cards.order_card(TURN, order())) == ["now", "next", "next"]
    assert states(cards.order_card(TURN, order(parcel))) == ["done", "now", "next"]
    assert cards.order_card(TURN, order(parcel, parcel)) is None
    assert cards.order_card(TURN, order(status="cancelled")) is None


def test_sizes_are_grouped_by_colour_and_point_at_their_buttons() -> None:
    choices = (
        Choice("variant:1", {"options": {"colour": "black", "size": "42.5"}}),
        Choice("variant:2", {"options": {"colour": "navy", "size": "43"}}),
        Choice("outcome:refund"),
    )

    card = cards.question_card(Question("outcome", {}, choices))

    assert card == {
        "card": "sizes",
        "groups": [
            {"label": "black", "options": [{"label": "42.5", "button": 0}]},
            {"label": "navy", "options": [{"label": "43", "button": 1}]},
        ],
    }


def test_items_are_cards_when_there_are_pictures() -> None:
    def item(image: str | None) -> Any:
        return SimpleNamespace(
            name="Socks", options={"colour": "grey"}, order_number="LL-1", image_url=image
        )

    with_picture = Question("item", {}, (Choice("item:1", {"item": item("/socks.svg")}),))
    without = Question("item", {}, (Choice("item:1", {"item": item(None)}),))

    assert cards.question_card(with_picture) == {
        "card": "items",
        "items": [{"title": "Socks", "detail": "grey · LL-1", "image": "/socks.svg", "button": 0}],
    }
    assert cards.question_card(without) is None
    assert cards.question_card(Question("reason", {}, (Choice("reason:too_small"),))) is None
