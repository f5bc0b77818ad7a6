"""The JSON schema of the policy file, for editors that complete and check while one writes."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, Final

from returnsdesk.domain.policy import MARKETS, Policy

_DRAFT: Final = "http://json-schema.org/draft-07/schema#"


def policy_schema() -> dict[str, Any]:
    """The schema as the model gives it; a market takes the same sections with every key optional."""
    made = deepcopy(Policy.schema(by_alias=True))
    sections: dict[str, Any] = made["properties"]
    definitions: dict[str, Any] = made["definitions"]
    market: dict[str, Any] = {}
    for name, section in sections.items():
        if name == MARKETS:
            continue
        kind = _definition_of(section)
        partial = deepcopy(definitions[kind])
        partial.pop("required", None)
        definitions[f"{kind}InMarket"] = partial
        market[name] = {"$ref": f"#/definitions/{kind}InMarket"}
    sections[MARKETS]["propertyNames"] = {"pattern": "^[A-Z]{2}$"}
    sections[MARKETS]["additionalProperties"] = {
        "type": "object",
        "properties": market,
        "additionalProperties": False,
    }
    made["description"] = "The returns policy of a shop."
    return {"$schema": _DRAFT, **_without_titles(made), "title": "Returns policy"}


def schema_text() -> str:
    """The schema as it stands in its file."""
    return json.dumps(policy_schema(), indent=2, ensure_ascii=False) + "\n"


def _definition_of(section: dict[str, Any]) -> str:
    # A section with a default refers to its definition among `allOf`, so that the default can stand beside.
    reference = section.get("$ref") or section["allOf"][0]["$ref"]
    return str(reference).rpartition("/")[2]


def _without_titles(schema: Any, *, names_follow: bool = False) -> Any:
    """The schema without the titles that only repeat the names of keys; a key may itself be called `title`."""
    if isinstance(schema, list):
        return [_without_titles(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value, names_follow=key in ("properties", "definitions"))
        for key, value in schema.items()
        if names_follow or key != "title"
    }
