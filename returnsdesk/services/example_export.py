"""Judged messages as training examples in the layout of data/nlu, for a person to look at and copy over."""

from __future__ import annotations

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from returnsdesk.db.models import Conversation, Correction, Message
from returnsdesk.db.session import Database
from returnsdesk.domain import stand_ins
from returnsdesk.domain.intents import INTENTS
from returnsdesk.domain.mentions import KINDS, find_mentions
from returnsdesk.domain.reading import read
from returnsdesk.domain.text import words
from returnsdesk.services import audit
from returnsdesk.services.missed_messages import known_words
from returnsdesk.settings import LANGUAGES, PROJECT_ROOT

EXAMPLES_FOLDER: Final = PROJECT_ROOT / "data" / "nlu"
VALUES_FILE: Final = "values.yml"
LONGEST_EXAMPLE: Final = 500

NEW: Final = "new"
DUPLICATE: Final = "stands there already"
CONTRADICTS: Final = "stands under another intent"
TOO_LONG: Final = "too long for an example"
EMPTY: Final = "no words"

_LANGUAGE_NAMES: Final = {
    "en": "English", "nl": "Dutch", "de": "German", "nb": "Norwegian", "pl": "Polish",
}  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\ufeff]")


@dataclass(frozen=True)
class Example:
    """A judged message as it would be exported: without personal data, under its file.

    `standing` is `NEW`, or why it is left out; `other` is the intent under which the same words stand already.
    `values` are kind and words of what the message names, where the assistant reads it otherwise.
    """

    message_id: int
    conversation_id: str
    seq: int
    language: str
    intent: str
    text: str
    standing: str
    other: str = ""
    values: tuple[tuple[str, str], ...] | None = None
    corrected_by: str = ""
    corrected_at: datetime | None = None
    exported_at: datetime | None = None

    @property
    def path(self) -> str:
        """The file in which its intent's examples of its language stand."""
        return f"data/nlu/{self.language}/{INTENTS[self.intent].topic}.yml"


def examples(
    session: Session, *, only_unexported: bool = False, folder: Path = EXAMPLES_FOLDER
) -> list[Example]:
    """Every judged message that is not left out, the latest judgement last."""
    wanted = (
        select(Correction, Message, Conversation.language)
        .join(Message, Message.id == Correction.message_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Correction.intent.isnot(None))
        .order_by(Correction.corrected_at, Correction.id)
    )
    if only_unexported:
        wanted = wanted.where(Correction.exported_at.is_(None))
    rows = session.execute(wanted).all()
    known = known_words(session, {message.conversation_id for _, message, _ in rows})
    found = [
        _example(row, message, language, known.get(message.conversation_id, ()))
        for row, message, language in rows
        if row.intent in INTENTS
    ]
    return _with_standing(found, standing_examples(folder))


def standing_examples(folder: Path = EXAMPLES_FOLDER) -> Mapping[tuple[str, str], str]:
    """Intent of every example that stands in the project's files, by language and comparable words."""
    files = sorted(folder.glob("*/*.yml"))
    return _read_examples(tuple((path, path.stat().st_mtime_ns) for path in files))


def as_files(chosen: Iterable[Example]) -> dict[str, str]:
    """Files by path: those of data/nlu for what is new, and values that are read otherwise than judged."""
    by_path: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    values = []
    for each in chosen:
        if each.values is not None:
            values.append(each)
        if each.standing == NEW:
            by_path[each.path][each.intent].append(each.text)
    files = {path: _as_yaml(path, by_intent) for path, by_intent in sorted(by_path.items())}
    if values:
        files[VALUES_FILE] = _values_as_yaml(values)
    return files


def as_archive(files: Mapping[str, str]) -> bytes:
    """The files as a ZIP archive; the same files give the same bytes."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content.encode())
    return written.getvalue()


def note_exported(
    database: Database, message_ids: Collection[int], *, actor: str, now: datetime
) -> None:
    """Remember that judgements were exported; the next export can leave them out."""
    with database.write() as session:
        session.execute(
            update(Correction)
            .where(Correction.message_id.in_(message_ids))
            .values(exported_at=now)
            .execution_options(synchronize_session=False)
        )
        audit.recorded(
            session, actor=actor, action=audit.EXPORT, subject="examples",
            detail={"count": len(message_ids)}, now=now,
        )  # fmt: skip


def _example(row: Correction, message: Message, language: str, known: Iterable[str]) -> Example:
    personal = stand_ins.find_personal(message.text, known)
    return Example(
        message_id=message.id,
        conversation_id=message.conversation_id,
        seq=message.seq,
        language=_language(message.text, language),
        intent=str(row.intent),
        text=_on_one_line(stand_ins.replaced(message.text, personal)),
        standing=NEW,
        values=_values(message.text, row.entities, personal),
        corrected_by=row.corrected_by,
        corrected_at=row.corrected_at,
        exported_at=row.exported_at,
    )


def _language(text: str, of_conversation: str) -> str:
    """The language of the message's own words where they leave no doubt: some shoppers write another one."""
    likely = read(text).languages & frozenset(LANGUAGES)
    if of_conversation in likely or len(likely) != 1:
        return of_conversation
    return next(iter(likely))


def _on_one_line(text: str) -> str:
    """Words as an example may have them: on one line, and nothing that Rasa would read as a mark of its own."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    return line.translate(str.maketrans("[]{}", "()()")).lstrip("-*+ ")


def _values(
    text: str, judged: Sequence[Mapping[str, Any]], personal: Sequence[stand_ins.StandIn]
) -> tuple[tuple[str, str], ...] | None:
    """Kind and words of each judged value; None where the product finds the very same ones."""
    found = {(each.kind, each.start, each.end) for each in find_mentions(text)}
    meant = {
        (each["entity"], each["start"], each["end"]) for each in judged if each["entity"] in KINDS
    }
    if found == meant:
        return None
    changed = stand_ins.replaced(text, personal)
    places = [
        stand_ins.place_after(place, personal)
        for _, start, end in sorted(meant)
        for place in (start, end)
    ]
    spans = zip(places[::2], places[1::2], strict=True)
    return tuple(
        (kind, changed[start:end])
        for (kind, _, _), (start, end) in zip(sorted(meant), spans, strict=True)
    )


def _with_standing(
    found: Sequence[Example], standing: Mapping[tuple[str, str], str]
) -> list[Example]:
    seen: dict[tuple[str, str], str] = dict(standing)
    judged = []
    for each in found:
        key = (each.language, _comparable(each.text))
        other = seen.get(key, "")
        if not key[1]:
            each = replace(each, standing=EMPTY)
        elif len(each.text) > LONGEST_EXAMPLE:
            each = replace(each, standing=TOO_LONG)
        elif other:
            each = replace(
                each, standing=DUPLICATE if other == each.intent else CONTRADICTS, other=other
            )
        else:
            seen[key] = each.intent
        judged.append(each)
    return judged


def _comparable(text: str) -> str:
    """What makes two examples the same: words without case, marks and the digits of numbers."""
    return " ".join(re.sub(r"\d", "0", word) for word in words(text))


@lru_cache(maxsize=4)
def _read_examples(files: tuple[tuple[Path, int], ...]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for path, _ in files:
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            for line in entry["examples"].splitlines():
                text = line.strip().removeprefix("-").strip()
                found.setdefault((path.parent.name, _comparable(text)), entry["intent"])
    return found


def _as_yaml(path: str, by_intent: Mapping[str, Sequence[str]]) -> str:
    language, topic = Path(path).parent.name, Path(path).stem
    lines = [
        f"# {_LANGUAGE_NAMES[language]} examples on {topic}, from judged messages: look at them and copy them.",
        'version: "3.1"',
        "",
        "nlu:",
    ]
    for intent in INTENTS:
        if intent in by_intent:
            lines += [f"  - intent: {intent}", "    examples: |"]
            lines += [f"      - {text}" for text in by_intent[intent]]
    return "\n".join(lines) + "\n"


def _values_as_yaml(chosen: Iterable[Example]) -> str:
    rows = [
        {
            "language": each.language,
            "text": each.text,
            "names": [{"kind": kind, "typed": typed} for kind, typed in each.values or ()],
        }
        for each in chosen
    ]
    head = (
        "# What messages name by a person's judgement, where the product reads it otherwise.\n"
        "# Values are found by their form (returnsdesk/domain/mentions.py), so these are cases for its tests.\n"
    )
    return head + yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=110)
