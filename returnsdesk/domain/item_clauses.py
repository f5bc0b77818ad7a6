"""The clauses of a message about items: what each names (products, options, places in a list) and what is ruled out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from returnsdesk.domain.options import COLOUR, MEASURE, SIZE, OptionWord, find_options
from returnsdesk.domain.products import ProductWord, find_products
from returnsdesk.domain.quantities import Quantity, find_quantities
from returnsdesk.domain.reading import Reading
from returnsdesk.domain.reasons import find_reasons
from returnsdesk.domain.words import vocabulary

NamedWord = ProductWord | OptionWord
_STRONG_MARKS = frozenset(".;!?\n")
_WEAK_MARKS = frozenset(",:()&+/|>")
LAST = -1
_FLAGS = (
    "both",
    "all",
    "rest",
    "other_one",
    "newer",
    "older",
    "cheaper",
    "dearer",
    "keep",
    "stays",
    "fine",
    "not",
)


@dataclass
class Clause:
    """A stretch of the message between marks and "and"; `joint` tells how it hangs together with the one before."""

    start: int
    end: int
    joint: str
    products: list[ProductWord] = field(default_factory=list)
    options: list[OptionWord] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)
    quantity: Quantity | None = None
    flags: set[str] = field(default_factory=set)
    is_excluded: bool = False

    @property
    def names_nothing(self) -> bool:
        """Whether the clause names no product, option or place in the list."""
        return not (self.products or self.options or self.ordinals)


def find_clauses(reading: Reading, mistyped: Iterable[NamedWord] = ()) -> list[Clause]:
    """The clauses of a message with what they name; wishes for another size or colour are left out."""
    clauses = _cut(reading)
    masked = _places_of_reasons(reading)
    wished = places_wished_for(reading)
    no_item = reading.places_of("no_item")
    everything: list[NamedWord] = [
        *(product for product in find_products(reading) if product.start not in no_item),
        *(option for option in find_options(reading.text) if option.start not in masked),
        *mistyped,
    ]
    for word in everything:
        clause = _clause_at(clauses, word.start)
        if isinstance(word, ProductWord):
            clause.products.append(word)
        elif word.start not in wished:
            clause.options.append(word)
    for place, ordinal in find_ordinals(reading):
        _clause_at(clauses, place).ordinals.append(ordinal)
    for quantity in find_quantities(reading.text):
        clause = _clause_at(clauses, quantity.start)
        clause.quantity = clause.quantity or quantity
    hidden = reading.places_of("not_all", "not_ordinals")
    for found in reading.signals(*_FLAGS, "not_all", "not_ordinals"):
        if found.start not in hidden:
            _clause_at(clauses, found.start).flags |= found.meanings
    _rule_out(clauses, reading)
    return clauses


def _clause_at(clauses: list[Clause], place: int) -> Clause:
    return next(clause for clause in reversed(clauses) if clause.start <= place)


# --- cutting ------------------------------------------------------------------------------------------------------


def _cut(reading: Reading) -> list[Clause]:
    joints = _joints(reading)
    starts = sorted(joints)
    clauses: list[Clause] = []
    is_excluded = False
    for number, start in enumerate(starts):
        joint = joints[start]
        end = starts[number + 1] if number + 1 < len(starts) else len(reading.words)
        if joint in ("stop", "but"):
            is_excluded = False
        if joint == "except":
            is_excluded = True
        clauses.append(Clause(start, end, joint, is_excluded=is_excluded))
    return clauses


def _joints(reading: Reading) -> dict[int, str]:
    """Where clauses begin, and how: at the start, after a mark, "and", "but", "except"."""
    joints = {0: "start"}
    for place in range(1, len(reading.words)):
        marks = set(reading.breaks[place])
        if marks & _STRONG_MARKS:
            joints[place] = "stop"
        elif marks & _WEAK_MARKS:
            joints[place] = "comma"
    hidden = reading.places_of("not_all")
    for section, joint in (
        ("and", "and"),
        ("but", "but"),
        ("except", "except"),
        ("instead_of", "except"),
    ):
        for found in reading.signals(section):
            if found.start in hidden or (
                joint == "except" and _is_except_of_option(reading, found.end)
            ):
                continue
            joints[found.start] = joint
    for place in _denials(reading):
        joints.setdefault(place, "and")
    return joints


def _denials(reading: Reading) -> list[int]:
    """Negations between two items ("spodnie a nie sweter", "jakka ikke buksa"): what follows is ruled out."""
    named: list[NamedWord] = [*find_products(reading), *find_options(reading.text)]
    ends, starts = {word.end for word in named}, {word.start for word in named}
    joining = reading.places_of("and", "but")
    denials = []
    for place in reading.places_of("not"):
        after = place + 1
        while after < len(reading.words) and after in reading.places_of("determiners"):
            after += 1
        follows_item = (
            place in ends or place - 1 in joining or reading.words[place - 1 : place] == ("a",)
        )
        if after in starts and follows_item:
            denials.append(place)
    return denials


def _is_except_of_option(reading: Reading, place: int) -> bool:
    """Whether "instead of" is followed by a size: "M instead of L" rules out no item."""
    return any(
        option.kind in (SIZE, MEASURE) and place <= option.start <= place + 2
        for option in find_options(reading.text)
    )


@lru_cache(maxsize=64)
def _places_of_reasons(reading: Reading) -> frozenset[int]:
    """The words of reasons: "too small" names no small item."""
    places: set[int] = set()
    for mention in find_reasons(reading.text):
        places.update(range(reading.word_at(mention.start), reading.word_at(mention.end)))
    return frozenset(places)


# --- places in the list ---------------------------------------------------------------------------------------------


def find_ordinals(reading: Reading) -> list[tuple[int, int]]:
    """Words that point at a place in a list, with the place (counted from 1, `LAST` for the last)."""
    hidden = reading.places_of("not_ordinals", "newer", "older", "rest")
    found: list[tuple[int, int]] = []
    for phrase in reading.find(vocabulary("ordinals")):
        if phrase.start in hidden:
            continue
        ordinal = int(min(phrase.meanings, key=int))
        following = (
            vocabulary("numbers").at(reading.words, phrase.end, reading.languages)
            if phrase.end < len(reading.words)
            else None
        )
        if ordinal == 1 and following and not reading.is_break(phrase.end):
            # "The first three"
            count = int(min(following.meanings, key=int))
            found.extend((phrase.start, place) for place in range(1, count + 1))
        elif _points(reading, phrase.start, phrase.end):
            found.append((phrase.start, ordinal))
    for section, ordinal in (("last", LAST), ("top", 1)):
        for phrase in reading.signals(section):
            is_new = all(place != phrase.start for place, _ in found)
            if phrase.start not in hidden and is_new and _points(reading, phrase.start, phrase.end):
                found.append((phrase.start, ordinal))
    found.extend(_numbered(reading))
    return sorted(found)


def _points(reading: Reading, start: int, end: int) -> bool:
    is_short = len(reading.words) <= 4
    is_determined = start > 0 and start - 1 in reading.places_of("determiners")
    joins = start > 0 and start - 1 in reading.places_of("and")
    if not (is_short or is_determined or joins or reading.is_break(start)):
        return False
    if reading.is_break(end) or end in reading.places_of("after_ordinal"):
        return True
    named: list[NamedWord] = [*find_products(reading), *find_options(reading.text)]
    return any(word.start == end for word in named)


def _numbered(reading: Reading) -> list[tuple[int, int]]:
    """Places in figures: "number 3", "nr 2", "item 1"."""
    found = []
    for phrase in reading.signals("choice_words"):
        place = phrase.end
        if place >= len(reading.words) or reading.breaks[place] not in ("", ".", "#", ".#", ":"):
            continue
        word = reading.words[place]
        if reading.words[phrase.start] == "no" and not word.isdecimal():
            continue
        named = vocabulary("numbers").at(reading.words, place, reading.languages)
        if word.isdecimal() and len(word) <= 2 and int(word):
            found.append((place, int(word)))
        elif named and not word.isdecimal():
            found.append((place, int(min(named.meanings, key=int))))
    return found


# --- what is ruled out ------------------------------------------------------------------------------------------------


def _rule_out(clauses: list[Clause], reading: Reading) -> None:
    negations = reading.places_of("not")
    for number, clause in enumerate(clauses):
        after = clauses[number + 1] if number + 1 < len(clauses) else None
        is_refused = not reading.places_of("refusals").isdisjoint(range(clause.start, clause.end))
        is_kept = bool(clause.flags & {"keep", "stays"}) and not is_refused
        if (
            is_kept
            or _is_praised(clause, after, reading)
            or _is_denied(clause, after, reading, negations)
        ):
            clause.is_excluded = True
        if is_kept and number and clause.joint == "and":
            # "The lamp and the socks I keep"
            earlier = clauses[number - 1]
            earlier.is_excluded = earlier.is_excluded or _is_bare_item(earlier, reading)


def _is_bare_item(clause: Clause, reading: Reading) -> bool:
    """Whether the clause is an item and nothing else, so that the verb of the next one is its own."""
    named: list[NamedWord] = [*clause.products, *clause.options]
    inside = {place for word in named for place in range(word.start, word.end)}
    return bool(inside) and all(
        place in inside or place in reading.places_of("determiners")
        for place in range(clause.start, clause.end)
    )


def _is_praised(clause: Clause, after: Clause | None, reading: Reading) -> bool:
    """Whether the clause says that an item is fine, and what follows does not speak of the same one."""
    if "fine" not in clause.flags or "not" in clause.flags or not clause.products:
        return False
    if any(place in _places_of_reasons(reading) for place in range(clause.start, clause.end)):
        return False
    return after is None or after.joint == "stop" or bool(after.products)


def _is_denied(
    clause: Clause, after: Clause | None, reading: Reading, negations: frozenset[int]
) -> bool:
    """Whether a negation stands right at the item, no verb between: "not the socks", "die Socken nicht"."""
    named: list[NamedWord] = [*clause.products, *clause.options]
    if not named or "not" not in clause.flags:
        return False
    first, last = min(word.start for word in named), max(word.end for word in named)
    before = first - 1
    while before >= clause.start and before in reading.places_of("determiners"):
        before -= 1
    if before in negations and before >= clause.start:
        is_contrast = (
            after is not None and after.joint == "but" and bool(after.products or after.options)
        )
        return before == clause.start or is_contrast or _is_no(reading, before - 1)
    starts_with_item = all(
        place in reading.places_of("determiners") for place in range(clause.start, first)
    )
    skipped = 1 if clause.joint in ("and", "but") else 0
    starts_with_item = starts_with_item or all(
        place in reading.places_of("determiners") for place in range(clause.start + skipped, first)
    )
    return starts_with_item and last in negations and last + 1 >= clause.end


def _is_no(reading: Reading, place: int) -> bool:
    return place in reading.places_of("no", "but", "and", "only")


# --- wishes ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def places_wished_for(reading: Reading) -> frozenset[int]:
    """The words that name what is wanted instead: the 43 of "ruilen voor 43", the M of "need M", "navy instead"."""
    options = find_options(reading.text)
    sizes = [option for option in options if option.kind in (SIZE, MEASURE)]
    colours = [option for option in options if option.kind == COLOUR]
    sources = _after("instead_of", reading, 2)
    wished: set[int] = set()
    for option in sizes:
        if option.start not in sources and _is_wished_size(option, reading, sizes):
            wished.add(option.start)
    for option in colours:
        if option.start not in sources and _is_wished_colour(option, reading):
            wished.add(option.start)
    return frozenset(wished)


def _after(section: str, reading: Reading, reach: int) -> frozenset[int]:
    places: set[int] = set()
    for found in reading.signals(section):
        for place in range(found.end, min(found.end + reach, len(reading.words))):
            if reading.is_break(place) and place > found.end:
                break
            places.add(place)
    return frozenset(places)


def _is_wished_size(option: OptionWord, reading: Reading, sizes: list[OptionWord]) -> bool:
    if option.start in _after("want", reading, 5):
        return True
    follows_way = bool(_places_before(option, 3) & reading.places_of("ways"))
    has_exchange = bool(reading.places_of("exchange", "same", "instead"))
    follows_size = any(
        other.end <= option.start <= other.end + 2 for other in sizes if other is not option
    )
    if follows_way and (has_exchange or follows_size):
        # "from 54 to 56": the 54 stands after a way too, but before the other.
        return not any(option.end <= other.start <= option.end + 2 for other in sizes)
    ends = option.end
    return ends < len(reading.words) and ends in (
        reading.places_of("instead") | _starts(reading, "instead_of") | _starts(reading, "want")
    )


def _places_before(option: OptionWord, reach: int) -> frozenset[int]:
    return frozenset(range(max(0, option.start - reach), option.start))


def _starts(reading: Reading, section: str) -> frozenset[int]:
    return frozenset(found.start for found in reading.signals(section))


def _is_wished_colour(option: OptionWord, reading: Reading) -> bool:
    follows_way = bool(_places_before(option, 2) & reading.places_of("ways"))
    earlier = [
        found
        for found in reading.signals("exchange", "same", "but", "want")
        if found.end <= option.start and option.start - found.end <= 8
    ]
    if follows_way and earlier:
        return True
    if _places_before(option, 3) & reading.places_of("strong_wishes"):
        return True
    after = range(option.end, min(option.end + 3, len(reading.words)))
    return any(place in reading.places_of("instead") for place in after)
