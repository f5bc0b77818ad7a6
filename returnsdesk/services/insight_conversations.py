"""Figures of conversations: how many, with whom, how well understood and how liked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from babel import Locale
from sqlalchemy import Integer, Interval, case, cast, exists, func, literal, select
from sqlalchemy.orm import aliased

from returnsdesk.db.models import Conversation
from returnsdesk.services.feedback import HIGHEST_SCORE, LOWEST_SCORE
from returnsdesk.services.insight_figures import PAIR_COLUMNS, Figure, Kind, Row, paired, share
from returnsdesk.services.insight_scope import Look, as_day

REPEAT_WITHIN: Final = timedelta(days=7)

_STEP_NAMES: Final = {1: "Day", 7: "Week from"}


@dataclass(frozen=True)
class _Count:
    """Conversations that began on one day on one channel in one language."""

    day: date
    channel: str
    language: str
    all: int
    without_person: int
    misunderstood: int


def began(look: Look) -> Any:
    """The condition that a conversation began within the scope; one in which nothing was said is none."""
    wanted = look.is_within(Conversation.created_at) & (Conversation.last_seq > 0)
    return wanted & is_chosen(look)


def is_chosen(look: Look) -> Any:
    """The condition that a conversation is on the channel and in the language that were chosen."""
    condition = Conversation.id.isnot(None)
    if look.scope.channel:
        condition &= Conversation.channel == look.scope.channel
    if look.scope.language:
        condition &= Conversation.language == look.scope.language
    return condition


def _counts(look: Look) -> list[_Count]:
    day = look.day(Conversation.created_at).label("day")
    rows = look.session.execute(
        select(
            day,
            Conversation.channel,
            Conversation.language,
            func.count(),
            _how_many(Conversation.handed_over_at.is_(None)),
            _how_many(Conversation.fallback_count > 0),
        )
        .where(began(look))
        .group_by(day, Conversation.channel, Conversation.language)
    )
    return [_Count(as_day(row[0]), *row[1:]) for row in rows]


def _how_many(condition: Any) -> Any:
    return cast(func.sum(case((condition, 1), else_=0)), Integer)


def _total(look: Look) -> int:
    return sum(each.all for each in look.once(_counts))


def _by(look: Look, name: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    for each in look.once(_counts):
        found[getattr(each, name)] += each.all
    return dict(found)


def volumes(now: Look, before: Look) -> Figure:
    """Conversations by day, one column for each channel."""
    found: Counter[tuple[date, str]] = Counter()
    for each in now.once(_counts):
        found[each.day, each.channel] += each.all
    channels = sorted({channel for _, channel in found})
    rows: tuple[Row, ...] = tuple(
        (day.isoformat(), *(found[day, channel] for channel in channels)) for day in now.scope.days
    )
    total = _total(now)
    return Figure(("Day", *channels), rows, total, total, _total(before))


def containment(now: Look, before: Look) -> Figure:
    """Share of conversations without a person, step by step, beside the period before."""
    rows = _shares(now, before, "without_person")
    shares = [_share(look, "without_person") for look in (now, before)]
    return Figure(_line_columns(now), rows, _total(now), *shares)


def _share(look: Look, name: str) -> float | None:
    counts = look.once(_counts)
    return share(sum(getattr(each, name) for each in counts), sum(each.all for each in counts))


def _line_columns(look: Look) -> tuple[str, ...]:
    return (_STEP_NAMES[look.scope.step_days], *PAIR_COLUMNS, "Conversations")


def _shares(now: Look, before: Look, name: str) -> tuple[Row, ...]:
    parts = [_by_step(look, name) for look in (now, before)]
    wholes = [_by_step(look, "all") for look in (now, before)]
    return step_rows(now, before, parts, wholes)


def _by_step(look: Look, name: str) -> Counter[date]:
    found: Counter[date] = Counter()
    for each in look.once(_counts):
        found[look.scope.step_of(each.day)] += getattr(each, name)
    return found


def step_rows(
    now: Look, before: Look, parts: list[Counter[date]], wholes: list[Counter[date]]
) -> tuple[Row, ...]:
    """A row for each step of the period: its first day, the share in both periods, how many it rests on."""
    rows: list[Row] = []
    shift = timedelta(days=now.scope.length)
    for step in sorted({now.scope.step_of(day) for day in now.scope.days}):
        earlier = step - shift
        rows.append(
            (
                step.isoformat(),
                share(parts[0][step], wholes[0][step]),
                share(parts[1][earlier], wholes[1][earlier]),
                wholes[0][step],
            )
        )
    return tuple(rows)


def _language_name(code: str) -> str:
    return str(Locale(code).get_display_name("en"))


def channels(now: Look, before: Look) -> Figure:
    """Conversations by channel."""
    rows = paired(_by(now, "channel"), _by(before, "channel"))
    return Figure(("Channel", *PAIR_COLUMNS), rows, _total(now))


def languages(now: Look, before: Look) -> Figure:
    """Conversations by language."""
    counts = [
        {_language_name(code): count for code, count in _by(look, "language").items()}
        for look in (now, before)
    ]
    rows = paired(*counts)
    return Figure(("Language", *PAIR_COLUMNS), rows, _total(now))


def fallbacks(now: Look, before: Look) -> Figure:
    """Share of conversations with a message that was not understood, by language."""
    rows = []
    for language, total in sorted(_by(now, "language").items(), key=lambda each: -each[1]):
        rows.append(
            (
                _language_name(language),
                *(_missed_share(look, language) for look in (now, before)),
                total,
            )
        )
    shares = [_share(look, "misunderstood") for look in (now, before)]
    return Figure(("Language", *PAIR_COLUMNS, "Conversations"), tuple(rows), _total(now), *shares)


def _missed_share(look: Look, language: str) -> float | None:
    counts = [each for each in look.once(_counts) if each.language == language]
    return share(sum(each.misunderstood for each in counts), sum(each.all for each in counts))


def _scores(look: Look) -> dict[int, int]:
    rows = look.session.execute(
        select(Conversation.csat, func.count())
        .where(began(look), Conversation.csat.isnot(None))
        .group_by(Conversation.csat)
    )
    return dict(rows.all())


def csat(now: Look, before: Look) -> Figure:
    """Ratings from 1 to 5."""
    found = [look.once(_scores) for look in (now, before)]
    rows: tuple[Row, ...] = tuple(
        (str(score), *(scores.get(score, 0) for scores in found))
        for score in range(HIGHEST_SCORE, LOWEST_SCORE - 1, -1)
    )
    means = [_mean(scores) for scores in found]
    return Figure(("Rating", *PAIR_COLUMNS), rows, sum(found[0].values()), *means)


def _mean(scores: dict[int, int]) -> float | None:
    count = sum(scores.values())
    return round(sum(score * of for score, of in scores.items()) / count, 2) if count else None


def _repeats(look: Look) -> dict[date, tuple[int, int]]:
    """By day: conversations of known customers, and those that came soon after another one of the same customer."""
    earlier = aliased(Conversation)
    came_back = exists().where(
        earlier.customer_id == Conversation.customer_id,
        earlier.id != Conversation.id,
        earlier.last_seq > 0,
        earlier.created_at < Conversation.created_at,
        earlier.created_at >= _week_before(look),
    )
    day = look.day(Conversation.created_at).label("day")
    rows = look.session.execute(
        select(day, func.count(), _how_many(came_back))
        .where(began(look), Conversation.customer_id.isnot(None))
        .group_by(day)
    )
    return {as_day(found): (total, again) for found, total, again in rows}


def _week_before(look: Look) -> Any:
    if look.is_sqlite:
        days = f"-{REPEAT_WITHIN.days} days"
        return func.strftime("%Y-%m-%d %H:%M:%f", Conversation.created_at, days)
    return Conversation.created_at - literal(REPEAT_WITHIN, Interval())


def repeats(now: Look, before: Look) -> Figure:
    """Share of conversations that came within a week after another one of the same customer."""
    parts: list[Counter[date]] = []
    wholes: list[Counter[date]] = []
    for look in (now, before):
        part: Counter[date] = Counter()
        whole: Counter[date] = Counter()
        for day, (total, again) in look.once(_repeats).items():
            whole[look.scope.step_of(day)] += total
            part[look.scope.step_of(day)] += again
        parts.append(part)
        wholes.append(whole)
    shares = [
        share(sum(part.values()), sum(whole.values()))
        for part, whole in zip(parts, wholes, strict=True)
    ]
    rows = step_rows(now, before, parts, wholes)
    return Figure(_line_columns(now), rows, sum(wholes[0].values()), *shares)


KINDS: Final = (
    Kind(
        "volumes", "Conversations by day and channel",
        "Conversations that began on the day and in which something was said.",
        "days", "count", "conversations", 1, volumes,
    ),
    Kind(
        "containment", "Contained by the assistant",
        "Share of conversations that were never passed on to a person or taken over by one.",
        "line", "percent", "conversations", 10, containment,
    ),
    Kind(
        "channels", "Channels", "Conversations by the channel on which they are held.",
        "bars", "count", "conversations", 1, channels, ("language",),
    ),
    Kind(
        "languages", "Languages", "Conversations by the language in which they are held.",
        "bars", "count", "conversations", 1, languages, ("channel",),
    ),
    Kind(
        "fallbacks", "Not understood",
        "Share of conversations in which the assistant did not understand at least one message.",
        "bars", "percent", "conversations", 10, fallbacks,
    ),
    Kind(
        "csat", "Ratings by shoppers",
        "How shoppers rated conversations that began in the period, 5 is best; the number is the mean.",
        "bars", "score", "ratings", 5, csat,
    ),
    Kind(
        "repeats", "Repeat contacts within 7 days",
        "Of conversations with a known customer, the share that began within 7 days after another one of theirs.",
        "line", "percent", "conversations of known customers", 10, repeats,
    ),
)  # fmt: skip
