"""What identifies an order or a person: numbers of orders and returns, e-mail, postcode, one-time code."""

from __future__ import annotations

import re
import unicodedata

from returnsdesk.domain.reading import Reading, read
from returnsdesk.domain.text import LONGEST_TEXT, Mention, fold, fold_with_places
from returnsdesk.domain.words import alternatives, is_everyday, product_names, word_set

_FILLER = rf"(?:[\s.:]*\b(?:{alternatives('order_fillers')})\b)"
_KEYED_ORDER = re.compile(
    rf"\b(?:{alternatives('order_words')})\b{_FILLER}{{0,3}}[\s.:=]*#?\s*((?:[a-z]{{1,4}}-?)?\d{{3,12}})(?![\w@])"
)
# "Number" alone says order only before a number long enough to be one, and short enough to be no telephone's.
_NUMBERED_ORDER = re.compile(
    rf"\b(?:{alternatives('number_words')}|nr){_FILLER}{{0,2}}[\s.:]*(\d{{5,8}})(?![\w@])"
)
_LETTERED_ORDER = re.compile(r"(?<![\w@.-])#?\s?([a-z]{1,4})(-|\s|)(\d{4,12})(?![\w@]|[.,]\d)")
_HASHED_ORDER = re.compile(r"(?<!\w)#\s?(\d{3,12})(?![\w@]|[.,]\d)")
_BARE_ORDER = re.compile(r"(?<![\w.,#@/+€$£-])(\d{5,10})(?![\w@/%€]|[.,-]\d)")
# Letters before a number that are no order's: of returns, currencies, countries, units and the like.
_NO_PREFIX = frozenset(
    (
        *("rma", "eur", "euro", "kr", "nok", "pln", "zl", "usd", "gbp", "chf", "mm", "cm"),
        *("nl", "de", "pl", "us", "uk", "gb", "at", "be", "no", "d", "n"),
        *("plz", "zip", "tel", "tlf", "ean", "sku", "iban", "x", "s", "m", "l", "h"),
    )
)
_RMA = re.compile(r"(?<!\w)rma(?:\s?(?:nr|no|number|nummer|numer))?[\s#:.-]*(\d{3,10})(?!\w)")
_EMAIL = re.compile(
    r"(?<![\w.+-])([\w.+-]*\w)\s{0,2}(?:@|\(at\)|\[at\])\s{0,2}([\w-]+(?:\s?[.,][\w-]+)*?\s?[.,](?:[a-z]{2,12}))(?![\w-]|[.]\w)"
)
_CODE = re.compile(
    r"(?<![\w.,#@/+€$£-])(\d{6}|\d{3}[ -]\d{3}|\d(?:[ -]\d){5})(?![\w@/%€]|[.,:-]\d|\s\d)"
)
_CODE_WORD = re.compile(rf"\b(?:{alternatives('code_words')})\b")
_POSTCODE_WORD = re.compile(
    rf"\b(?:{alternatives('postcode_words')})\b(?:\s*(?:{alternatives('order_fillers')}|and|i|:|=))*\s*$"
)
_POSTCODES = (
    ("nl", re.compile(r"(?<![\w#-])(?:nl-?\s?)?([1-9]\d{3}\s?(?!sa|sd|ss)[a-z]{2})(?!\w)")),
    ("gb", re.compile(r"(?<!\w)([a-z]{1,2}\d[a-z\d]?\s?\d[abd-hjlnp-uw-z]{2})(?!\w)")),
    ("ie", re.compile(r"(?<!\w)((?:[ac-fhknprtv-y]\d[\dw])\s?[ac-fhknprtv-y\d]{4})(?!\w)")),
    ("pl", re.compile(r"(?<![\w-])(\d{2}-\d{3})(?![\w-])")),
    ("five", re.compile(r"(?<![\w#.,-])(?:(?:d|de|us|pl)[- ])?(\d{5}(?:-\d{4})?)(?![\w-]|[.,]\d)")),
    ("four", re.compile(r"(?<![\w#.,/-])(?:(?:n|no|a|at|b|be|dk|ch)-)?(\d{4})(?![\w/-]|[.,]\d)")),
)
_TOWN = re.compile(r",?\s+[A-ZÆØÅÄÖÜŁŚŻ][a-zæøåäöüßłóśż]{2,}")
_COUNTRY_PREFIX = re.compile(r"^(?:NL|DE|NO|PL|US|AT|BE|CH|DK|D|N|A|B|CH)-?(?=\d{4})")
_COPULAS = frozenset(
    ("its", "it", "is", "es", "ist", "het", "er", "det", "to", "jest", "my", "mein", "mijn", "min")
)
# In so few words an unknown one behind four digits is the town, and two groups of three digits are a code.
_SHORT = 8
# A number of this length that begins with 0 is a telephone's.
_PHONE_LENGTH = 9
_TWO_LETTER_WORDS = frozenset(
    (
        "ml",
        "kr",
        "gb",
        "mb",
        "zl",
        "mm",
        "cm",
        "kg",
        "eu",
        "uk",
        "us",
        "km",
        "mp",
        "ft",
        "st",
        "pc",
        "mah",
        "pm",
        "am",
        "cl",
        "lb",
    )
)


def normalise_order_number(text: str) -> str:
    """An order number as look-ups compare it: capitals, without a leading # and without blanks."""
    return "".join(unicodedata.normalize("NFKC", text).split()).lstrip("#").upper()


def order_number_spellings(number: str) -> tuple[str, ...]:
    """The normalised ways in which a shop may have stored what was typed: "LL10234" is also tried as "LL-10234"."""
    normal = normalise_order_number(number)
    bare = normal.replace("-", "")
    parted = re.sub(r"^([A-Z]+)(\d)", r"\1-\2", bare)
    return tuple(dict.fromkeys((normal, bare, parted)))


def is_same_order_number(typed: str, stored: str) -> bool:
    """Whether a typed number means this order; hyphens and a prefix that was left out ("10234") do not matter."""
    one, other = (normalise_order_number(number).replace("-", "") for number in (typed, stored))
    return bool(one) and (
        one == other or (one.isdigit() and len(one) >= 4 and re.sub(r"^[A-Z]+", "", other) == one)
    )


def normalise_email(text: str) -> str:
    """An e-mail address as look-ups compare it: small letters, no blanks, nothing around it."""
    joined = "".join(unicodedata.normalize("NFKC", text).split()).lower()
    return joined.removeprefix("mailto:").strip("<>()[]\"'.,;:!?")


def normalise_postcode(text: str) -> str:
    """A postcode as look-ups compare it: capitals, no blanks, hyphens or country; of US codes the first five digits."""
    joined = "".join(unicodedata.normalize("NFKC", text).split()).upper()
    joined = re.sub(r"^(\d{5})-\d{4}$", r"\1", joined)
    return re.sub(r"[^\w]", "", _COUNTRY_PREFIX.sub("", joined))


class _Finder:
    """The folded text with the way back to the places of the original."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.reading: Reading = read(text)
        self.folded, self._places = fold_with_places(text[:LONGEST_TEXT])

    def mention(self, kind: str, value: str, match: re.Match[str], group: int = 0) -> Mention:
        start, end = match.span(group)
        return Mention(kind, value, self._places[start], self._places[end - 1] + 1)

    def written(self, match: re.Match[str], group: int = 0) -> str:
        start, end = match.span(group)
        return self.text[self._places[start] : self._places[end - 1] + 1]

    def after(self, match: re.Match[str]) -> str:
        """The original text behind the match."""
        return self.text[self._places[match.end() - 1] + 1 :]

    def has_town_after(self, match: re.Match[str]) -> bool:
        """Whether a capitalised word follows, or in a short message any word that can be no other thing."""
        if _TOWN.match(self.after(match)):
            return True
        following = re.match(r"\s([^\W\d_]{4,})", self.folded[match.end() :])
        is_short = len(self.reading.words) <= _SHORT
        return (
            bool(following)
            and is_short
            and not _is_known_word(following.group(1) if following else "")
        )

    def is_alone(self, match: re.Match[str]) -> bool:
        """Whether nothing but politeness and marks stands around the match: "it's 0368, thanks"."""
        start, end = match.span()
        place = self.reading.word_at(self._places[start])
        after = self.reading.word_at(self._places[end - 1] + 1)
        polite = self.reading.places_of("fillers", "yes", "no", "size_links")
        return all(
            number in polite or word in _COPULAS or place <= number < after
            for number, word in enumerate(self.reading.words)
        )


def _is_known_word(word: str) -> bool:
    return (
        is_everyday(word)
        or word in product_names()
        or word in word_set("units") | word_set("pieces")
    )


def find_emails(text: str) -> list[Mention]:
    """E-mail addresses, also with blanks around the @, "(at)", or a comma for the last dot."""
    finder = _Finder(text)
    found = []
    for match in _EMAIL.finditer(finder.folded):
        if "," in match.group(2) and not re.search(
            r",(?:com|nl|de|no|pl|org|net|be|eu|at|ch|uk)$", match.group(2)
        ):
            continue
        local, domain = finder.written(match, 1), finder.written(match, 2)
        value = normalise_email(f"{local}@{domain.replace(',', '.')}")
        found.append(finder.mention("email", value, match))
    return found


def find_rma_numbers(text: str) -> list[Mention]:
    """Numbers of returns: "RMA-1009", "rma 1009"."""
    finder = _Finder(text)
    return [
        finder.mention("rma_number", f"RMA-{match.group(1)}", match)
        for match in _RMA.finditer(finder.folded)
    ]


def find_named_order_numbers(text: str) -> list[Mention]:
    """Order numbers that can be nothing else: after a word for order, with letters in front, or with a #."""
    finder = _Finder(text)
    found = [
        finder.mention("order_number", normalise_order_number(match.group(1)), match, 1)
        for pattern in (_KEYED_ORDER, _NUMBERED_ORDER)
        for match in pattern.finditer(finder.folded)
    ]
    for match in _LETTERED_ORDER.finditer(finder.folded):
        if not match.group(2).isspace() and _is_order_prefix(match, finder.written(match, 1)):
            value = normalise_order_number("".join(match.groups()))
            found.append(finder.mention("order_number", value, match))
    found.extend(
        finder.mention("order_number", match.group(1), match)
        for match in _HASHED_ORDER.finditer(finder.folded)
    )
    return found


def find_possible_order_numbers(text: str) -> list[Mention]:
    """What may be an order number: letters and digits parted by a blank, bare numbers of five digits or more."""
    finder = _Finder(text)
    found = []
    for match in _LETTERED_ORDER.finditer(finder.folded):
        if match.group(2).isspace() and _is_order_prefix(match, finder.written(match, 1)):
            value = normalise_order_number("".join(match.groups()))
            found.append(finder.mention("order_number", value, match))
    found.extend(
        finder.mention("order_number", match.group(1), match)
        for match in _BARE_ORDER.finditer(finder.folded)
        if not (match.group(1).startswith("0") and len(match.group(1)) >= _PHONE_LENGTH)
    )
    return found


def _is_order_prefix(match: re.Match[str], written: str) -> bool:
    letters, gap, digits = match.groups()
    if letters in _NO_PREFIX:
        return False
    if gap.isspace():
        # Parted by a blank, the letters could be any short word.
        return len(digits) >= 5 and not is_everyday(letters) and len(letters) <= 3
    return len(digits) >= 5 or written.isupper() or match.group().startswith("#")


def find_codes(text: str) -> list[Mention]:
    """One-time codes: exactly six digits, also as "483 920"."""
    finder = _Finder(text)
    return [
        finder.mention("code", re.sub(r"\D", "", match.group(1)), match)
        for match in _CODE.finditer(finder.folded)
        if match.group(1).isdigit()
        or _CODE_WORD.search(finder.folded)
        or len(finder.reading.words) <= _SHORT
    ]


def is_code_named(text: str) -> bool:
    """Whether the message itself speaks of a code."""
    return bool(_CODE_WORD.search(fold(text)))


def find_postcodes(text: str) -> list[Mention]:
    """Postcodes: Dutch, British, Irish and Polish ones, and those of four or five digits (Germany, Norway, the US)."""
    finder = _Finder(text)
    return [
        finder.mention("postcode", normalise_postcode(match.group(1)), match)
        for country, pattern in _POSTCODES
        for match in pattern.finditer(finder.folded)
        if is_postcode_named(text, finder.mention("postcode", "", match))
        or _is_postcode(country, match, finder)
    ]


def is_postcode_named(text: str, mention: Mention) -> bool:
    """Whether a word for postcode stands right before the mention."""
    return bool(_POSTCODE_WORD.search(fold(text[: mention.start])))


def _is_postcode(country: str, match: re.Match[str], finder: _Finder) -> bool:
    written = finder.written(match, 1)
    if country == "nl":
        letters = match.group(1)[-2:]
        is_unit = letters in _TWO_LETTER_WORDS
        return not is_unit and (written[-2:].isupper() or not is_everyday(letters))
    if country in ("gb", "ie"):
        return " " in written or written.isupper() or finder.is_alone(match)
    if country == "four":
        return finder.has_town_after(match) or finder.is_alone(match)
    return True
