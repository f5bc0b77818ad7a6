"""Inspecting what arrived: piece by piece, with a grade, a reason and photos of the team's own."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

from PIL import Image
from sqlalchemy import select

from returnsdesk.db.models import Inspection
from returnsdesk.db.session import Database
from returnsdesk.domain import states
from returnsdesk.services.photo_files import folder
from returnsdesk.settings import Settings
from tests.console.conftest import Staff
from tests.console.paper import (
    act,
    actions_of,
    address_of,
    events,
    fields_of,
    registered,
    return_in,
    send,
    view_of,
)
from tests.desk.pictures import picture


def photo(content: bytes, name: str = "sole.jpg") -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("photos", (name, content, "image/jpeg"))]


def three_shirts(agent: Staff, database: Database) -> str:
    """A return of two pieces of one line that is at the warehouse."""
    rma_number = registered(database, "LL-10221", "LL-10221-1", quantity=2)
    act(agent, address_of(rma_number), "receive")
    return rma_number


def test_pieces_are_decided_one_by_one(agent: Staff, database: Database) -> None:
    rma_number = three_shirts(agent, database)
    address = address_of(rma_number)
    assert fields_of(agent.get(address), f"{address}/inspect")["quantity"] == "2"

    page = act(agent, address, "inspect", quantity="1", grade="A")
    assert "1 left" in page.text
    assert view_of(database, rma_number).status == states.ARRIVED

    page = act(agent, address, "inspect", quantity="1", grade="C", reason="A stain at the collar")
    view = view_of(database, rma_number)
    assert (view.lines[0].accepted, view.lines[0].rejected) == (1, 1)
    assert view.status == states.INSPECTED
    assert "A stain at the collar" in page.text
    assert "release" in actions_of(page)


def test_what_is_typed_wrong_is_said_next_to_its_field(agent: Staff, database: Database) -> None:
    rma_number = three_shirts(agent, database)
    address, before = address_of(rma_number), events(database)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"quantity": "-1"}, "Please write a number from 1 to 2."),
        ({"quantity": "3"}, "Please write a number from 1 to 2."),
        ({"quantity": "two"}, "Please write a whole number."),
        ({"quantity": "9" * 40}, "Please write a whole number."),
        ({"grade": "D"}, "Please choose a grade."),
        ({"grade": "C", "reason": ""}, "The shopper has to be told why."),
        ({"reason": "x" * 501}, "At most 500 characters"),
    ]
    for typed, problem in wrong:
        answer = send(agent, agent.get(address), f"{address}/inspect", **typed)
        assert answer.status_code == 422, typed
        name = next(iter(typed)) if "reason" not in typed else "reason"
        said = re.search(rf'id="inspect-{name}-problem">([^<]*)<', answer.text)
        assert said is not None and problem in said.group(1)
        if "quantity" in typed:
            assert fields_of(answer, f"{address}/inspect")["quantity"] == typed["quantity"]
    assert events(database) == before


def test_a_photo_is_drawn_anew_and_shown_to_the_team_only(
    agent: Staff, visitor: Staff, database: Database, desk_settings: Settings
) -> None:
    rma_number = return_in(database, "arrived")
    address = address_of(rma_number)
    exif = Image.Exif()
    exif[0x010F] = "Secret camera"
    content = picture("JPEG", (3000, 100), exif=exif)

    answer = send(
        agent, agent.get(address), f"{address}/inspect", photo(content), reason="As it came"
    )
    assert answer.status_code == 303, answer.text
    page = agent.get(address).text
    source = re.search(r'src="(/console/photos/[0-9a-f]{32})"', page)
    assert source is not None
    shown = agent.get(source.group(1))
    assert shown.headers["content-type"] == "image/jpeg"
    with Image.open(BytesIO(shown.content)) as image:
        assert max(image.size) <= 2000
        assert not image.getexif()
    assert visitor.get(source.group(1)).status_code == 303
    with database.read() as session:
        row = session.scalars(select(Inspection).order_by(Inspection.id.desc()).limit(1)).one()
        assert f"/console/photos/{row.photos[0]}" == source.group(1)
    assert len(list(folder(desk_settings.var_dir).iterdir())) == 1


def test_what_is_no_photo_is_refused_and_nothing_is_kept(
    agent: Staff, database: Database, desk_settings: Settings
) -> None:
    rma_number = return_in(database, "arrived")
    address, before = address_of(rma_number), events(database)
    for content in (b"<svg onload=alert(1)>", b"%PDF-1.4", picture()[:200]):
        answer = send(
            agent, agent.get(address), f"{address}/inspect", photo(content), reason="Typed before"
        )
        assert answer.status_code == 422
        assert "sole.jpg is no photo" in answer.text
        assert fields_of(answer, f"{address}/inspect")["reason"] == "Typed before"
    many = [each for _ in range(7) for each in photo(picture())]
    assert "At most 6 photos" in send(agent, agent.get(address), f"{address}/inspect", many).text
    assert events(database) == before
    kept = folder(desk_settings.var_dir)
    assert not kept.exists() or list(kept.iterdir()) == []


def test_photos_of_a_refused_inspection_are_deleted(
    agent: Staff, lead: Staff, database: Database, desk_settings: Settings
) -> None:
    rma_number = return_in(database, "arrived")
    address = address_of(rma_number)
    page = agent.get(address)
    act(lead, address, "inspect")
    answer = send(agent, page, f"{address}/inspect", photo(picture()))
    assert answer.status_code == 409
    kept = folder(desk_settings.var_dir)
    assert not kept.exists() or list(kept.iterdir()) == []


def test_the_rest_that_did_not_come_is_left_out(agent: Staff, database: Database) -> None:
    rma_number = three_shirts(agent, database)
    address = address_of(rma_number)
    act(agent, address, "inspect", quantity="1", grade="B")
    act(agent, address, "close-short")
    view = view_of(database, rma_number)
    assert (view.status, view.lines[0].accepted) == (states.INSPECTED, 1)


def test_a_photo_that_is_not_there_is_a_missing_page(agent: Staff) -> None:
    for name in ("0" * 32, "..%2f..%2fsecret", "x"):
        assert agent.get(f"/console/photos/{name}").status_code == 404
