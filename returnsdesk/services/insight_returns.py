"""Figures of returns: why things come back, what is exchanged, how long each stage takes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Text, cast, func, select

from returnsdesk.db.models import (
    Event,
    Order,
    OrderLine,
    Product,
    Refund,
    Return,
    ReturnLine,
    Variant,
)
from returnsdesk.domain import states, windows
from returnsdesk.domain.options import is_size_name
from returnsdesk.domain.policy import Policy
from returnsdesk.domain.reasons import REASONS
from returnsdesk.services import policies
from returnsdesk.services.deadlines import WORKING_DAYS_BEFORE_REFUND
from returnsdesk.services.insight_figures import (
    PAIR_COLUMNS,
    Figure,
    Kind,
    Row,
    median,
    ninth_tenth,
    paired,
    share,
)
from returnsdesk.services.insight_scope import Look

SHOWN: Final = 10
"""So many products or sizes are named; the others are one row."""

OTHERS: Final = "others"

_SIZE_REASONS: Final = ("too_small", "too_large")
_NEVER_CAME: Final = (states.CANCELLED, states.DECLINED)
_LETTER_SIZES: Final = ("xxs", "xs", "s", "m", "l", "xl", "xxl", "3xl", "4xl")
_SECONDS_OF_DAY: Final = 86400


def _registered(look: Look) -> Any:
    """The condition that a return was registered within the scope and not taken back or declined."""
    condition = look.is_within(Return.requested_at) & Return.status.notin_(_NEVER_CAME)
    return condition & _is_on_channel(look)


def _is_on_channel(look: Look) -> Any:
    return Return.channel == look.scope.channel if look.scope.channel else Return.id.isnot(None)


def _pieces(look: Look) -> dict[tuple[str, str], int]:
    """Pieces by reason and outcome."""
    rows = look.session.execute(
        select(ReturnLine.reason, ReturnLine.outcome, func.sum(ReturnLine.quantity))
        .join(Return)
        .where(_registered(look))
        .group_by(ReturnLine.reason, ReturnLine.outcome)
    )
    return {(reason, outcome): int(count) for reason, outcome, count in rows}


def exchange_share(now: Look, before: Look) -> Figure:
    """What became of what did not fit."""
    pieces = now.once(_pieces)
    rows = tuple(
        (_words(reason), pieces.get((reason, "exchange"), 0), pieces.get((reason, "refund"), 0))
        for reason in _SIZE_REASONS
    )
    total = sum(count for (reason, _), count in pieces.items() if reason in _SIZE_REASONS)
    shares = [_exchanged(look.once(_pieces)) for look in (now, before)]
    return Figure(("Reason", "Exchange", "Refund"), rows, total, *shares)


def _exchanged(pieces: Mapping[tuple[str, str], int]) -> float | None:
    sized = {key: count for key, count in pieces.items() if key[0] in _SIZE_REASONS}
    swapped = sum(count for (_, outcome), count in sized.items() if outcome == "exchange")
    return share(swapped, sum(sized.values()))


def reasons(now: Look, before: Look) -> Figure:
    """Pieces by reason."""
    counts = [_by_reason(look.once(_pieces)) for look in (now, before)]
    totals = [sum(count.values()) for count in counts]
    return Figure(("Reason", *PAIR_COLUMNS), paired(*counts), totals[0], *totals)


def _by_reason(pieces: Mapping[tuple[str, str], int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (reason, _), count in pieces.items():
        found[_words(reason)] += count
    return dict(found)


def reasons_by_product(now: Look, _before: Look) -> Figure:
    """Pieces by product and reason, the products that come back most."""
    rows = now.session.execute(
        select(
            Variant.product_id, func.max(OrderLine.name), ReturnLine.reason, func.sum(ReturnLine.quantity)
        )
        .select_from(ReturnLine)
        .join(Return, Return.id == ReturnLine.return_id)
        .join(OrderLine, OrderLine.id == ReturnLine.order_line_id)
        .outerjoin(Variant, Variant.id == OrderLine.variant_id)
        .where(_registered(now))
        .group_by(Variant.product_id, ReturnLine.reason)
    ).all()  # fmt: skip
    counts: Counter[tuple[Any, str]] = Counter()
    names: dict[Any, str] = {}
    for product_id, name, reason, count in rows:
        counts[product_id, reason] += int(count)
        names[product_id] = name if product_id is not None else "no longer in the catalogue"
    return _stacked("Product", counts, _named(now, names))


def _named(look: Look, names: dict[Any, str]) -> dict[Any, str]:
    """Products under their English name, where they have one; order lines keep that of the shopper's language."""
    known = look.session.execute(
        select(Product.id, Product.names).where(Product.id.in_([each for each in names if each]))
    )
    return names | {each: title["en"] for each, title in known if title.get("en")}


def reasons_by_size(now: Look, _before: Look) -> Figure:
    """Pieces by size and reason."""
    # As text: a JSON value cannot be grouped by on PostgreSQL.
    options = cast(OrderLine.options, Text)
    rows = now.session.execute(
        select(options, ReturnLine.reason, func.sum(ReturnLine.quantity))
        .select_from(ReturnLine)
        .join(Return, Return.id == ReturnLine.return_id)
        .join(OrderLine, OrderLine.id == ReturnLine.order_line_id)
        .where(_registered(now))
        .group_by(options, ReturnLine.reason)
    )
    counts: Counter[tuple[Any, str]] = Counter()
    for written, reason, count in rows:
        size = _size_of(json.loads(written))
        if size:
            counts[size, reason] += int(count)
    figure = _stacked("Size", counts, {size: size for size, _ in counts})
    ordered = sorted(figure.rows, key=lambda row: _size_order(str(row[0])))
    return Figure(figure.columns, tuple(ordered), figure.cases)


def _size_of(options: Mapping[str, str]) -> str:
    return next((value for name, value in options.items() if is_size_name(name)), "")


def _size_order(size: str) -> tuple[int, float, str]:
    if size == OTHERS:
        return (3, 0, "")
    if size.lower() in _LETTER_SIZES:
        return (0, _LETTER_SIZES.index(size.lower()), "")
    try:
        return (1, float(size.replace(",", ".")), "")
    except ValueError:
        return (2, 0, size)


def _stacked(title: str, counts: Counter[tuple[Any, str]], names: dict[Any, str]) -> Figure:
    """Rows of the biggest, a column for each reason that occurs."""
    totals: Counter[Any] = Counter()
    for (key, _), count in counts.items():
        totals[key] += count
    ranked = sorted(totals, key=lambda key: (-totals[key], names[key]))
    columns = [reason for reason in REASONS if any(found == reason for _, found in counts)]
    rows: list[Row] = [
        (names[key], *(counts[key, reason] for reason in columns)) for key in ranked[:SHOWN]
    ]
    if rest := ranked[SHOWN:]:
        rows.append((OTHERS, *(sum(counts[key, reason] for key in rest) for reason in columns)))
    heads = (title, *(_words(reason).capitalize() for reason in columns))
    return Figure(heads, tuple(rows), sum(totals.values()))


def _words(reason: str) -> str:
    return reason.replace("_", " ")


# --- time per stage -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Stage:
    """A part of a return's road: from one instant to another, and what is promised for it."""

    name: str
    begin: Any
    end: Any
    document: str = "return"
    # (days, whether they are working days); None: nothing is promised
    promise: tuple[int, bool] | None = None


def _stages(policy: Policy) -> tuple[_Stage, ...]:
    return (
        _Stage("decision", Return.requested_at, Event.at, "event", (policy.review.working_days, True)),
        _Stage("posting", Return.requested_at, Return.shipped_at, promise=(policy.return_.ship_by_days, False)),
        _Stage("journey", Return.shipped_at, Return.arrived_at),
        _Stage(
            "inspection", Return.arrived_at, Return.inspected_at,
            promise=(policy.return_.inspection_working_days, True),
        ),
        _Stage(
            "refund decided", Return.inspected_at, Refund.created_at, "refund",
            (WORKING_DAYS_BEFORE_REFUND, True),
        ),
        _Stage("refund paid", Refund.created_at, Refund.settled_at, "refund"),
    )  # fmt: skip


def _spans(look: Look, stage: _Stage) -> list[tuple[datetime, datetime, str]]:
    """Beginning, end and country of each stage that ended within the scope."""
    wanted = select(stage.begin, stage.end, Order.country).select_from(Return).join(Order)
    if stage.document == "event":
        wanted = wanted.join(
            Event, (Event.document == "return") & (Event.document_id == Return.id)
        ).where(Event.command.in_(("approve", "decline")))
    elif stage.document == "refund":
        wanted = wanted.join(Refund, Refund.return_id == Return.id)
    rows = look.session.execute(
        wanted.where(look.is_within(stage.end), stage.begin.isnot(None), _is_on_channel(look))
    )
    # Carriers report late and out of order: what ended before it began tells nothing.
    return [(begin, end, country) for begin, end, country in rows if end >= begin]


def stages(now: Look, before: Look) -> Figure:
    """Days that each stage of a return took, and how many took longer than promised."""
    rows: list[Row] = []
    cases = 0
    for stage in _stages(policies.active_policy()):
        spans = _spans(now, stage)
        cases = max(cases, len(spans))
        days, earlier = _days(spans), _days(_spans(before, stage))
        late = sum(_is_late(span, stage.promise) for span in spans) if stage.promise else None
        rows.append(
            (
                stage.name,
                len(days),
                _rounded(median(days)),
                _rounded(ninth_tenth(days)),
                _rounded(median(earlier)),
                _promised(stage.promise),
                share(late, len(days)) if late is not None else None,
            )
        )
    return Figure(STAGE_COLUMNS, tuple(rows), cases)


def _days(spans: list[tuple[datetime, datetime, str]]) -> list[float]:
    return [(end - begin).total_seconds() / _SECONDS_OF_DAY for begin, end, _ in spans]


def _rounded(days: float | None) -> float | None:
    return round(days, 1) if days is not None else None


def _promised(promise: tuple[int, bool] | None) -> str:
    if promise is None:
        return ""
    days, is_working = promise
    return f"{days} {'working ' if is_working else ''}day{'' if days == 1 else 's'}"


def _is_late(span: tuple[datetime, datetime, str], promise: tuple[int, bool] | None) -> bool:
    if promise is None:
        return False
    begin, end, country = span
    days, is_working = promise
    first = windows.local_date(begin, country)
    due = (
        windows.add_working_days(first, days, country)
        if is_working
        else windows.day_after(first, days)
    )
    return windows.local_date(end, country) > due


STAGE_COLUMNS: Final = (
    "Stage", "Ended in the period", "Median days", "9 of 10 within days", "Median days before", "Promised",
    "Later than promised (%)",
)  # fmt: skip

KINDS: Final = (
    Kind(
        "exchange_share", "Exchanges of what did not fit",
        "Of pieces returned as too small or too large, how many are exchanged and how many refunded; "
        "returns registered in the period, without cancelled and declined ones.",
        "stacked", "percent", "pieces", 10, exchange_share, ("channel",),
    ),
    Kind(
        "reasons", "Reasons", "Pieces by the reason that the shopper gave, of returns registered in the period.",
        "bars", "count", "pieces", 5, reasons, ("channel",),
    ),
    Kind(
        "reasons_by_product", "Reasons by product",
        f"The {SHOWN} products that come back most, in pieces by reason.",
        "stacked", "none", "pieces", 10, reasons_by_product, ("channel",),
    ),
    Kind(
        "reasons_by_size", "Reasons by size",
        f"The {SHOWN} sizes that come back most, in pieces by reason; sizes are those that were bought.",
        "stacked", "none", "pieces", 10, reasons_by_size, ("channel",),
    ),
    Kind(
        "stages", "Time per stage of a return",
        "Days from the stage's beginning to its end, of stages that ended in the period; "
        "late is what ended after the day that today's policy promises.",
        "stages", "none", "returns in a stage", 5, stages, ("channel",),
    ),
)  # fmt: skip
