"""Reading forms: each field by what it has to be, with a sentence next to it where it is not."""

from __future__ import annotations

import secrets
from collections.abc import Container, Mapping
from datetime import date
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile

from returnsdesk.console.rendering import templates
from returnsdesk.domain.money import to_minor

KEY_FIELD: Final = "form_key"
"""Random, of the page that made the form: the same form sent twice does its work once."""
VERSION_FIELD: Final = "version"
"""The latest event of the document when the form was made: what tells whether it is out of date."""
NAME_FIELD: Final = "form"
"""Which form of a page it is, so that what was typed comes back in the right one."""

TEXT_LIMIT: Final = 2000
_LARGEST: Final = 2**31 - 1


class Invalid(Exception):
    """What was typed cannot be used: sentences by field; the page is shown again with what was typed."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        """Keep the sentences; the field "" is the form as a whole."""
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


class Fields:
    """The fields of a form that was sent. Problems are gathered; `check` raises them all together."""

    def __init__(self, form: FormData) -> None:
        self._form = form
        self.problems: dict[str, str] = {}

    def raw(self, name: str) -> str:
        """What was typed, without blanks around; empty for a field that is not there."""
        value = self._form.get(name, "")
        return value.replace("\x00", "").strip() if isinstance(value, str) else ""

    def text(
        self, name: str, *, longest: int = TEXT_LIMIT, missing: str = "", required: bool = True
    ) -> str:
        """A text; `missing` says what to write where there is none."""
        value = self.raw(name)
        if not value and required:
            self.problems[name] = missing or "Please write something here."
        if len(value) > longest:
            self.problems[name] = f"At most {longest} characters, please; these are {len(value)}."
        return value

    def number(self, name: str, *, least: int, most: int = _LARGEST) -> int:
        """A whole number; 0 where it is none, with its problem noted."""
        value = self.raw(name)
        if not value.isascii() or not value.lstrip("-").isdigit() or len(value) > 12:
            self.problems[name] = "Please write a whole number."
            return 0
        number = int(value)
        if not least <= number <= most:
            self.problems[name] = (
                f"Please write {least}."
                if least == most
                else f"Please write a number from {least} to {most}."
                if most < _LARGEST
                else f"Please write {least} or more."
            )
        return number

    def amount(self, name: str, currency: str) -> int:
        """An amount in the major unit as minor units; 0 where it is none, with its problem noted."""
        value = self.raw(name).replace(",", ".")
        if len(value) > 14:
            self.problems[name] = "That is not an amount, such as 12.50."
            return 0
        try:
            amount = to_minor(value, currency)
        except ValueError:
            self.problems[name] = f"That is not an amount in {currency}, such as 12.50."
            return 0
        if not 0 < amount <= _LARGEST:
            self.problems[name] = "Please write an amount above zero."
        return amount

    def choice(self, name: str, allowed: Container[str], *, missing: str = "") -> str:
        """One of some words."""
        value = self.raw(name)
        if value not in allowed:
            self.problems[name] = missing or "Please choose one of these."
        return value

    def day(self, name: str) -> date:
        """A calendar day."""
        try:
            return date.fromisoformat(self.raw(name))
        except ValueError:
            self.problems[name] = "Please choose a day."
            return date.min

    def is_ticked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return bool(self.raw(name))

    def files(self, name: str) -> list[UploadFile]:
        """The files that were chosen."""
        return [
            each for each in self._form.getlist(name) if isinstance(each, UploadFile) and each.size
        ]

    def typed(self) -> dict[str, str]:
        """Everything that was typed, to show it again."""
        return {name: value for name, value in self._form.items() if isinstance(value, str)}

    def check(self) -> None:
        """Raise `Invalid` when something is wrong."""
        if self.problems:
            raise Invalid(self.problems)


def new_key() -> str:
    """A key for a form that is shown now."""
    return secrets.token_urlsafe(18)


globals_: dict[str, Any] = templates.env.globals
globals_["new_form_key"] = new_key
