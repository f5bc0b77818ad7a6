"""What holds for every test: the fixtures of the real servers, and settings of the run's own."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

# Imported for what it does: on its first import sanic puts a rule of its own before pytest's rules on warnings.
# Here that is undone before the tests begin; within a test it would silence, or show, the wrong ones.
import sanic.app  # noqa: F401

from returnsdesk.settings import Settings

# How long an example takes depends on what else the machine does; the timeout of the whole test is enough.
hypothesis.settings.register_profile("returnsdesk", deadline=None)
hypothesis.settings.load_profile("returnsdesk")

pytest_plugins = [
    "tests.servers.postgres",
    "tests.servers.redis",
    "tests.servers.smtp",
    "tests.servers.browser",
    "tests.servers.databases",
    "tests.servers.product",
]


@pytest.fixture(scope="session", autouse=True)
def settings_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests, and the processes that they start, away from a developer's settings and database.

    Models are the exception: they take minutes to train, so the tests use those that `make train` left in models/.
    """
    state = tmp_path_factory.mktemp("var")
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.__fields__:
            patch.delenv(name.upper(), raising=False)
        patch.setattr(Settings.__config__, "env_file", None)
        patch.setenv("VAR_DIR", str(state))
        patch.setenv("DATABASE_URL", f"sqlite:///{state / 'returnsdesk.db'}")
        patch.setenv("RASA_TELEMETRY_ENABLED", "false")
        yield
