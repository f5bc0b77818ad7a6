"""Why something goes back, in a shopper's own words."""

from __future__ import annotations

import pytest

from returnsdesk.domain.reasons import REASONS, find_reason, find_reasons, is_fit_problem

GIVEN = {
    "too_small": [
        "too small",
        "they are to small",
        "2 small",
        "its too smal",
        "too tight over the hips",
        "runs small",
        "need a size up",
        "smaller than I expected",
        "can I get a bigger one?",
        "te klein",
        "de schoenen zijn te krap en knellen",
        "valt klein uit",
        "een maatje groter graag",
        "zu klein",
        "mir zu eng",
        "fällt sehr klein aus",
        "eine Nummer größer bitte",
        "for liten",
        "skoene er for små",
        "altfor trang",
        "trenger en størrelse opp",
        "za mały",
        "buty za małe",
        "kurtka za ciasna",
        "spodnie za krótkie",
        "chcę większy rozmiar",
    ],
    "too_large": [
        "too big",
        "way too large",
        "sleeves are too long",
        "a size smaller please",
        "te groot",
        "veel te wijd",
        "valt groot uit",
        "zu groß",
        "zu gross",
        "viel zu weit",
        "for stor",
        "jakken er for stor",
        "buksene er altfor lange",
        "de er for store",
        "za duży",
        "kurtka za duża",
        "za luźne w pasie",
        "chcę mniejszy rozmiar",
    ],
    "changed_mind": [
        "changed my mind",
        "I don't want it anymore",
        "don't need it",
        "bought it by mistake",
        "ordered two sizes",
        "found it cheaper elsewhere",
        "van gedachten veranderd",
        "ik wil hem niet meer",
        "per ongeluk dubbel besteld",
        "twee maten besteld",
        "ich hab es mir anders überlegt",
        "aus Versehen bestellt",
        "brauche ich nicht mehr",
        "ombestemte meg",
        "angret meg",
        "bestilte to størrelser",
        "rozmyśliłem się",
        "jednak nie chcę",
        "zamówiłam dwa rozmiary",
    ],
    "style": [
        "just didn't like the colour",
        "doesn't suit me",
        "not my style",
        "it's ugly",
        "staat me niet",
        "vind het niet mooi",
        "bevalt niet",
        "gefällt mir nicht",
        "steht mir nicht",
        "passt nicht zu meinem Sofa",
        "likte ikke fargen",
        "kler meg ikke",
        "nie podoba mi się",
        "brzydki kolor",
    ],
    "not_as_described": [
        "not as described",
        "looks different than in the photo",
        "not what I expected",
        "you sent the wrong item",
        "anders dan op de foto",
        "verkeerd artikel ontvangen",
        "niet zoals beschreven",
        "anders als beschrieben",
        "falschen Artikel bekommen",
        "ikke som beskrevet",
        "fikk feil vare",
        "inny kolor niż na zdjęciu",
        "niezgodny z opisem",
    ],
    "defective": [
        "it's broken",
        "arrived damaged",
        "doesn't work",
        "there is a hole in it",
        "the zip broke",
        "kapot",
        "hij werkt niet meer",
        "beschadigd aangekomen",
        "kaputt",
        "funktioniert nicht",
        "hat einen Kratzer",
        "ødelagt",
        "den virker ikke",
        "glidelåsen er ødelagt",
        "zepsuty",
        "nie działa",
        "przyszedł uszkodzony",
    ],
    "other": [
        "other",
        "something else",
        "no particular reason",
        "I'd rather not say",
        "anders",
        "andere reden",
        "geen speciale reden",
        "anderer Grund",
        "kein besonderer Grund",
        "annet",
        "annen grunn",
        "ingen spesiell grunn",
        "inny powód",
        "bez powodu",
    ],
}


@pytest.mark.parametrize(
    ("text", "reason"), [(text, reason) for reason, texts in GIVEN.items() for text in texts]
)
def test_the_reason_given_is_found(text, reason):
    assert find_reason(text) == reason


def test_every_reason_is_tested_and_they_keep_their_order():
    assert tuple(GIVEN) == REASONS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "small talk",
        "Smålandsveien 12",
        "43",
        "the black sneakers",
        "I want to return it",
        "looking for store credit please",
        "the small lamp",
        "size small",
        "de kleine lamp",
        "ich hätte gern die große",
        "my order number is 10234",
        "too much trouble",
        "wszystko dobrze",
        "thanks, all good",
        "et par ting",
        "bestilt for to uker siden",
        "pengene på konto i stedet for kort",
    ],
)
def test_no_reason_is_seen_where_there_is_none(text):
    assert find_reason(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "not too small",
        "it isn't too small",
        "niet te klein",
        "nicht zu klein",
        "sie sind nicht wirklich zu eng",
        "ikke for liten",
        "nie za mały",
        "nie są za małe",
        "it is not broken",
        "ist nicht kaputt",
        "er ikke ødelagt",
        "nie jest zepsuty",
    ],
)
def test_a_negated_reason_is_none(text):
    assert find_reason(text) is None


def test_the_reason_after_a_negated_one_counts():
    assert find_reason("not too small but too large") == "too_large"
    assert find_reason("nicht zu klein, sondern zu groß") == "too_large"
    assert find_reason("it isn't broken, I just don't like it") == "style"


@pytest.mark.parametrize(
    "text",
    [
        "what if it is too small?",
        "wat als hij te klein is",
        "was wenn sie zu klein sind",
        "hva om den er for liten",
        "co jeśli będą za małe",
    ],
)
def test_what_might_be_is_no_reason(text):
    assert find_reason(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "the link doesn't work",
        "de site werkt niet",
        "der Code funktioniert nicht",
        "koden virker ikke",
        "strona nie działa",
        "you take too long",
        "het duurt te lang",
    ],
)
def test_trouble_with_other_things_than_goods_is_no_reason(text):
    assert find_reason(text) is None


@pytest.mark.parametrize(
    "text",
    ["doesn't fit", "it does not fit me", "past niet", "passt nicht", "passer ikke", "nie pasuje"],
)
def test_not_fitting_is_no_reason_yet_and_is_to_be_asked(text):
    assert find_reason(text) is None
    assert is_fit_problem(text)


def test_not_fitting_needs_no_question_where_small_or_large_is_said():
    assert find_reason("doesn't fit, too small") == "too_small"
    assert not is_fit_problem("doesn't fit, too small")
    assert find_reason("passt nicht zu klein") == "too_small"


def test_small_and_large_at_once_are_to_be_asked():
    assert find_reason("top too small, bottom too big") is None


def test_the_weightiest_of_several_reasons_is_the_reason():
    assert find_reason("changed my mind, it's too small") == "too_small"
    assert find_reason("ugly and the zip is broken") == "defective"


def test_reasons_of_several_items_are_found_with_their_places():
    text = "jacket too big, need M; the socks are kaput, I mean torn"

    found = [(mention.value, text[mention.start : mention.end]) for mention in find_reasons(text)]

    assert found == [("too_large", "too big"), ("defective", "torn")]


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("too smalll", "too_small"),
        ("too tigth", "too_small"),
        ("damged on arrival", "defective"),
        ("te klien", "too_small"),
        ("beschadigt", "defective"),
        ("defeckt", "defective"),
        ("gefalt mir nicht", "style"),
        ("for litn", "too_small"),
        ("uszkodzny", "defective"),
        ("rozmyslilam sie", "changed_mind"),
    ],
)
def test_typing_errors_are_tolerated(typed, reason):
    assert find_reason(typed) == reason


def test_english_crumbs_in_another_language_are_understood():
    assert find_reason("de sneakers zijn too small") == "too_small"
