"""What a message names outright: numbers of orders and returns, e-mail, postcode, code, sizes, numbers of pieces."""

from __future__ import annotations

import pytest

from returnsdesk.domain.mentions import (
    KINDS,
    find_mentions,
    is_same_order_number,
    normalise_email,
    normalise_order_number,
    normalise_postcode,
    order_number_spellings,
)


def named(text: str) -> list[tuple[str, str]]:
    """Kind and value of every mention."""
    return [(mention.kind, mention.value) for mention in find_mentions(text)]


def values(text: str, kind: str) -> list[str]:
    return [mention.value for mention in find_mentions(text) if mention.kind == kind]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("LL-10234", "LL-10234"),
        ("it's ll-10234 i think", "LL-10234"),
        ("ll 10234", "LL10234"),
        ("#W2611340", "W2611340"),
        ("w2611340", "W2611340"),
        ("# 10234", "10234"),
        ("order 10234", "10234"),
        ("order no. is 61177", "61177"),
        ("order number: 4711", "4711"),
        ("bestelling 10234", "10234"),
        ("bestelnummer is 10190", "10190"),
        ("Bestellung 10234", "10234"),
        ("Auftrag Nr. 10311", "10311"),
        ("ordre 10234", "10234"),
        ("ordrenummeret er 10234", "10234"),
        ("zamówienie 10234", "10234"),
        ("zamówienia nr 10234", "10234"),
        ("numer 10777", "10777"),
    ],
)
def test_an_order_number_is_found_and_is_nothing_else(text, number):
    assert named(text) == [("order_number", number)]


def test_a_bare_number_of_five_digits_is_an_order_number_or_a_postcode():
    assert named("10234") == [("order_number", "10234"), ("postcode", "10234")]


def test_six_digits_alone_are_an_order_number_or_a_code():
    assert named("483920") == [("order_number", "483920"), ("code", "483920")]


@pytest.mark.parametrize(
    "text",
    [
        "code 483920",
        "the code I got says 483 920",
        "der Code lautet 483 920",
        "koden er 483920",
        "kod z maila 483920",
        "mijn code: 483920",
        "483 920",
        "483-920",
    ],
)
def test_a_named_or_parted_code_is_no_order_number(text):
    assert named(text) == [("code", "483920")]


@pytest.mark.parametrize(
    "text",
    ["call 0612345678", "+47 41 23 45 67", "it cost 12345.00", "€12500", "12345@example.com"],
)
def test_telephone_numbers_prices_and_addresses_are_no_order_numbers(text):
    assert values(text, "order_number") == []


@pytest.mark.parametrize(
    ("text", "number"),
    [("RMA-1009", "RMA-1009"), ("rma 1009", "RMA-1009"), ("where is rma nr. 1009?", "RMA-1009")],
)
def test_a_return_number_is_found(text, number):
    assert named(text) == [("rma_number", number)]


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("anna.devries@example.com", "anna.devries@example.com"),
        ("my mail is Anna.DeVries@Example.COM.", "anna.devries@example.com"),
        ("anna @ example.com", "anna@example.com"),
        ("(anna@example.com)", "anna@example.com"),
        ("anna@example,com", "anna@example.com"),
        ("anna(at)example.com", "anna@example.com"),
        ("bestellt über einkauf@example.de, nachname Brandl", "einkauf@example.de"),
        ("jan+shop_1@sub.example.co.uk thanks", "jan+shop_1@sub.example.co.uk"),
    ],
)
def test_an_email_address_is_found(text, email):
    assert named(text) == [("email", email)]


def test_an_address_without_an_ending_is_no_email():
    assert values("anna@example", "email") == []


@pytest.mark.parametrize(
    ("text", "postcode"),
    [
        ("1071 KV", "1071KV"),
        ("postcode 1071kv", "1071KV"),
        ("it's 4821 kv", "4821KV"),
        ("NL-1071 KV", "1071KV"),
        ("Postleitzahl 80331", "80331"),
        ("PLZ: 10115", "10115"),
        ("postnr 0368", "0368"),
        ("0150 Oslo", "0150"),
        ("1070 Wien", "1070"),
        ("2018 Antwerpen", "2018"),
        ("00-950", "00950"),
        ("kod pocztowy 30-059", "30059"),
        ("D02 X285", "D02X285"),
        ("SW1A 2AA", "SW1A2AA"),
        ("my postcode is bt1 5gs", "BT15GS"),
        ("zip is 60614", "60614"),
        ("0368", "0368"),
    ],
)
def test_a_postcode_is_found(text, postcode):
    assert named(text) == [("postcode", postcode)]


@pytest.mark.parametrize(
    "text", ["a bottle of 1000 ml", "1299 kr", "RMA-1009", "since 2019 it works", "in 1071 is it"]
)
def test_amounts_and_years_are_no_postcodes(text):
    assert values(text, "postcode") == []


def test_postcode_and_order_number_in_one_message_are_told_apart():
    assert named("4821 KV and order 10234") == [("postcode", "4821KV"), ("order_number", "10234")]
    assert named("10234 og postnummer 5031") == [("order_number", "10234"), ("postcode", "5031")]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("43", ["43"]),
        ("maat 42", ["42"]),
        ("42.5", ["42.5"]),
        ("42,5 graag", ["42.5"]),
        ("42½", ["42.5"]),
        ("42 1/2 bitte", ["42.5"]),
        ("da się 42 i pół?", ["42.5"]),
        ("M please", ["M"]),
        ("m graag", ["M"]),
        ("Größe L", ["L"]),
        ("xl", ["XL"]),
        ("xxl takk", ["XXL"]),
        ("3XL", ["3XL"]),
        ("XXXL", ["3XL"]),
        ("2xl", ["XXL"]),
        ("emkę poproszę", ["M"]),
        ("in a small please", ["S"]),
        ("medium", ["M"]),
        ("extra large", ["XL"]),
        ("size 8 in black instead", ["8"]),
        ("rozmiar 38", ["38"]),
        ("str 92", ["92"]),
        ("UK 10", ["UK 10"]),
        ("EU 41", ["41"]),
        ("W32 L34", ["W32/L34"]),
        ("w32/l34", ["W32/L34"]),
        ("32/34", ["32/34"]),
        ("128/134", ["128/134"]),
        ("90x200", ["90x200"]),
        ("140 × 200 cm", ["140x200"]),
        ("75C", ["75C"]),
        ("42 is too small, 43 please", ["42", "43"]),
        ("bytte ring, fra 54 til 56", ["54", "56"]),
        ("z rozmiaru 7 na 8", ["7", "8"]),
        ("regenjacke in 128 statt 122", ["128", "122"]),
    ],
)
def test_sizes_are_found(text, sizes):
    assert values(text, "size") == sizes


@pytest.mark.parametrize(
    "text",
    [
        "within 42 days",
        "na 40 dagen",
        "it was 45 euro",
        "45 % off",
        "small talk",
        "too small",
        "zu groß",
        "te klein",
        "for liten",
        "I'm waiting",
        "order 42",
        "Smålandsveien",
        "bitte gegen eine kleinere Größe tauschen",
        "20 m Gartenschlauch",
    ],
)
def test_judgements_and_other_numbers_are_no_sizes(text):
    assert values(text, "size") == []


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("2 of the 3", "2"),
        ("2 van de 3", "2"),
        ("2 von den 3", "2"),
        ("2 av de 3", "2"),
        ("2 z 3", "2"),
        ("both", "2"),
        ("allebei", "2"),
        ("begge to", "2"),
        ("oba", "2"),
        ("two of them", "2"),
        ("een ervan", "1"),
        ("eine davon", "1"),
        ("en av dem", "1"),
        ("jeden z nich", "1"),
        ("4 stuks", "4"),
        ("3 Stück", "3"),
        ("cztery sztuki", "4"),
        ("alle drei", "3"),
        ("only one", "1"),
        ("2 not 3", "2"),
        ("not 3 but 2", "2"),
        ("2 niet 3", "2"),
        ("dwie zamiast jednej", "2"),
        ("2 gardiner", "2"),
        ("everything", "all"),
        ("hele ordren", "all"),
        ("całe zamówienie", "all"),
    ],
)
def test_numbers_of_pieces_are_found(text, quantity):
    assert values(text, "quantity") == [quantity]


@pytest.mark.parametrize(
    "text",
    [
        "the blue one",
        "2 weeks ago",
        "size 8",
        "number 3",
        "on 3 May",
        "den 3. mai",
        "alles goed?",
        "that's all",
        "een paar dagen",
        "de oudste van de twee",
        "two sizes up",
        "the 4 person tent",
    ],
)
def test_other_numbers_are_no_numbers_of_pieces(text):
    assert values(text, "quantity") == []


def test_several_things_in_one_message_are_all_found_in_its_order():
    text = "Order LL-10234, anna@example.com, 1071 KV: 2 of the 3 shirts in M"

    assert named(text) == [
        ("order_number", "LL-10234"),
        ("email", "anna@example.com"),
        ("postcode", "1071KV"),
        ("quantity", "2"),
        ("size", "M"),
    ]


def test_the_place_of_a_mention_is_that_of_the_original_text():
    text = "Größe: ½ nein, zamówienie Nr. LL-10234!"

    (mention,) = [mention for mention in find_mentions(text) if mention.kind == "order_number"]

    assert text[mention.start : mention.end] == "LL-10234"
    assert mention.kind in KINDS


def test_order_numbers_are_compared_without_case_hash_and_blanks():
    assert normalise_order_number(" #ll-10 234 ") == "LL-10234"
    assert normalise_order_number("w2611340") == normalise_order_number("#W2611340")


def test_order_numbers_are_the_same_without_hyphen_or_prefix():
    assert is_same_order_number("ll 10234", "LL-10234")
    assert is_same_order_number("10234", "LL-10234")
    assert not is_same_order_number("1023", "LL-10234")
    assert not is_same_order_number("", "LL-10234")
    assert order_number_spellings("ll10234") == ("LL10234", "LL-10234")


def test_emails_and_postcodes_are_normalised():
    assert normalise_email(" <Anna@Example.COM>, ") == "anna@example.com"
    assert normalise_postcode("nl-1071 kv") == "1071KV"
    assert normalise_postcode("00-950") == "00950"
    assert normalise_postcode("DE1 3GH") == "DE13GH"
    assert normalise_postcode("10083-1234") == "10083"
