"""Items of whole catalogues: the sample shop's names in five languages, the retail data set's in one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from returnsdesk.domain.matching import match_items
from tests.unit.domain.catalogues import (
    RETAIL,
    SAMPLE_SHOP,
    items_of_catalogue,
    needs_retail,
    products,
    retail_customers,
)


@pytest.mark.parametrize("name", list(products(SAMPLE_SHOP)))
def test_every_product_of_the_sample_shop_is_found_by_its_name_in_each_language(name):
    items = items_of_catalogue(SAMPLE_SHOP)
    meant = next(item for item in items if item.name == name)

    for spoken in (meant.name, *meant.other_names):
        texts = [spoken, spoken.lower(), spoken.upper()]
        if spoken != "Gavekort":
            # The Norwegian word is also how one is paid back; only alone it is the product.
            texts.append(f"return {spoken} please")
        for text in texts:
            match = match_items(text, items)
            assert match.keys == (meant.key,), text
            assert match.is_certain, text


@needs_retail
def test_every_product_of_the_retail_data_is_found_by_its_name():
    items = items_of_catalogue(RETAIL)

    for item in items:
        for text in (item.name, item.name.lower(), f"I want to return the {item.name.lower()}"):
            match = match_items(text, items)
            assert match.keys == (item.key,), text
            assert match.is_certain, text


@needs_retail
def test_retail_customers_never_get_a_wrong_item_for_sure():
    for number, items in enumerate(retail_customers()):
        if number % 25:
            continue
        for item in items:
            colour = next((v for n, v in item.options.items() if "color" in n), "")
            values = " ".join(item.options.values())
            for text in (
                f"the {colour} {item.name.lower()}",
                f"return {item.name.lower()} please",
                f"{item.name.lower()} {values}",
                f"the {item.name.lower()} from order {item.order_number}",
            ):
                match = match_items(text, items)
                assert item.key in match.keys, text
                assert not match.is_certain or match.keys == (item.key,), text


RETAIL_WORDS = [
    ("Kessel", "Electric Kettle"),
    ("Wasserkocher", "Electric Kettle"),
    ("waterkoker", "Electric Kettle"),
    ("vannkokeren", "Electric Kettle"),
    ("czajnik", "Electric Kettle"),
    ("buty", "Hiking Boots"),
    ("wandelschoenen", "Hiking Boots"),
    ("Wanderschuhe", "Hiking Boots"),
    ("fjellskoene", "Hiking Boots"),
    ("the one litre bottle", "Water Bottle"),
    ("de fles van 1 liter", "Water Bottle"),
    ("krzesło", "Office Chair"),
    ("bureaustoel", "Office Chair"),
    ("der Bürostuhl", "Office Chair"),
    ("kontorstolen", "Office Chair"),
    ("niebieska koszulka", "T-Shirt"),
    ("v-neck", "T-Shirt"),
    ("regał na książki", "Bookshelf"),
    ("bokhylla", "Bookshelf"),
    ("the 5 ft one", "Bookshelf"),
    ("Handy", "Smartphone"),
    ("the 128 GB phone", "Smartphone"),
]


@needs_retail
@pytest.mark.parametrize(("text", "name"), RETAIL_WORDS)
def test_an_english_catalogue_is_understood_in_other_languages(text, name):
    bought = {"Electric Kettle", "Hiking Boots", "Water Bottle", "Office Chair", "T-Shirt"}
    bought |= {"Bookshelf", "Smartphone"}
    items = [item for item in items_of_catalogue(RETAIL) if item.name in bought]
    chosen = {
        "Water Bottle": {"capacity": "1000ml", "color": "blue", "material": "glass"},
        "T-Shirt": {"color": "blue", "size": "M", "style": "v-neck"},
        "Electric Kettle": {"capacity": "1.5L", "color": "silver"},
        "Bookshelf": {"height": "5 ft", "color": "white", "material": "glass"},
        "Smartphone": {"storage": "128GB", "RAM": "8GB", "color": "black"},
    }
    items = [replace(item, options=chosen.get(item.name, item.options)) for item in items]

    match = match_items(text, items)

    assert [item.name for item in items if item.key in match.keys] == [name]
    assert match.is_certain
