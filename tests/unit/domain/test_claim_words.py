"""What went wrong with goods and what shall be done about it, in five languages."""

import pytest

from returnsdesk.domain.claim_words import find_claim_type, find_remedy, has_no_photo


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("the lamp arrived broken", "damaged"),
        ("the seam came apart after two weeks", "damaged"),
        ("het is kapot aangekomen", "damaged"),
        ("Die Ware ist beschädigt", "damaged"),
        ("varen er skadet", "damaged"),
        ("Produkt przyszedł uszkodzony", "damaged"),
        ("one of the two towels is missing", "missing"),
        ("er ontbreekt een sok", "missing"),
        ("brakuje jednej skarpetki", "missing"),
        ("ich habe die falsche Farbe bekommen", "wrong_item"),
        ("je kreeg de verkeerde maat", "wrong_item"),
        ("fikk feil farge", "wrong_item"),
        ("dostałam zły rozmiar", "wrong_item"),
        ("the parcel says delivered but nothing is here", "never_arrived"),
        ("Ik heb het pakket nooit ontvangen", "never_arrived"),
        ("mein Paket ist nie angekommen", "never_arrived"),
        ("Lampen min har aldri kommet", "never_arrived"),
        ("nie dotarła paczka", "never_arrived"),
        ("there is something wrong", None),
        ("where is my parcel", None),
        ("", None),
    ],
)
def test_what_went_wrong(text: str, kind: str | None) -> None:
    assert find_claim_type(text) == kind


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("I want a new one", "replacement"),
        ("een nieuwe graag", "replacement"),
        ("ein neues bitte", "replacement"),
        ("nowy poproszę", "replacement"),
        ("money back please", "refund"),
        ("pengene tilbake", "refund"),
        ("zwrot pieniędzy", "refund"),
        ("a new one or my money back", None),
        ("hello", None),
    ],
)
def test_what_shall_be_done(text: str, remedy: str | None) -> None:
    assert find_remedy(text) == remedy


@pytest.mark.parametrize(
    "text", ["I can't take one", "geen foto", "kein Foto", "har ikke bilde", "nie mam zdjęcia"]
)
def test_no_photo(text: str) -> None:
    assert has_no_photo(text)
