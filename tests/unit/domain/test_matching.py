"""Which ordered items a message means, and how many of them: a small wardrobe in five languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from returnsdesk.domain.matching import match_items
from tests.unit.domain.catalogues import (
    BLACK_SNEAKERS,
    BOTTLE,
    JACKET,
    LAMP,
    SHIRTS,
    SOCKS,
    SWEATER,
    THROW,
    WARDROBE,
    WHITE_SNEAKERS,
)

CERTAIN = [
    # product words, with and without options
    ("the black sneakers", [BLACK_SNEAKERS]),
    ("de zwarte sneakers", [BLACK_SNEAKERS]),
    ("die weißen Sneaker", [WHITE_SNEAKERS]),
    ("de hvite joggeskoene", [WHITE_SNEAKERS]),
    ("białe buty", [WHITE_SNEAKERS]),
    ("Sneaker in schwarz", [BLACK_SNEAKERS]),
    ("the jumper", [SWEATER]),
    ("de trui graag", [SWEATER]),
    ("der Pulli", [SWEATER]),
    ("genseren", [SWEATER]),
    ("sweter", [SWEATER]),
    ("blanket pls", [THROW]),
    ("de deken", [THROW]),
    ("nur die Decke", [THROW]),
    ("pleddet", [THROW]),
    ("koc", [THROW]),
    ("drinkfles", [BOTTLE]),
    ("bare flasken", [BOTTLE]),
    ("tylko butelka", [BOTTLE]),
    ("regenjas", [JACKET]),
    ("kurtkę proszę", [JACKET]),
    ("the bedside lamp", [LAMP]),
    # inflected and compound words
    ("skarpetkach", [SOCKS]),
    ("koszulek", [SHIRTS]),
    ("Wollsocken", [SOCKS]),
    ("bordlampen", [LAMP]),
    # options alone
    ("the burgundy one", [SWEATER]),
    ("die blaue", [JACKET]),
    ("the blue ones", [JACKET]),
    ("grå", [THROW]),
    ("the 750 ml one", [BOTTLE]),
    ("brass", [LAMP]),
    # names of the maker
    ("Kilde", [BOTTLE]),
    ("the Regn", [JACKET]),
    # orders, months, places in the list
    ("the newer sneakers", [BLACK_SNEAKERS]),
    ("de oudste sneakers", [WHITE_SNEAKERS]),
    ("die älteren Sneaker", [WHITE_SNEAKERS]),
    ("starsze buty", [WHITE_SNEAKERS]),
    ("the sneakers from May", [WHITE_SNEAKERS]),
    ("sneakersy z zamówienia 10234", [BLACK_SNEAKERS]),
    ("the second one", [SOCKS]),
    ("de tweede", [SOCKS]),
    ("die dritte bitte", [WHITE_SNEAKERS]),
    ("den siste", [JACKET]),
    ("ostatni", [JACKET]),
    ("number 3", [WHITE_SNEAKERS]),
    ("the first and the third", [BLACK_SNEAKERS, WHITE_SNEAKERS]),
    ("the cheapest", [SOCKS]),
    # several
    ("both sneakers", [BLACK_SNEAKERS, WHITE_SNEAKERS]),
    ("beide sneakers", [BLACK_SNEAKERS, WHITE_SNEAKERS]),
    ("begge joggeskoene", [BLACK_SNEAKERS, WHITE_SNEAKERS]),
    ("oba pary butów", [BLACK_SNEAKERS, WHITE_SNEAKERS]),
    ("the lamp and the bottle", [BOTTLE, LAMP]),
    ("die Lampe und die Decke", [THROW, LAMP]),
    ("kurtka, sweter oraz lampa", [SWEATER, LAMP, JACKET]),
    ("the whole order LL-10214", [SWEATER, THROW]),
    ("alles aus Bestellung 10234", [BLACK_SNEAKERS, SOCKS]),
    # what is ruled out
    ("everything from order 10234 except the socks", [BLACK_SNEAKERS]),
    ("alles uit 10214 behalve de plaid", [SWEATER]),
    ("alles aus 10214 außer der Decke", [SWEATER]),
    ("alt fra 10214 unntatt pleddet", [SWEATER]),
    ("wszystko z 10214 oprócz pledu", [SWEATER]),
    ("not the socks, the lamp", [LAMP]),
    ("ik wil niet de trui maar de lamp terugsturen", [LAMP]),
    ("nicht die Lampe sondern der Pullover", [SWEATER]),
    ("genseren, ikke lampa", [SWEATER]),
    ("kurtka, nie sweter", [JACKET]),
    ("the sneakers but not the white ones", [BLACK_SNEAKERS]),
    ("the sweater is too small but the throw is fine", [SWEATER]),
    ("I keep the lamp, return the jacket", [JACKET]),
    ("die Lampe behalte ich, die Jacke geht zurück", [JACKET]),
    # what is wanted instead is no item
    ("exchange the black sneakers for white ones", [BLACK_SNEAKERS]),
    ("the jacket, but I'd rather have it in yellow", [JACKET]),
    # typing errors
    ("snekers blak", [BLACK_SNEAKERS]),
    ("the swetaer", [SWEATER]),
    ("wite sneakers", [WHITE_SNEAKERS]),
    ("schwraze Sneaker", [BLACK_SNEAKERS]),
    ("koszlka", [SHIRTS]),
    # keeping is refused, so it goes back
    ("I don't want to keep the lamp", [LAMP]),
    ("ich möchte die Lampe nicht behalten", [LAMP]),
]


@pytest.mark.parametrize(("text", "keys"), CERTAIN)
def test_the_items_meant_are_found_for_sure(text, keys):
    match = match_items(text, WARDROBE)

    assert list(match.keys) == keys
    assert match.is_certain
    assert match.is_about_items
    assert match.sure_keys == match.keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("the sneakers", [BLACK_SNEAKERS, WHITE_SNEAKERS]),
        ("Turnschuhe", [BLACK_SNEAKERS, WHITE_SNEAKERS]),
        ("de schoenen", [BLACK_SNEAKERS, WHITE_SNEAKERS]),
        ("butów", [BLACK_SNEAKERS, WHITE_SNEAKERS]),
        ("the white ones", [WHITE_SNEAKERS, SHIRTS]),
        ("order 10234", [BLACK_SNEAKERS, SOCKS]),
        ("the newer order", [BLACK_SNEAKERS, SOCKS]),
        ("jacket or sweater?", [SWEATER, JACKET]),
        # mentioned, but perhaps only so
        ("the socks that came with the lamp", [SOCKS, LAMP]),
        # no boots were bought; a winter coat is at best another jacket; the sneakers are not red
        ("winter coat", [JACKET]),
        ("the red sneakers", [BLACK_SNEAKERS, WHITE_SNEAKERS]),
    ],
)
def test_what_fits_several_items_or_none_exactly_is_asked(text, keys):
    match = match_items(text, WARDROBE)

    assert list(match.keys) == keys
    assert not match.is_certain
    assert match.is_about_items


def test_the_items_that_are_clear_are_sure_while_others_are_asked():
    match = match_items("the sneakers and the lamp", WARDROBE)

    assert match.keys == (BLACK_SNEAKERS, WHITE_SNEAKERS, LAMP)
    assert not match.is_certain
    assert match.sure_keys == (LAMP,)


@pytest.mark.parametrize("text", ["everything", "alles", "alt", "wszystko", "alle"])
def test_everything_of_several_orders_is_asked_and_of_one_order_is_certain(text):
    everything = match_items(text, WARDROBE)
    one_order = match_items(text, WARDROBE[:2])

    assert len(everything.keys) == len(WARDROBE)
    assert not everything.is_certain
    assert one_order.is_certain
    assert one_order.quantities == {BLACK_SNEAKERS: 1, SOCKS: 1}


@pytest.mark.parametrize(
    "text",
    [
        "everything except the socks",
        "alles behalve de sokken",
        "alles außer den Socken",
        "alt unntatt sokkene",
        "wszystko oprócz skarpetek",
    ],
)
def test_everything_except_leaves_the_others(text):
    match = match_items(text, WARDROBE[:2])

    assert match.keys == (BLACK_SNEAKERS,)
    assert match.is_certain


@pytest.mark.parametrize(
    "text",
    ["the kettle", "een boek", "das Handy", "en sofa", "laptop"],
)
def test_a_product_that_was_not_bought_matches_nothing(text):
    match = match_items(text, WARDROBE)

    assert match.keys == ()
    assert not match.is_certain
    assert match.is_about_items


@pytest.mark.parametrize(
    "text",
    [
        "it",
        "I want to return something small please",
        "ik wil iets retourneren",
        "das ist zu klein",
        "jeg vil sende tilbake",
        "proszę o zwrot",
        "small talk please",
        "I am a Gold member",
        "ich weiß es nicht",
        "call me on the phone",
        "for femte gang",
        "that's all",
        "bla bla bla",
        "👍",
        "",
        "...",
    ],
)
def test_words_that_say_nothing_match_no_item(text):
    match = match_items(text, WARDROBE)

    assert match.keys == ()
    assert not match.is_about_items


@pytest.mark.parametrize("text", ["it", "I want to return this", "te klein", "", "?"])
def test_the_only_item_is_meant_where_nothing_is_said_of_items(text):
    match = match_items(text, WARDROBE[:1])

    assert match.keys == (BLACK_SNEAKERS,)
    assert match.is_certain
    assert not match.is_about_items


def test_the_only_item_is_not_meant_where_another_product_is_named():
    match = match_items("the kettle", WARDROBE[:1])

    assert match.keys == ()
    assert not match.is_certain


def test_without_items_nothing_is_found():
    match = match_items("the black sneakers", [])

    assert match.keys == ()
    assert not match.is_certain


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("2 of the 3 shirts", 2),
        ("2 van de 3 shirts", 2),
        ("zwei von den drei Shirts", 2),
        ("to av t-skjortene", 2),
        ("dwie z trzech koszulek", 2),
        ("I bought 3 shirts, 2 don't fit", 2),
        ("ik kocht 3 shirts, 2 passen niet", 2),
        ("Ich habe 3 T-Shirts gekauft, 2 passen nicht", 2),
        ("jeg kjøpte tre t-skjorter, to passer ikke", 2),
        ("kupiłam 3 koszulki, 2 nie pasują", 2),
        ("3 shirts, keep one", 2),
        ("one of the t-shirts", 1),
        ("only 1 tee", 1),
        ("all my t-shirts", 3),
        # more than were bought: the caller says how many are left
        ("return 4 t-shirts", 4),
    ],
)
def test_the_number_of_pieces_is_taken_from_the_sentence(text, pieces):
    match = match_items(text, WARDROBE)

    assert match.keys == (SHIRTS,)
    assert match.is_certain
    assert match.quantities == {SHIRTS: pieces}


@pytest.mark.parametrize(
    "text",
    [
        "jacket too big, need M; the socks just refund",
        "jas te groot, heb M nodig; de sokken gewoon terugbetalen",
        "regenjacke zu groß, brauche M; die socken einfach zurück",
        "jakka er for stor, trenger M; sokkene bare refundér",
        "kurtka za duża, potrzebuję M; skarpetki po prostu zwrot",
    ],
)
def test_two_items_with_different_wishes_in_one_sentence_are_both_found(text):
    match = match_items(text, WARDROBE)

    assert match.keys == (SOCKS, JACKET)
    assert match.is_certain


@pytest.mark.parametrize(
    "text",
    [
        "Order 10234, the black sneakers size 42 are too small, please exchange for 43.",
        "Bestelling 10234, de zwarte sneakers maat 42 zijn te klein, graag ruilen voor 43.",
        "Bestellung 10234, die schwarzen Sneaker in 42 sind zu klein, bitte gegen 43 tauschen.",
        "Bestilling 10234, de svarte joggeskoene i 42 er for små, ønsker 43.",
        "Zamówienie 10234, czarne buty 42 za małe, proszę o 43.",
    ],
)
def test_everything_in_one_sentence_finds_the_item(text):
    match = match_items(text, WARDROBE)

    assert match.keys == (BLACK_SNEAKERS,)
    assert match.is_certain


def test_a_bare_number_is_a_place_in_the_list_unless_it_may_be_a_number_of_pieces():
    without_shirts = [item for item in WARDROBE if item.key != SHIRTS]

    assert match_items("2", without_shirts).sure_keys == (SOCKS,)
    assert not match_items("2", WARDROBE).is_certain
    assert match_items("1 and 3", WARDROBE).sure_keys == (BLACK_SNEAKERS, WHITE_SNEAKERS)
    assert match_items("¹", without_shirts).sure_keys == (BLACK_SNEAKERS,)
    assert match_items("20", WARDROBE).keys == ()


def test_the_dearest_is_not_guessed_where_prices_are_unknown():
    items = [replace(item, unit_price_minor=0) for item in WARDROBE]

    assert not match_items("the most expensive one", items).is_certain
    assert match_items("the most expensive one", WARDROBE).sure_keys == (JACKET,)
