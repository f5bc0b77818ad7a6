"""Typed answers to buttons, and plain yes and no."""

from __future__ import annotations

import pytest

from returnsdesk.domain.choices import is_no, is_yes, match_choice

METHODS = ["Refund to my card", "Store credit (+5 EUR)", "Exchange for another size"]
ITEMS = [
    "Fjord sneakers, black, 42 (LL-10234)",
    "Varm wool socks (LL-10234)",
    "Fjord sneakers, white, 42 (LL-10193)",
]
SIZES = ["42.5", "43", "44"]
REASONS_NL = ["Te klein", "Te groot", "Van gedachten veranderd", "Bevalt niet", "Kapot", "Anders"]


@pytest.mark.parametrize(
    ("text", "labels", "chosen"),
    [
        # places
        ("2", METHODS, 1),
        ("3.", METHODS, 2),
        ("#1", METHODS, 0),
        ("nr 2", METHODS, 1),
        ("number three", METHODS, 2),
        ("option 2 please", METHODS, 1),
        ("2nd", METHODS, 1),
        ("the second", METHODS, 1),
        ("the second one please", METHODS, 1),
        ("de tweede", METHODS, 1),
        ("das zweite bitte", METHODS, 1),
        ("den andre", METHODS, 1),
        ("drugi", METHODS, 1),
        ("ostatni", METHODS, 2),
        ("the last one", METHODS, 2),
        ("den siste", METHODS, 2),
        # labels and their words
        ("Store credit (+5 EUR)", METHODS, 1),
        ("store credit", METHODS, 1),
        ("credit", METHODS, 1),
        ("money back on my card", METHODS, 0),
        ("excange please", METHODS, 2),
        ("another size", METHODS, 2),
        ("te klein", REASONS_NL, 0),
        ("tegroot", REASONS_NL, 1),
        ("anders", REASONS_NL, 5),
        ("gedachten verandert", REASONS_NL, 2),
        # items, also in another language than the labels
        ("the white ones", ITEMS, 2),
        ("de witte", ITEMS, 2),
        ("die Socken", ITEMS, 1),
        ("skarpetki", ITEMS, 1),
        ("white snekers", ITEMS, 2),
        ("LL-10193", ITEMS, 2),
        ("the lamp", ["Tischlampe schwarz", "Wolldecke grau"], 0),
        # labels that are numbers themselves
        ("43", SIZES, 1),
        ("44 please", SIZES, 2),
        ("maat 43", SIZES, 1),
        ("42½", SIZES, 0),
        ("2", SIZES, 1),
        # yes and no among the labels
        ("ja", ["Ja, opsturen", "Nee"], 0),
        ("doe maar", ["Ja, opsturen", "Nee"], 0),
        ("nee dank je", ["Ja, opsturen", "Nee"], 1),
        ("ok", ["Confirm"], 0),
    ],
)
def test_a_typed_answer_chooses_its_label(text, labels, chosen):
    assert match_choice(text, labels) == chosen


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("ok", METHODS),
        ("yes", METHODS),
        ("tak", ["Zwrot", "Wymiana"]),
        ("both", METHODS),
        ("begge", METHODS),
        ("neither", METHODS),
        ("geen van beide", METHODS),
        ("not the credit", METHODS),
        ("sneakers", ITEMS),
        ("42", ITEMS),
        ("7", METHODS),
        ("the fifth", METHODS),
        ("what does that mean?", METHODS),
        ("", METHODS),
        ("2", []),
    ],
)
def test_an_unclear_answer_chooses_nothing(text, labels):
    assert match_choice(text, labels) is None


YES = ["yes", "yep", "yeah", "sure", "ok", "ok go ahead", "do it", "that's right", "y", "yesss!"]
YES += ["ja", "ja graag", "klopt", "doe maar", "akkoord", "jazeker", "ja hoor", "prima"]
YES += ["ja bitte", "jo", "genau", "passt", "stimmt", "einverstanden", "gerne", "jawohl"]
YES += ["ja takk", "jepp", "det stemmer", "greit", "gjør det", "helt i orden", "jada"]
YES += ["tak", "pewnie", "jasne", "zgadza się", "potwierdzam", "no tak", "no pewnie", "dobrze"]
YES += ["👍", "✅", "JA!!", "Yes, please."]

NO = ["no", "nope", "no thanks", "not now", "that's wrong", "don't do it", "nooo"]
NO += ["nee", "nee dank je", "klopt niet", "liever niet", "neen"]
NO += ["nein", "nein danke", "stimmt nicht", "auf keinen Fall", "lieber nicht", "nö"]
NO += ["nei", "nei takk", "det stemmer ikke", "helst ikke", "neida"]
NO += ["nie", "nie dziękuję", "nie zgadza się", "raczej nie", "jeszcze nie", "no nie", "👎"]

NEITHER = ["yes but the other one", "ja aber in blau", "ok?", "no, the blue one", "nee de tweede"]
NEITHER += ["nein ich meinte 43", "nei den blå", "tak ale nie te", "thanks", "takk", "dziękuję"]
NEITHER += ["", "...", "👍👎", "43", "yes and no", "the black sneakers", "kkkkkk"]


@pytest.mark.parametrize("text", YES)
def test_a_plain_yes_is_a_yes_and_no_no(text):
    assert is_yes(text)
    assert not is_no(text)


@pytest.mark.parametrize("text", NO)
def test_a_plain_no_is_a_no_and_no_yes(text):
    assert is_no(text)
    assert not is_yes(text)


@pytest.mark.parametrize("text", NEITHER)
def test_what_says_more_is_neither(text):
    assert not is_yes(text)
    assert not is_no(text)
