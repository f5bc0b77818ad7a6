"""Rules of the settings: what can be set, how it fails, and that the two lists of settings tell the truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from returnsdesk.settings import PROJECT_ROOT, Settings, SettingsError, load_settings

EXAMPLE = PROJECT_ROOT / ".env.example"
GUIDE = PROJECT_ROOT / "docs" / "settings.md"


def as_text(default: Any) -> str:
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


FIELDS = {
    name.upper(): (as_text(field.default), field.field_info.description)
    for name, field in Settings.__fields__.items()
}


def test_every_setting_is_described() -> None:
    assert all(description for _, description in FIELDS.values())


def test_example_file_lists_every_setting_with_its_default_and_meaning() -> None:
    listed = re.findall(
        r"^# (.+)\n#([A-Z_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert {name: (default, meaning) for meaning, name, default in listed} == FIELDS
    assert [name for _, name, _ in listed] == list(FIELDS)


def test_example_file_can_be_used_with_every_line_switched_on(tmp_path: Path) -> None:
    filled = tmp_path / ".env"
    text = re.sub(r"^#([A-Z_]+=)", r"\1", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    filled.write_text(text, encoding="utf-8")

    settings = load_settings(_env_file=filled)

    assert settings.desk_port == Settings.__fields__["desk_port"].default
    assert settings.shop_name == Settings.__fields__["shop_name"].default


def test_guide_lists_every_setting_with_its_default_and_meaning() -> None:
    table = GUIDE.read_text(encoding="utf-8").partition("<!-- settings:begin -->")[2]
    table = table.partition("<!-- settings:end -->")[0]
    listed = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)`|empty) \| (.*) \|$", table, re.MULTILINE)

    assert {name: (default, meaning) for name, default, meaning in listed} == FIELDS
    assert [name for name, _, _ in listed] == list(FIELDS)


def test_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("SHOP_NAME=From the file\nDESK_PORT=9001\n", encoding="utf-8")
    monkeypatch.setenv("SHOP_NAME", "From outside")

    settings = load_settings(_env_file=file)

    assert (settings.shop_name, settings.desk_port) == ("From outside", 9001)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DESK_PORT", "eighty", "not a valid integer"),
        ("DESK_PORT", "70000", "65535"),
        ("DATABASE_URL", "mysql://shop", "sqlite:/// or postgresql://"),
        ("DEFAULT_LANGUAGE", "fr", "one of en, nl, de, nb, pl"),
        ("LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING or ERROR"),
        ("DEMO_MODE", "perhaps", "boolean"),
    ],
)
def test_value_that_cannot_be_used_is_one_sentence_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as failure:
        load_settings()

    assert str(failure.value).startswith(f"{name} in the environment or .env cannot be used")
    assert reason in str(failure.value)
    assert "\n" not in str(failure.value)


def test_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"SHOP_NAME=caf\xe9\n")

    with pytest.raises(SettingsError, match="not UTF-8"):
        load_settings(_env_file=file)


def test_relative_sqlite_file_is_taken_from_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///var/shop.db")

    assert load_settings().resolved_database_url == f"sqlite:///{PROJECT_ROOT / 'var/shop.db'}"


@pytest.mark.parametrize(
    "url", ["sqlite:////srv/shop.db", "sqlite:///:memory:", "postgresql://desk@db/shop"]
)
def test_other_database_addresses_are_taken_as_they_are(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    assert load_settings().resolved_database_url == url


def test_relative_folders_are_taken_from_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS_DIR", "trained")

    assert load_settings().models_dir == PROJECT_ROOT / "trained"


def test_signing_key_is_made_once_and_kept_for_this_account_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))

    first = load_settings().signing_key

    assert len(first) == 64
    assert load_settings().signing_key == first
    assert (tmp_path / "var" / "secret_key").stat().st_mode & 0o077 == 0


def test_given_secret_key_is_used_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "k" * 40)

    settings = load_settings()

    assert settings.signing_key == "k" * 40
    assert "kkk" not in repr(settings)


def test_secrets_of_different_purposes_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "k" * 40)
    settings = load_settings()

    secrets = {settings.signing_key, settings.rasa_channel_token, settings.shop_login_key}

    assert len(secrets) == 3
    assert load_settings().rasa_channel_token == settings.rasa_channel_token


def test_desk_itself_may_always_embed_the_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://desk.example/")
    monkeypatch.setenv("ALLOWED_ORIGINS", " https://shop.example/, https://www.shop.example")

    assert load_settings().origins == (
        "https://desk.example",
        "https://shop.example",
        "https://www.shop.example",
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("DESK_PORT=8081\n\nDESK_PROT=8082\n", r"Line 3 of \.env: DESK_PROT is not a setting"),
        ("# ports\nDESK_PORT 8081\n", r"Line 2 of \.env is not of the form NAME=value"),
        ("DESK_PORT=eight\n", "DESK_PORT in the environment or .env cannot be used"),
    ],
)
def test_a_line_that_would_count_for_nothing_is_an_error(
    tmp_path: Path, text: str, complaint: str
) -> None:
    broken = tmp_path / ".env"
    broken.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=complaint):
        load_settings(_env_file=broken)


def test_rate_limits_are_lifted_in_demo_mode_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFT_RATE_LIMITS", "true")
    assert load_settings().lift_rate_limits

    monkeypatch.setenv("DEMO_MODE", "false")
    with pytest.raises(SettingsError, match=r"LIFT_RATE_LIMITS .* needs DEMO_MODE"):
        load_settings()
