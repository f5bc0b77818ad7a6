"""Reading a postal address that a policy writes in one line."""

from __future__ import annotations

import pytest

from returnsdesk.domain.addresses import Address, from_line, from_record


@pytest.mark.parametrize(
    ("line", "street", "postcode", "city", "country"),
    [
        ("R, Antwoordnummer 4120, 3080 VB Rotterdam, Netherlands", "Antwoordnummer 4120", "3080 VB", "Rotterdam", "NL"),
        ("R, ul. Długa 4/2, 00-950 Warszawa, Polska", "ul. Długa 4/2", "00-950", "Warszawa", "PL"),
        ("R, Storgata 1, 0155 Oslo, Norge", "Storgata 1", "0155", "Oslo", "NO"),
        ("R, Bergstr. 3, 01067 Dresden-Altstadt, Deutschland", "Bergstr. 3", "01067", "Dresden-Altstadt", "DE"),
        ("R, Main Street 1, SW1A 1AA London, GB", "Main Street 1", "SW1A 1AA", "London", "GB"),
    ],
)  # fmt: skip
def test_an_address_in_one_line_is_told_into_its_parts(
    line: str, street: str, postcode: str, city: str, country: str
) -> None:
    address = from_line(line)

    assert address == Address("R", street, postcode, city, country)
    assert address.is_complete


def test_further_parts_are_a_second_line() -> None:
    assert from_line("R, Hall 4, Dock Road 2, 1011 AB Amsterdam, NL").line2 == "Dock Road 2"


@pytest.mark.parametrize(
    "line", ["", "R", "R, Some street 1", "R, Some street, Amsterdam, NL", ",,,"]
)
def test_what_cannot_be_told_stays_empty_and_is_not_complete(line: str) -> None:
    assert not from_line(line).is_complete


def test_the_address_of_an_order_keeps_the_country_of_the_order_where_it_has_none() -> None:
    address = from_record(
        "Anna", {"line1": "Dam 1", "city": "Amsterdam", "line2": None}, country="nl"
    )

    assert (address.country, address.line2, address.is_complete) == ("NL", "", False)
    assert address.lines == ("Anna", "Dam 1", "Amsterdam", "Netherlands")
