"""Sizes in order, neighbours in stock, and the variant that a message asks for."""

from __future__ import annotations

import pytest

from returnsdesk.domain.measures import is_same_size
from returnsdesk.domain.variants import (
    LARGER,
    SMALLER,
    VariantOption,
    match_variant,
    neighbouring_sizes,
    size_option_name,
    size_order,
)
from tests.unit.domain.catalogues import RETAIL, needs_retail, variants_of


def sneakers() -> list[VariantOption]:
    """Black, navy and white sneakers in 40 to 44; keys tell size and colour. Black 43 and white 44 are sold out."""
    sold_out = {("43", "black"), ("44", "white")}
    return [
        VariantOption(
            key=1000 * number + int(float(size) * 10),
            sku=f"SNK-{colour}-{size}",
            options={"size": size, "colour": colour},
            available=0 if (size, colour) in sold_out else 3,
            price_minor=8995,
        )
        for number, colour in enumerate(("black", "navy", "white"), start=1)
        for size in ("40", "41", "42", "42.5", "43", "44")
    ]


def find(variants: list[VariantOption], **options: str) -> VariantOption:
    """The first variant that has these options."""
    return next(v for v in variants if all(v.options[n] == value for n, value in options.items()))


def chosen(variants: list[VariantOption], keys: tuple[int, ...]) -> list[tuple[str, ...]]:
    return [
        tuple(variant.options.values())
        for key in keys
        for variant in variants
        if variant.key == key
    ]


@pytest.mark.parametrize(
    ("values", "ordered"),
    [
        (["XL", "S", "XXL", "M", "L", "XS", "3XL"], ["XS", "S", "M", "L", "XL", "XXL", "3XL"]),
        (["large", "small", "medium"], ["small", "medium", "large"]),
        (["43", "42.5", "9", "42", "10"], ["9", "10", "42", "42.5", "43"]),
        (["1.5L", "500 ml", "1000ml", "2 liters"], ["500 ml", "1000ml", "1.5L", "2 liters"]),
        (["W32/L34", "W30/L34", "W32/L32"], ["W30/L34", "W32/L32", "W32/L34"]),
        (["128/134", "116/122"], ["116/122", "128/134"]),
        (["200 x 200 cm", "140 x 200 cm"], ["140 x 200 cm", "200 x 200 cm"]),
        (["15-inch", "13-inch"], ["13-inch", "15-inch"]),
        (["1TB SSD", "512GB SSD"], ["512GB SSD", "1TB SSD"]),
        (["A4", "A6", "A5"], ["A6", "A5", "A4"]),
        (["full size", "60%", "80%"], ["60%", "80%", "full size"]),
        (["fabric", "S"], ["S", "fabric"]),
    ],
)
def test_sizes_go_from_small_to_large(values, ordered):
    assert size_order(values) == ordered


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ("1000 ml", "1L"),
        ("1,5 liter", "1.5L"),
        ("small", "S"),
        ("41", "39-42"),
        ("42,5", "42.5"),
        ("140x200", "140 x 200 cm"),
        ("50", "50 x 50 cm"),
        ("15 inch", "15-inch"),
        ("104", "104"),
    ],
)
def test_the_same_size_is_recognised_in_other_words(asked, value):
    assert is_same_size(asked, value)


@pytest.mark.parametrize(
    ("asked", "value"),
    [("43", "39-42"), ("1L", "1.5L"), ("42", "42.5"), ("M", "L"), ("UK 9", "9"), ("S", "fabric")],
)
def test_another_size_is_another_size(asked, value):
    assert not is_same_size(asked, value)


def test_size_is_chosen_by_the_option_called_so_before_others():
    variants = [
        VariantOption(1, "a", {"capacity": "1L", "size": "M", "colour": "red"}, 1, 0),
        VariantOption(2, "b", {"capacity": "2L", "size": "L", "colour": "red"}, 1, 0),
    ]

    assert size_option_name(variants) == "size"


def test_an_option_that_all_variants_share_is_no_choice():
    variants = [
        VariantOption(1, "a", {"size": "M", "capacity": "1L"}, 1, 0),
        VariantOption(2, "b", {"size": "M", "capacity": "2L"}, 1, 0),
    ]

    assert size_option_name(variants) == "capacity"


def test_without_a_size_there_is_no_name_for_it():
    assert size_option_name([VariantOption(1, "a", {"colour": "red"}, 1, 0)]) is None
    assert size_option_name([]) is None


def test_neighbours_are_in_stock_in_the_same_colour_and_nearest_first():
    variants = sneakers()
    current = find(variants, size="42", colour="black")

    def sizes(direction, needed=1):
        found = neighbouring_sizes(current, variants, direction, needed)
        assert {variant.options["colour"] for variant in found} <= {"black"}
        return [variant.options["size"] for variant in found]

    assert sizes(None) == ["42.5", "41", "40", "44"]
    assert sizes("up") == ["42.5", "44"]
    assert sizes("down") == ["41", "40"]
    assert sizes("up", needed=4) == []


WANTED = [
    ("43", ("43", "black")),
    ("maat 43 graag", ("43", "black")),
    ("42 is too small, 43 please", ("43", "black")),
    ("maat 42 is te klein, ik wil 43", ("43", "black")),
    ("43 instead of 42", ("43", "black")),
    ("from 42 to 43", ("43", "black")),
    ("42½", ("42.5", "black")),
    ("one size up", ("43", "black")),
    ("een maat groter", ("43", "black")),
    ("eine Nummer größer", ("43", "black")),
    ("en størrelse opp", ("43", "black")),
    ("o numer większe", ("43", "black")),
    ("two sizes up", ("44", "black")),
    ("zwei Nummern größer", ("44", "black")),
    ("to nummer større", ("44", "black")),
    ("half a size up", ("42.5", "black")),
    ("halve maat groter", ("42.5", "black")),
    ("a size smaller", ("41", "black")),
    ("maatje kleiner", ("41", "black")),
    ("kleiner", ("41", "black")),
    ("mindre", ("41", "black")),
    ("mniejsze", ("41", "black")),
    ("the biggest", ("44", "black")),
    ("same but in navy", ("42", "navy")),
    ("same size in navy", ("42", "navy")),
    ("the blue one", ("42", "navy")),
    ("zelfde maar dan in het wit", ("42", "white")),
    ("gleiche in weiß", ("42", "white")),
    ("samme i hvitt", ("42", "white")),
    ("te same tylko białe", ("42", "white")),
    ("43 in navy", ("43", "navy")),
    ("biały 43", ("43", "white")),
    ("hvit str 43", ("43", "white")),
    ("whtie please", ("42", "white")),
]


@pytest.mark.parametrize(("text", "wanted"), WANTED)
def test_the_wanted_variant_is_found_sold_out_or_not(text, wanted):
    variants = sneakers()
    current = find(variants, size="42", colour="black")

    match = match_variant(text, current, variants)

    assert chosen(variants, match.wanted) == [wanted]
    assert match.fallback == ()
    assert match.is_about_variant


def test_what_was_asked_is_told_with_what_comes_near_if_it_is_sold_out():
    variants = sneakers()
    current = find(variants, size="42", colour="black")

    match = match_variant("43", current, variants)

    assert match.asked_for == {"size": "43"}
    assert chosen(variants, match.near) == [("43", "navy"), ("43", "white")]


@pytest.mark.parametrize(
    ("text", "asked_for"),
    [("45", {"size": "45"}), ("in orange", {"colour": "orange"}), ("UK 9", {"size": "UK 9"})],
)
def test_what_was_asked_is_told_where_no_such_variant_exists(text, asked_for):
    variants = sneakers()

    match = match_variant(text, find(variants, size="42", colour="black"), variants)

    assert match.wanted == ()
    assert match.asked_for == asked_for
    assert match.is_about_variant


def test_the_variant_that_one_has_is_recognised():
    variants = sneakers()
    current = find(variants, size="42", colour="black")
    others = [variant for variant in variants if variant != current]

    for text in ("42", "maat 42", "black please", "42 in black"):
        assert match_variant(text, current, variants).wanted == (current.key,)
        assert match_variant(text, current, others).wanted == ()


def test_a_larger_one_than_the_largest_does_not_exist():
    variants = sneakers()

    larger = match_variant("bigger", find(variants, size="44", colour="black"), variants)
    smaller = match_variant("smaller", find(variants, size="40", colour="black"), variants)

    assert (larger.wanted, larger.asked_for) == ((), {"size": LARGER})
    assert (smaller.wanted, smaller.asked_for) == ((), {"size": SMALLER})


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("bigger", ["42.5", "43"]),
        ("43 or 44", ["43", "44"]),
        ("can I get a larger one?", ["42.5", "43"]),
    ],
)
def test_an_unclear_wish_leaves_several(text, sizes):
    variants = sneakers()

    match = match_variant(text, find(variants, size="42", colour="black"), variants)

    assert [size for size, _ in chosen(variants, match.wanted)] == sizes


@pytest.mark.parametrize(
    "text",
    [
        "43, or 44 if there is none",
        "43 of 44 als die er niet is",
        "43 of anders 44",
        "43, sonst 44",
        "43 eller 44 hvis ikke",
        "43 albo 44 jak nie ma",
        "43 if there is any, if not 44",
    ],
)
def test_a_second_choice_is_kept_apart(text):
    variants = sneakers()

    match = match_variant(text, find(variants, size="42", colour="black"), variants)

    assert chosen(variants, match.wanted) == [("43", "black")]
    assert chosen(variants, match.fallback) == [("44", "black")]
    assert match.asked_for == {"size": "43"}


@pytest.mark.parametrize(
    "text",
    ["I want my money back", "too small", "größer als gedacht", "ok", "", "when does it ship?"],
)
def test_other_messages_are_about_no_variant(text):
    variants = sneakers()

    match = match_variant(text, find(variants, size="42", colour="black"), variants)

    assert not match.is_about_variant
    assert (match.wanted, match.fallback, match.asked_for) == ((), (), {})


def test_a_variant_without_siblings_has_no_other():
    current = sneakers()[0]

    assert match_variant("43", current, [current]).wanted == ()
    assert neighbouring_sizes(current, [current], None) == []


def jeans() -> list[VariantOption]:
    return [
        VariantOption(100 * int(waist) + int(length), "", {"waist": waist, "length": length}, 1, 0)
        for waist in ("31", "32", "33")
        for length in ("30", "32", "34")
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("W33/L34", 3334),
        ("33/34", 3334),
        ("33", 3332),
        ("L34", 3234),
        ("length 34", 3234),
        ("one size up", 3332),
        ("longer", 3234),
        ("korter", 3230),
        ("W31", 3132),
    ],
)
def test_waist_and_length_are_two_options_of_jeans(text, wanted):
    variants = jeans()

    match = match_variant(text, find(variants, waist="32", length="32"), variants)

    assert match.wanted == (wanted,)


@needs_retail
@pytest.mark.parametrize(
    ("product", "current", "text", "wanted"),
    [
        ("Water Bottle", {"capacity": "500ml"}, "the 1000 ml one", {"capacity": "1000ml"}),
        ("Water Bottle", {"capacity": "500ml"}, "1 liter", {"capacity": "1000ml"}),
        (
            "Water Bottle",
            {"capacity": "500ml"},
            "glass 750ml",
            {"capacity": "750ml", "material": "glass"},
        ),
        ("Bookshelf", {"height": "4 ft"}, "5 ft", {"height": "5 ft"}),
        ("Bookshelf", {"height": "4 ft"}, "the wooden one", {"material": "wood"}),
    ],
)
def test_variants_of_the_retail_data_are_found(product, current, text, wanted):
    variants = variants_of(RETAIL, product)
    now = find(variants, **current)

    match = match_variant(text, now, variants)

    (found,) = [variant for variant in variants if variant.key in match.wanted]
    assert found.options == {**now.options, **wanted}


@needs_retail
def test_of_two_colours_the_named_one_is_changed():
    variants = variants_of(RETAIL, "Sunglasses")
    now = find(variants, **{"frame color": "black", "lens color": "green"})

    assert match_variant("blue lenses", now, variants).asked_for == {"lens color": "blue"}
    assert match_variant("silver frame", now, variants).asked_for == {"frame color": "silver"}


@needs_retail
def test_where_no_variant_differs_only_in_the_wish_the_nearest_are_told():
    variants = variants_of(RETAIL, "Running Shoes")
    now = find(variants, size="9")

    match = match_variant("a 10 please", now, variants)

    assert match.wanted == ()
    assert match.asked_for == {"size": "10"}
    assert {find_key(variants, key).options["size"] for key in match.near} == {"10"}


def find_key(variants: list[VariantOption], key: int) -> VariantOption:
    return next(variant for variant in variants if variant.key == key)
