"""Variants of a product: their sizes in order, the neighbours in stock, and which one a message asks for instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from returnsdesk.domain.measures import size_key, size_order
from returnsdesk.domain.options import SIZE_NAMES, option_match
from returnsdesk.domain.text import LONGEST_TEXT, fold
from returnsdesk.domain.variant_wishes import VariantWish, read_wishes

__all__ = [
    "LARGER",
    "SMALLER",
    "VariantMatch",
    "VariantOption",
    "match_variant",
    "neighbouring_sizes",
    "size_option_name",
    "size_order",
]

# What `asked_for` holds for the size where the shopper wants the next one and there is none.
LARGER, SMALLER = "larger", "smaller"


@dataclass(frozen=True)
class VariantOption:
    """A variant as the shopper can choose it; `available` counts unreserved pieces, `price_minor` is in minor units."""

    key: int
    sku: str
    options: Mapping[str, str]
    available: int
    price_minor: int


@dataclass(frozen=True)
class VariantMatch:
    """What a message asks for instead of the current variant.

    `wanted`: the variants that have what was asked and are otherwise like the current one, sold out or not; several if
    it is not clear which, and the current one itself where just that was named and `siblings` holds it. `fallback`:
    what would do if that cannot be had ("M, or L if there is none"). `asked_for`: the options that were named, also
    where no such variant exists. `near`: where `wanted` is empty or sold out, the variants that have what was asked
    but differ in something that was not named.
    """

    wanted: tuple[int, ...]
    fallback: tuple[int, ...]
    asked_for: Mapping[str, str]
    is_about_variant: bool
    near: tuple[int, ...] = field(default=())


def size_option_name(variants: Sequence[VariantOption]) -> str | None:
    """The option by which one chooses what fits: "size" before "capacity" and others; None where there is none.

    An option that all variants share is chosen only where no other one can be.
    """
    values: dict[str, set[str]] = {}
    for variant in variants:
        for name, value in variant.options.items():
            values.setdefault(name, set()).add(value)
    sized = [name for name in values if fold(name) in SIZE_NAMES]
    if not sized:
        return None
    return min(sized, key=lambda name: (len(values[name]) == 1, SIZE_NAMES.index(fold(name)), name))


def neighbouring_sizes(
    current: VariantOption,
    siblings: Sequence[VariantOption],
    direction: str | None,
    needed: int = 1,
) -> list[VariantOption]:
    """The other sizes of the same variant that are in stock, nearest first, the larger first of two equally near.

    `direction` is "up", "down" or None for both; `needed` is the number of pieces that must be available. All other
    options are those of the current variant.
    """
    name = size_option_name([current, *siblings])
    if name is None or name not in current.options:
        return []
    others = [other for other in siblings if _differs_only_in(name, current, other)]
    order = size_order([current.options[name], *(other.options[name] for other in others)])
    own = order.index(current.options[name])

    def distance(other: VariantOption) -> int:
        return order.index(other.options[name]) - own

    in_stock = [
        other
        for other in others
        if other.available >= needed
        and (direction is None or (distance(other) > 0) == (direction == "up"))
    ]
    return sorted(in_stock, key=lambda other: (abs(distance(other)), -distance(other)))


def _differs_only_in(name: str, current: VariantOption, other: VariantOption) -> bool:
    rest = {key: value for key, value in current.options.items() if key != name}
    other_rest = {key: value for key, value in other.options.items() if key != name}
    return rest == other_rest and other.options.get(name, "") not in ("", current.options[name])


def match_variant(
    text: str, current: VariantOption, siblings: Sequence[VariantOption]
) -> VariantMatch:
    """Which variant a message asks for in place of the current one, in the five languages. Never fails.

    Understood: a size ("43", "M please"), steps ("one size up", "half a size smaller", "bigger"), other options
    ("same but in navy", "the 1000 ml one"), and a second choice ("M, or L if there is none").
    """
    others = [other for other in siblings if other.key != current.key]
    has_current = len(others) < len(siblings)
    wishes = read_wishes(text[:LONGEST_TEXT], current.options, [other.options for other in others])
    if not wishes:
        return VariantMatch((), (), {}, False)
    if has_current and all(not wish.step and _fulfils(wish, current) for wish in wishes):
        return VariantMatch((current.key,), (), wishes[0].asked_for, True)
    size_name = size_option_name([current, *others])
    choices = [_choose(wish, size_name, current, others) for wish in wishes if not wish.is_fallback]
    seconds = [_choose(wish, size_name, current, others) for wish in wishes if wish.is_fallback]
    wanted = tuple(dict.fromkeys(key for choice in choices for key in choice.keys))
    in_stock = {other.key for other in others if other.available > 0}
    near = tuple(dict.fromkeys(key for choice in choices for key in choice.near))
    return VariantMatch(
        wanted=wanted,
        fallback=tuple(
            key for choice in seconds for key in (choice.keys or choice.near) if key not in wanted
        ),
        asked_for=choices[0].asked_for if choices else {},
        is_about_variant=True,
        near=() if set(wanted) & in_stock else near,
    )


@dataclass(frozen=True)
class _Choice:
    keys: tuple[int, ...]
    near: tuple[int, ...]
    asked_for: Mapping[str, str]


def _choose(
    wish: VariantWish,
    size_name: str | None,
    current: VariantOption,
    others: Sequence[VariantOption],
) -> _Choice:
    """The variants that fulfil one wish: with all else as it is, and with something else different."""
    if wish.is_of_length and "length" in current.options:
        size_name = "length"
    if wish.step and size_name and size_name in current.options:
        return _step(wish, size_name, current, others)
    asked_for = dict(wish.asked_for)
    fitting = [other for other in others if _fulfils(wish, other)]
    named = {option_name for option in wish.named for option_name in option.names}
    same = [other for other in fitting if _is_like(current, other, named)]
    return _Choice(
        tuple(other.key for other in same),
        _nearest(current, [other for other in fitting if other not in same]),
        asked_for,
    )


def _fulfils(wish: VariantWish, other: VariantOption) -> bool:
    """Whether the variant has everything that was named: exactly, or nearly where no variant has it exactly."""
    return all(
        any(
            option_match(option.word, name, other.options.get(name, "")) >= option.least
            for name in option.names
        )
        for option in wish.named
    )


def _is_like(current: VariantOption, other: VariantOption, named: set[str]) -> bool:
    return all(
        other.options.get(name) == value
        for name, value in current.options.items()
        if name not in named
    )


def _nearest(current: VariantOption, others: Sequence[VariantOption]) -> tuple[int, ...]:
    """The keys of those variants that differ from the current one in the fewest options."""
    counts = {
        other.key: sum(other.options.get(name) != value for name, value in current.options.items())
        for other in others
    }
    least = min(counts.values(), default=0)
    return tuple(key for key, count in counts.items() if count == least)


def _step(
    wish: VariantWish,
    size_name: str,
    current: VariantOption,
    others: Sequence[VariantOption],
) -> _Choice:
    """The size so many steps away, in the colour that was named or the current one."""
    named = {option_name for option in wish.named for option_name in option.names}
    fitting = [other for other in others if _fulfils(wish, other) and size_name in other.options]
    order = size_order(
        [current.options[size_name], *(other.options[size_name] for other in fitting)]
    )
    values = _values_at(wish, current.options[size_name], order)
    sized = [other for value in values for other in fitting if other.options[size_name] == value]
    same = [other for other in sized if _is_like(current, other, named | {size_name})]
    asked_for = dict(wish.asked_for)
    asked_for[size_name] = values[0] if values else (LARGER if wish.step > 0 else SMALLER)
    return _Choice(
        tuple(other.key for other in same),
        _nearest(current, [other for other in sized if other not in same]),
        asked_for,
    )


def _values_at(wish: VariantWish, own: str, order: list[str]) -> list[str]:
    """The sizes that a step leads to; two where a shop has half sizes and the step is not said to be whole or half."""
    place = order.index(own)
    if wish.is_extreme:
        target = order[-1] if wish.step > 0 else order[0]
        return [target] if target != own else []
    larger = order[place + 1 :] if wish.step > 0 else order[:place][::-1]
    kind, amounts, _ = size_key(own)
    if kind != "number" or len(amounts) != 1:
        steps = max(1, int(abs(wish.step)))
        return larger[steps - 1 : steps]
    gaps = [
        abs(size_key(value)[1][0] - amounts[0]) for value in larger if size_key(value)[0] == kind
    ]
    has_halves = any(gap % 1 for gap in gaps)
    if not has_halves:
        steps = max(1, int(abs(wish.step)))
        return larger[steps - 1 : steps]
    if not wish.is_counted:
        return larger[:2] if gaps[:1] == [0.5] and gaps[1:2] == [1.0] else larger[:1]
    exact = [value for value, gap in zip(larger, gaps, strict=False) if gap == abs(wish.step)]
    return exact[:1] or larger[:1]
