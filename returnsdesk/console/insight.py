"""Insight: the page of figures with a picture of each, the pictures themselves, and the numbers as CSV."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from time import monotonic
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from babel.dates import format_date
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from returnsdesk.console import charts
from returnsdesk.console.access import Page, staff_of
from returnsdesk.console.csv_files import csv_file
from returnsdesk.console.figure_words import cell, change, headline, note_of, picture_text
from returnsdesk.console.rendering import page, templates
from returnsdesk.db.session import Database
from returnsdesk.desk.context import Desk, desk_of
from returnsdesk.services import audit, insight_catalogue
from returnsdesk.services.errors import NotFound
from returnsdesk.services.insight_figures import Figure, Kind
from returnsdesk.services.insight_scope import Scope
from returnsdesk.settings import LANGUAGES

PERIODS: Final = (7, 30, 90)
CHANNELS: Final = ("web", "telegram")
_SECONDS_KEPT: Final = 60
_PICTURES_KEPT: Final = 200
_TILES: Final = ("volumes", "containment", "first_reply", "exchange_share", "csat", "repeats")

_PICTURE_HEADERS: Final = {
    "Cache-Control": "private, max-age=3600",
    # Without scripts of any kind; the picture's own colours stand in a style.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@dataclass
class Insight:
    """Figures and pictures of one desk, kept for a short while: a page asks for many at once."""

    desk: Desk
    # One figure after another: counting must not take all threads that shoppers' turns need.
    at_once: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    _figures: dict[tuple[str, Scope], tuple[float, Figure]] = field(default_factory=dict)
    _pictures: OrderedDict[tuple[str, ...], bytes] = field(default_factory=OrderedDict)

    async def figures(self, scope: Scope) -> dict[str, Figure]:
        """All figures of a scope."""
        kept = {key: self._kept(key, scope) for key in insight_catalogue.KINDS}
        if all(kept.values()):
            return {key: figure for key, figure in kept.items() if figure is not None}
        found = await run_sync(_compute_all, self.desk.database, scope, limiter=self.at_once)
        for key, figure in found.items():
            self._keep(key, scope, figure)
        return found

    async def figure(self, kind: Kind, scope: Scope) -> Figure:
        """One figure of a scope."""
        kept = self._kept(kind.key, scope)
        if kept is None:
            read = partial(_compute, self.desk.database, kind, scope)
            kept = await run_sync(read, limiter=self.at_once)
            self._keep(kind.key, scope, kept)
        return kept

    async def picture(self, kind: Kind, figure: Figure, *, is_dark: bool, is_narrow: bool) -> bytes:
        """The picture of a figure."""
        name = (kind.key, digest(figure), str(is_dark), str(is_narrow))
        if name not in self._pictures:
            draw = partial(charts.draw, kind, figure, is_dark=is_dark, is_narrow=is_narrow)
            self._pictures[name] = await run_sync(draw, limiter=self.at_once)
            while len(self._pictures) > _PICTURES_KEPT:
                self._pictures.popitem(last=False)
        return self._pictures[name]

    def _kept(self, key: str, scope: Scope) -> Figure | None:
        until, figure = self._figures.get((key, scope), (0.0, None))
        return figure if until > monotonic() else None

    def _keep(self, key: str, scope: Scope, figure: Figure) -> None:
        present = monotonic()
        self._figures = {at: kept for at, kept in self._figures.items() if kept[0] > present}
        self._figures[key, scope] = (present + _SECONDS_KEPT, figure)


def digest(figure: Figure) -> str:
    """A name for the numbers: the same numbers have the same picture."""
    return hashlib.sha256(repr((figure.columns, figure.rows)).encode()).hexdigest()[:16]


async def insight_page(request: Request) -> Response:
    """GET /console/insight: all figures of a period beside the period before."""
    scope, fault = _scope(request)
    figures = await _insight(request).figures(scope)
    query = _query(scope)
    shown = [_shown(kind, figures[key], query) for key, kind in insight_catalogue.KINDS.items()]
    return page(
        request,
        "insight.html",
        {
            "scope": scope,
            "before": scope.before(),
            "fault": fault,
            "periods": PERIODS,
            "chosen_days": _chosen_days(request, scope, fault),
            "channels": CHANNELS,
            "languages": LANGUAGES,
            "figures": shown,
            "tiles": [each for each in shown if each["kind"].key in _TILES],
        },
        status=400 if fault else 200,
    )


async def chart(request: Request) -> Response:
    """GET /console/insight/charts/{key}.svg: the picture of a figure."""
    kind, (scope, fault) = _kind(request), _scope(request)
    figure = await _insight(request).figure(kind, scope)
    if fault or kind.is_too_few(figure):
        raise HTTPException(404)
    drawn = await _insight(request).picture(
        kind,
        figure,
        is_dark=request.query_params.get("theme") == "dark",
        is_narrow=request.query_params.get("screen") == "narrow",
    )
    return Response(drawn, media_type="image/svg+xml", headers=_PICTURE_HEADERS)


async def numbers(request: Request) -> Response:
    """GET /console/insight/{key}.csv: the numbers of a figure."""
    desk, kind, (scope, fault) = desk_of(request), _kind(request), _scope(request)
    if fault:
        raise HTTPException(404)
    figure = await _insight(request).figure(kind, scope)
    note = partial(
        audit.record, desk.database, actor=staff_of(request).email, action=audit.EXPORT,
        subject="insight", subject_id=kind.key, now=desk.clock(),
    )  # fmt: skip
    await run_sync(note)
    return csv_file(f"{kind.key}-{scope.first}-{scope.last}", figure.columns, figure.rows)


def _shown(kind: Kind, figure: Figure, query: str) -> dict[str, Any]:
    address = f"/console/insight/charts/{kind.key}.svg?{query}&v={digest(figure)}"
    return {
        "kind": kind,
        "figure": figure,
        "is_too_few": kind.is_too_few(figure),
        "headline": headline(kind, figure.headline),
        "change": change(kind, figure),
        "note": note_of(kind, query),
        "text": picture_text(kind, figure),
        "address": address,
        "csv": f"/console/insight/{kind.key}.csv?{query}",
    }


def _scope(request: Request) -> tuple[Scope, str]:
    """What the address asks for, and a sentence where it cannot be: then the last 30 days."""
    asked, desk = request.query_params, desk_of(request)
    zone, now = desk.settings.support_time_zone, desk.clock()
    channel, language = asked.get("channel") or None, asked.get("language") or None
    usual = Scope.of_days(30, zone, now)
    if (channel and channel not in CHANNELS) or (language and language not in LANGUAGES):
        return (
            usual,
            "There is no such channel or language; this is everything of the last 30 days.",
        )
    try:
        first, last = _days(asked, usual, zone, now)
        return Scope(first, last, zone, channel, language), ""
    except (ValueError, OverflowError):
        return usual, (
            "These days are no period: the first day comes before the last, at most two years lie between."
            " This is everything of the last 30 days."
        )


def _days(asked: Mapping[str, str], usual: Scope, zone: str, now: Any) -> tuple[date, date]:
    if asked.get("from") or asked.get("to"):
        last = date.fromisoformat(asked["to"]) if asked.get("to") else usual.last
        first = date.fromisoformat(asked["from"]) if asked.get("from") else last
        today = now.astimezone(ZoneInfo(zone)).date()
        if not date(2000, 1, 1) < first or last > today:
            raise ValueError("a period lies in the past")
        return first, last
    days = int(asked.get("days") or PERIODS[1])
    if days < 1:
        raise ValueError("a period has a day at least")
    scope = Scope.of_days(days, zone, now)
    return scope.first, scope.last


def _chosen_days(request: Request, scope: Scope, fault: str) -> int:
    """Which of the usual periods is shown; 0 for days of one's own."""
    is_own = bool(request.query_params.get("from") or request.query_params.get("to"))
    return 0 if is_own and not fault else scope.length


def _query(scope: Scope) -> str:
    chosen = {
        "from": scope.first.isoformat(),
        "to": scope.last.isoformat(),
        "channel": scope.channel or "",
        "language": scope.language or "",
    }
    return urlencode({name: value for name, value in chosen.items() if value})


def _kind(request: Request) -> Kind:
    try:
        return insight_catalogue.kind_of(request.path_params["key"])
    except NotFound as error:
        raise HTTPException(404) from error


def _insight(request: Request) -> Insight:
    state = request.app.state
    if not hasattr(state, "insight"):
        state.insight = Insight(desk_of(request))
    kept: Insight = state.insight
    return kept


def _compute(database: Database, kind: Kind, scope: Scope) -> Figure:
    with database.read() as session:
        return insight_catalogue.compute(session, kind, scope)


def _compute_all(database: Database, scope: Scope) -> dict[str, Figure]:
    with database.read() as session:
        return insight_catalogue.compute_all(session, scope)


def day(value: date) -> str:
    """A day as the team reads it."""
    return format_date(value, "d MMM y", locale="en_GB")


templates.env.filters["day"] = day
templates.env.filters["cell"] = cell

routes = [
    Page("/insight", insight_page, role="lead"),
    Page("/insight/charts/{key}.svg", chart, role="lead", name="insight_chart"),
    Page("/insight/{key}.csv", numbers, role="lead", name="insight_csv"),
]
