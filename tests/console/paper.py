"""Forms of the console's pages as a browser without scripts fills them in and sends them, and returns at a stage."""

from __future__ import annotations

from datetime import datetime, timezone
from html.parser import HTMLParser
from typing import Any

import httpx
from sqlalchemy import func, select

from returnsdesk.db.models import Event, Order, Return
from returnsdesk.db.session import Database
from returnsdesk.services import returns
from returnsdesk.services.returns import RequestedLine, ReturnRequest
from returnsdesk.services.views import ReturnView
from tests.console.conftest import Staff


def now() -> datetime:
    return datetime.now(timezone.utc)


class _Forms(HTMLParser):
    """The forms of a page: their address, and what their fields hold at first."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self._select = ""
        self._area = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.found.append((given.get("action") or "", {}))
            return
        name = given.get("name")
        if tag == "option" and self._select and self.found:
            fields = self.found[-1][1]
            if "selected" in given or self._select not in fields:
                fields[self._select] = given.get("value") or ""
        elif name and self.found and tag == "select":
            self._select = name
        elif name and self.found and tag == "textarea":
            self._area = name
            self.found[-1][1][name] = ""
        elif (
            name
            and self.found
            and tag == "input"
            and given.get("type")
            not in (
                "checkbox",
                "radio",
                "file",
            )
        ):
            self.found[-1][1][name] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        if tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area and self.found:
            self.found[-1][1][self._area] += data


def fields_of(page: httpx.Response, action: str) -> dict[str, str]:
    """The fields of the form with that address, filled as the page has them."""
    forms = _Forms(page.text).found
    for address, fields in forms:
        if address == action:
            return fields
    raise AssertionError(f"no form {action} among {[address for address, _ in forms]}")


def actions_of(page: httpx.Response) -> set[str]:
    """The last parts of the addresses of a page's forms: what can be done on it."""
    return {address.rpartition("/")[2] for address, _ in _Forms(page.text).found}


def send(
    member: Staff,
    page: httpx.Response,
    action: str,
    files: list[tuple[str, tuple[str, bytes, str]]] | None = None,
    **typed: Any,
) -> httpx.Response:
    """Fill in a form of a page that was loaded, and send it."""
    fields = {**fields_of(page, action), **{name: str(value) for name, value in typed.items()}}
    return member.client.post(action, data=fields, files=files)


def act(member: Staff, page_address: str, what: str, **typed: Any) -> httpx.Response:
    """Load a page, fill in one of its forms and send it; it has to be taken. Gives the page that follows."""
    page = member.get(page_address)
    answer = send(member, page, f"{page_address}/{what}", **typed)
    assert answer.status_code == 303, answer.text
    return member.client.get(answer.headers["location"])


def address_of(rma_number: str) -> str:
    return f"/console/returns/{rma_number}"


def return_in(database: Database, status: str) -> str:
    """RMA number of the sample shop's first return in a state."""
    with database.read() as session:
        return str(
            session.scalars(
                select(Return.rma_number).where(Return.status == status).order_by(Return.id)
            ).first()
        )


def view_of(database: Database, rma_number: str) -> ReturnView:
    with database.read() as session:
        view = returns.find(session, rma_number)
    assert view is not None
    return view


def events(database: Database) -> int:
    """How much has ever happened: the same before and after a form that was not taken."""
    with database.read() as session:
        return int(session.scalar(select(func.max(Event.id))))


def registered(
    database: Database,
    order: str,
    line: str,
    *,
    quantity: int = 1,
    reason: str = "too_large",
    sku: str | None = None,
    key: str = "test",
) -> str:
    """A return of the sample shop that a shopper asks for now; gives its number."""
    wish = RequestedLine(line, quantity, reason, "exchange" if sku else "refund", sku)
    request = ReturnRequest(order, (wish,), None if sku else "original", key)
    view = returns.create(database, request, actor="shopper", channel="web", now=now())
    return view.rma_number


def order_id(database: Database, number: str) -> int:
    with database.read() as session:
        return int(session.scalar(select(Order.id).where(Order.number == number)))
