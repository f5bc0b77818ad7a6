"""The model's name: it changes with everything that a model is made of, and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from returnsdesk import model
from returnsdesk.settings import PROJECT_ROOT, load_settings


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's sources of a model."""
    for pattern in (*model.SOURCES, "data/responses/*.yml"):
        for path in PROJECT_ROOT.glob(pattern):
            copy = tmp_path / path.relative_to(PROJECT_ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    monkeypatch.setattr(model, "PROJECT_ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "config.yml",
        "domain.yml",
        "data/nlu/pl/returns.yml",
        "data/rules/returns.yml",
        "data/responses/conversation.yml",
        "returnsdesk/rasa/intent_classifier.py",
        "returnsdesk/domain/mentions.py",
    ],
)
def test_changed_sources_need_another_model(sources: Path, name: str) -> None:
    before = model.model_path(load_settings())
    with (sources / name).open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert model.model_path(load_settings()) != before


def test_a_wording_that_only_actions_say_needs_no_other_model(sources: Path) -> None:
    before = model.model_path(load_settings())
    with (sources / "data/responses/returns.yml").open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert model.model_path(load_settings()) == before


def test_responses_of_rules_stand_where_a_change_is_noticed() -> None:
    for path in (PROJECT_ROOT / "data" / "responses").glob("*.yml"):
        keys = yaml.safe_load(path.read_text(encoding="utf-8"))["responses"]
        if any(key.startswith("utter_") for key in keys):
            assert path.name == "conversation.yml"
